"""How fast a shard is made anew from the archive, beside a plain read of the same rows."""

import secrets
import time
from collections.abc import AsyncIterator

import pytest

from db.pool import Database, open_database
from db.rebuild import shards_held
from metering.archive import ArchiveRules
from metering.rebuild import rebuild
from metering.refold import Refold
from metering.shards import keys_of
from metering.store import Store, open_store
from schema.instants import instant
from tests.metering.archives import Entry, Log, archive_all, archive_of, view, viewer
from tests.metering.ledgers import SHARD

EVENTS = 100_000
READERS = 30_000
"""So that 3 events in 10 admit a guest, as in docs/events.md, Size; the rest repeat or refuse."""
AT_ONCE = 10_000


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, size=4, statement_timeout_seconds=600) as opened:
        yield opened


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with open_store(redis_url, timeout_seconds=60) as opened:
        yield opened


def the_mix() -> list[Entry]:
    readers = [viewer() for _ in range(READERS)]
    entries = [
        view(who, code=f"ICD10CM:A{n % 100:02}", network=f"n{n // 50:011d}/{n % 50 + 1}/50")
        for n, who in enumerate(readers)
    ]
    while len(entries) < EVENTS:
        n = secrets.randbelow(READERS)
        code = f"ICD10CM:A{n % 100:02}" if n % 2 else "ICD10CM:B99"
        entries.append(view(readers[n], "R" if n % 2 else "L", code))
    return entries


@pytest.mark.bench
async def test_a_shard_is_made_anew_from_a_hundred_thousand_events(
    database: Database, store: Store
) -> None:
    client = await store.of(SHARD)
    log, entries = Log(client), the_mix()
    for start in range(0, EVENTS, AT_ONCE):
        await log.add(*entries[start : start + AT_ONCE])
    archive = archive_of(database, client, ArchiveRules(batch=10_000))
    assert await archive_all(archive) == EVENTS
    await client.flushdb()

    read = await _seconds_to_read(database)
    fold = await _seconds_to_fold(database)
    started, cpu = time.perf_counter(), time.process_time()
    [done] = await rebuild(store, database, [SHARD], "bench")
    anew, cpu = time.perf_counter() - started, time.process_time() - cpu

    print()
    for name, seconds in (("read the rows", read), ("fold", fold), ("rebuild", anew)):
        print(f"{name:14} {EVENTS / seconds:9,.0f} events/s {seconds:6.2f} s")
    print(f"own processor time {cpu / EVENTS * 1e6:.1f} us an event of a rebuild")
    assert (done.events, done.viewers) == (EVENTS, READERS)
    assert await client.exists(keys_of(SHARD).head) == 1


async def _seconds_to_read(database: Database) -> float:
    started, rows = time.perf_counter(), 0
    async with shards_held(database, [SHARD]) as held:
        async for some in held.events(SHARD):
            rows += len(some)
    assert rows == EVENTS
    return time.perf_counter() - started


async def _seconds_to_fold(database: Database) -> float:
    started, refold = time.perf_counter(), Refold(SHARD, instant(4_000_000_000_000))
    async with shards_held(database, [SHARD]) as held:
        async for some in held.events(SHARD):
            refold.add_rows(some)
    assert len(refold.state.viewers) == READERS
    return time.perf_counter() - started
