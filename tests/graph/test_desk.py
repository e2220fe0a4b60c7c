"""The export as the desk streams it: batch after batch, in order, and no month too many."""

import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from db.pool import Database
from db.queries import statements
from db.usage import make_partitions
from graph import desk
from graph.desk import Desk, told
from metering.archived import UsageArchive
from metering.guarded import GuardedMeter
from metering.meter import LedgerMeter
from metering.store import Store
from schema.acts import ActOutcome, ActResult
from tests.metering.archives import Log, archive_all, archive_of, at, erase, view, viewer
from tests.metering.ledgers import Plans, ms


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as opened:
        yield opened


@pytest.fixture
def front(database: Database, client: Redis) -> Desk:
    store, plans = Store.on(client, 5.0), Plans()
    ledger = LedgerMeter(store, plans.plan_of)
    meter = GuardedMeter(ledger, database, plans.plan_of, UsageArchive(database))
    return Desk(store, database, meter, plans.plan_of)


async def batches(front: Desk, first: str, end: str) -> list[list[Any]]:
    """The exported events as they come."""
    span = at(first), at(end)
    return [
        [json.loads(line) for line in lines] async for lines in front.exported(span, "cloudevents")
    ]


async def test_events_come_in_batches_ordered_by_shard_and_number(
    front: Desk, database: Database, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "EVENTS_AT_ONCE", 2)
    later, sooner = Log(client, 9), Log(client, 4, ms("2026-11-25T13:00:00"))
    ids = [f"9:1:{i}" for i in await later.add(*(view(viewer()) for _ in range(5)))]
    ids = [f"4:1:{i}" for i in await sooner.add(view(viewer()))] + ids
    for shard in (4, 9):
        await archive_all(archive_of(database, client), shard)

    found = await batches(front, "2026-11-25", "2026-11-26")

    assert [len(batch) for batch in found] == [1, 2, 2, 1]
    assert [event["id"] for batch in found for event in batch] == ids


async def test_a_span_begins_with_its_first_instant_and_ends_before_its_last(
    front: Desk, database: Database, client: Redis
) -> None:
    log = Log(client, at_ms=ms("2026-11-24T23:59:59.999") - 1)
    await log.add(*(view(viewer()) for _ in range(3)))
    await archive_all(archive_of(database, client))

    [[before]] = await batches(front, "2026-11-24", "2026-11-25")
    [after] = await batches(front, "2026-11-25", "2026-11-26")

    assert before["time"] == "2026-11-24T23:59:59.999Z"
    assert [event["time"][11:] for event in after] == ["00:00:00.000Z", "00:00:00.001Z"]


async def test_an_erased_viewer_is_in_no_line(
    front: Desk, database: Database, client: Redis
) -> None:
    gone, log = viewer(), Log(client)
    await log.add(view(gone), erase(gone), view(viewer()))
    await archive_all(archive_of(database, client))

    [events] = await batches(front, "2026-11-01", "2026-12-01")

    assert gone not in json.dumps(events)
    assert ["subject" in event for event in events] == [False, False, True]


async def test_what_is_not_archived_is_counted_and_not_exported(
    front: Desk, database: Database, client: Redis
) -> None:
    log = Log(client)
    await log.add(view(viewer()))
    await archive_all(archive_of(database, client))
    await log.add(view(viewer()), view(viewer()))

    [events] = await batches(front, "2026-11-01", "2026-12-01")

    assert (len(events), await front.not_archived()) == (1, 2)


async def test_an_export_reads_only_the_months_it_asks_for(
    database: Database, database_url: str
) -> None:
    await make_partitions(database, {date(2026, month, 1) for month in range(1, 13)})
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute(
        "PREPARE asked (int, bigint, timestamptz, timestamptz, bigint) AS "
        + statements("usage_reads")["exported_events"]
    )

    lines = await connection.fetch("EXPLAIN EXECUTE asked (7, 0, '2026-05-01', '2026-06-01', 100)")
    await connection.close()

    plan = "\n".join(line[0] for line in lines)
    assert "usage_event_2026_05" in plan
    assert plan.count("usage_event_2026_") == plan.count("usage_event_2026_05")


@pytest.mark.parametrize("outcome", [each for each in ActOutcome if each != ActOutcome.DONE])
def test_every_way_an_act_can_end_is_one_sentence(outcome: ActOutcome) -> None:
    sentence = told(ActResult(outcome=outcome))

    assert sentence.sentence.startswith("nothing done: ")
    assert not sentence.is_done
