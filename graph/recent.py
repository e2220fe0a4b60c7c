"""What a viewer opened lately, read from the archive."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import strawberry

from db.usage_reads import views_of_viewer
from graph import ids
from graph.context import Context
from graph.masking import ErrorCode, coded
from graph.types.codes import Code
from graph.types.relay import Connection, Edge, PageInfo, page_size
from graph.wanted import CodeAsked
from metering.log import OUTCOMES
from schema import codes as shapes
from schema.codes import CodeKey, CodeSystemKey
from schema.instants import instant, milliseconds
from schema.usage import Outcome

strawberry.enum(Outcome)
_CURSOR = "view"
_PLACE = re.compile(r"([0-9]{1,15})-([0-9]{1,18})", re.ASCII)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC), 0


@strawberry.type
class RecentView:
    """One page view of the viewer."""

    id: strawberry.ID
    """The id of its event, as the page told it."""
    viewed_at: datetime
    """When it was recorded, UTC."""
    outcome: Outcome
    """How the meter decided."""
    was_charged: bool
    """Whether it took one of the viewer's page views."""
    count: int
    """Views that this stands for; more than 1 where the same came very often."""
    code: Code | None
    """The code; null when no loaded release has it any more."""


async def recent_views(context: Context, first: int, after: str | None) -> Connection[RecentView]:
    """The part of the viewer's page views that was asked for, newest first.

    Raises BAD_USER_INPUT for a page size or cursor that is none of ours, and StoreUnavailable.
    """
    wanted, before = page_size(first), _before(after)
    viewer = context.visit.viewer
    rows = (
        []
        if viewer is None
        else await views_of_viewer(context.services.database, viewer.id, before, wanted + 1)
    )
    shown = rows[:wanted]
    codes = await _codes(context, [row["code"] for row in shown])
    edges = [
        Edge(cursor=_cursor(row), node=_view(context, row, code))
        for row, code in zip(shown, codes, strict=True)
    ]
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=len(rows) > wanted,
            has_previous_page=after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        total_count=None,
    )


async def _codes(context: Context, texts: list[str]) -> list[Code | None]:
    asked = []
    for text in texts:
        system, _, value = text.partition(":")
        key = CodeKey(CodeSystemKey[system], value)
        asked.append(CodeAsked(key.system, key.value, context.today))
    found = await context.loaders.codes.load_many(asked)
    return [
        Code.of(code, context.today) if isinstance(code, shapes.Code) else None for code in found
    ]


def _view(context: Context, row: Mapping[str, Any], code: Code | None) -> RecentView:
    outcome = OUTCOMES[row["outcome"]]
    stream_id = f"{milliseconds(row['recorded_at'])}-{row['seq']}"
    return RecentView(
        id=context.services.event_id(f"{row['shard']}:{row['epoch']}:{stream_id}"),
        viewed_at=row["recorded_at"],
        outcome=outcome,
        was_charged=outcome.is_charging,
        count=row["views"],
        code=code,
    )


def _cursor(row: Mapping[str, Any]) -> str:
    return ids.encode(_CURSOR, f"{milliseconds(row['recorded_at'])}-{row['seq']}")


def _before(after: str | None) -> tuple[datetime, int]:
    """The place a cursor stands for; far in the future without one."""
    if after is None:
        return _LATEST
    match ids.decode(after):
        case (kind, place) if kind == _CURSOR and (found := _PLACE.fullmatch(place)):
            at_ms = int(found[1])
            if at_ms < milliseconds(_LATEST[0]):
                return instant(at_ms), int(found[2])
    raise coded(ErrorCode.BAD_USER_INPUT, "after is not a cursor of this list.")
