"""What a viewer opened lately is read from the archive, part by part, and is nobody else's."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLError
from redis.asyncio import Redis

from db.pool import Database
from graph.context import Context
from graph.identity import Visit
from graph.limits import LIMITS
from graph.recent import recent_views
from schema.people import ViewerKind
from schema.usage import Outcome
from tests.graph.conftest import viewer_of
from tests.metering.archives import Log, archive_all, archive_of, view


def asked_by(services: Any, viewer: Any) -> Context:
    visit = Visit(viewer=viewer, may_charge=True)
    return Context(services, visit, "a request", services.now(), LIMITS[ViewerKind.REGISTERED])


@pytest.fixture
async def readers(services: Any, database: Database, redis_url: str) -> tuple[Context, Context]:
    """Two readers, of whom the first viewed seven codes, and a code five times as one event."""
    one, two = viewer_of(ViewerKind.REGISTERED), viewer_of(ViewerKind.REGISTERED)
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        log = Log(client)
        for number in range(7):
            await log.add(view(one.id, "UR"[number % 2], f"ICD10CM:A0{number}"))
            await log.add(view(two.id, "L", "ICD10CM:B99"))
        await log.add({**view(one.id, "R", "ICD10CM:A00"), "count": f"5@{log.at_ms}"})
        await archive_all(archive_of(database, client))
    services = replace(services, database=database)
    return asked_by(services, one), asked_by(services, two)


async def test_views_come_newest_first_and_page_by_page(readers: tuple[Context, Context]) -> None:
    context, _ = readers
    parts, after = [], None
    while True:
        part = await recent_views(context, 3, after)
        parts.append(part)
        after = part.page_info.end_cursor
        if not part.page_info.has_next_page:
            break

    views = [edge.node for part in parts for edge in part.edges]
    assert [len(part.edges) for part in parts] == [3, 3, 2]
    assert [(view.outcome, view.was_charged, view.count) for view in views] == [
        (Outcome.REPEATED, False, 5),
        *[(Outcome.UNLOCKED, True, 1), (Outcome.REPEATED, False, 1)] * 3,
        (Outcome.UNLOCKED, True, 1),
    ]
    assert views == sorted(views, key=lambda view: view.viewed_at, reverse=True)
    assert len({view.id for view in views}) == 8
    # A code that no loaded release has is told of all the same.
    assert {view.code for view in views} == {None}


async def test_nobody_reads_what_another_opened(readers: tuple[Context, Context]) -> None:
    _, context = readers

    part = await recent_views(context, 100, None)

    assert {edge.node.outcome for edge in part.edges} == {Outcome.LIMIT_REACHED}
    assert len(part.edges) == 7


async def test_whoever_is_unknown_opened_nothing(services: Any) -> None:
    part = await recent_views(asked_by(services, None), 20, None)

    assert (part.edges, part.page_info.has_next_page, part.total_count) == ([], False, None)


@pytest.mark.parametrize(
    "after", ["", "x", "MWN1cnNvcjox", "MXZpZXc6MS0x!", "MXZpZXc6OTk5OTk5OTk5OTk5OTk5LTE"]
)
async def test_a_cursor_of_none_of_its_parts_is_refused(
    readers: tuple[Context, Context], after: str
) -> None:
    with pytest.raises(GraphQLError, match="after is not a cursor of this list"):
        await recent_views(readers[0], 20, after)
