"""Rounds: every shard in turn, partitions ahead, and each alarm once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from db.embedded import StoreUrls
from db.pool import Database
from db.usage import cursors, forgotten, partitions
from graph.archiving import archiving
from metering.archive import ArchiveRules
from metering.rounds import HOUSEKEEPING_SECONDS, RETRY_SECONDS, Change, Rounds
from tests.metering.archives import (
    NOON,
    RULES,
    SEED,
    Log,
    archive_on,
    assert_chain_holds,
    erase,
    rows_of,
    some_views,
    view,
    viewer,
)
from tests.metering.ledgers import ms


class Clock:
    """Both clocks of a Rounds, moved by hand."""

    def __init__(self) -> None:
        self.now_ms = NOON
        self.seconds = 0.0


@pytest.fixture
async def opened(database_url: str, redis_url: str) -> AsyncIterator[tuple[Database, Redis]]:
    async with archive_on(database_url, redis_url) as (_, database, client):
        yield database, client


def rounds_on(
    database: Database, client: Redis, clock: Clock, rules: ArchiveRules = RULES
) -> Rounds:
    async def client_of(_shard: int) -> Redis:
        return client

    return Rounds(
        *(database, client_of, SEED),
        rules=rules,
        clock_ms=lambda: clock.now_ms,
        monotonic=lambda: clock.seconds,
    )


async def test_a_round_archives_one_batch_of_each_shard(opened: tuple[Database, Redis]) -> None:
    database, client = opened
    rounds = rounds_on(database, client, Clock())
    for shard in (0, 31, 63):
        await Log(client, shard).add(*some_views(150))

    done = [await rounds.round() for _ in range(3)]

    assert [(each.events, each.is_behind) for each in done] == [
        (300, True),
        (150, False),
        (0, False),
    ]
    assert rounds.events == 450
    for shard in (0, 31, 63):
        assert len(await rows_of(database, shard)) == 150
        await assert_chain_holds(database, shard)


async def test_partitions_are_made_ahead_and_old_ones_detached(
    opened: tuple[Database, Redis],
) -> None:
    database, client = opened
    clock = Clock()
    rounds = rounds_on(database, client, clock, ArchiveRules(months_kept=1))
    await Log(client, at_ms=ms("2026-09-01T00:00:00")).add(view(viewer()))

    await rounds.round()

    ahead = [f"usage_event_{month}" for month in ("2026_11", "2026_12", "2027_01")]
    assert await partitions(database) == ["usage_event_2026_09", *ahead]
    clock.seconds = HOUSEKEEPING_SECONDS - 1
    await rounds.round()
    assert await partitions(database) == ["usage_event_2026_09", *ahead]
    clock.seconds = HOUSEKEEPING_SECONDS
    await rounds.round()
    assert await partitions(database) == ahead


async def test_a_stopped_shard_is_told_once_and_looked_at_again_later(
    opened: tuple[Database, Redis],
) -> None:
    database, client = opened
    clock = Clock()
    rounds = rounds_on(database, client, clock)
    log, other = Log(client, 5), Log(client, 6)
    [bad] = await log.add(view(viewer()) | {"code": "I10"})

    first = await rounds.round()
    await other.add(view(viewer()))
    clock.seconds = RETRY_SECONDS - 1
    second = await rounds.round()

    assert first.changes == (Change(5, f"shard 5: {bad} cannot be read: code 'I10' is none"),)
    assert (second.events, second.changes) == (1, ())
    clock.seconds = RETRY_SECONDS
    assert (await rounds.round()).changes == ()
    await client.delete(log.keys.log)
    log.seq, log.at_ms = 0, log.at_ms + 1
    await log.add(view(viewer()))
    clock.seconds = 2 * RETRY_SECONDS
    assert (await rounds.round()).changes == (Change(5, None),)


async def test_a_log_that_nobody_writes_to_is_trimmed_in_time(
    opened: tuple[Database, Redis],
) -> None:
    database, client = opened
    clock = Clock()
    rounds = rounds_on(database, client, clock, ArchiveRules())
    log = Log(client)
    await log.add(*some_views(500))
    await rounds.round()
    assert await client.xlen(log.keys.log) == 500

    clock.now_ms, clock.seconds = NOON + 49 * 3_600_000, HOUSEKEEPING_SECONDS
    await rounds.round()

    assert await client.xlen(log.keys.log) < 100
    assert len(await rows_of(database)) == 500


async def test_an_idle_shard_is_signed_when_its_hour_is_over(
    opened: tuple[Database, Redis],
) -> None:
    database, client = opened
    clock = Clock()
    rounds = rounds_on(database, client, clock)
    log = Log(client)
    await log.add(view(viewer()))
    await rounds.round()
    await log.add(view(viewer()))
    await rounds.round()
    assert (await cursors(database))[7].checkpoint_seq == 1

    clock.now_ms += 3_600_000
    await rounds.round()

    assert (await cursors(database))[7].checkpoint_seq == 2


async def test_rounds_forget_the_erased(opened: tuple[Database, Redis]) -> None:
    database, client = opened
    rounds, log, gone = rounds_on(database, client, Clock()), Log(client), viewer()
    await log.add(view(gone), erase(gone))

    async with asyncio.timeout(30):
        await rounds.round()
        while await forgotten(database):
            await rounds.round()

    assert await client.xlen(log.keys.log) == 0


async def test_archiving_waits_for_stores_and_goes_on_when_they_are_there(
    opened: tuple[Database, Redis], database_url: str, redis_url: str
) -> None:
    database, client = opened
    places = iter([None, StoreUrls("postgresql://codestile@127.0.0.1:1/none", redis_url)])
    await Log(client).add(*some_views(120))

    def find() -> StoreUrls | None:
        return next(places, StoreUrls(database_url, redis_url))

    async with archiving(find, lambda: SEED, RULES), asyncio.timeout(30):
        while (await cursors(database))[7].seq < 120:
            await asyncio.sleep(0.05)

    assert len(await rows_of(database)) == 120
    await assert_chain_holds(database)
