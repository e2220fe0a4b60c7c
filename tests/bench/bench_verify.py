"""How fast archive and live state are proved, beside a plain read of the same archived rows."""

import random
import time
from collections.abc import AsyncIterator

import pytest

from db.pool import Database, open_database
from db.usage import events_after
from metering.archive import ArchiveRules
from metering.archive_proof import ROWS_AT_ONCE
from metering.chain import public_key
from metering.meter import LedgerMeter, open_ledger
from metering.verify import verify_live
from tests.metering.archives import SEED, archive_all, archive_of
from tests.metering.ledgers import SHARD, Plans, guest, plan, token, view_of

GUESTS = 15_000
EVENTS = 50_000
AT_ONCE = 500


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, size=4, statement_timeout_seconds=600) as opened:
        yield opened


@pytest.mark.bench
async def test_fifty_thousand_events_are_proved(redis_url: str, database: Database) -> None:
    plans = Plans()
    plans.add(plan("guest", 1))
    async with open_ledger(redis_url, plans.plan_of, timeout_seconds=30.0) as meter:
        await _fill(meter)
        archive = archive_of(database, await meter.store.of(SHARD), ArchiveRules(batch=10_000))
        assert await archive_all(archive) == EVENTS

        read = await _seconds_to_read(database)
        started, cpu = time.perf_counter(), time.process_time()
        report = await verify_live(
            meter.store, plans.plan_of, database=database, trusted_key=public_key(SEED)
        )
        proof, cpu = time.perf_counter() - started, time.process_time() - cpu

    print()
    for name, seconds in (("read the rows", read), ("prove", proof)):
        print(f"{name:14} {EVENTS / seconds:9,.0f} events/s {seconds:6.2f} s")
    print(f"a proof takes {proof / read:.1f} times as long as reading what it proves")
    print(f"own processor time {cpu / EVENTS * 1e6:.1f} us an event")
    assert (report.problems, report.events, report.archived) == ((), EVENTS, EVENTS)


async def _fill(meter: LedgerMeter) -> None:
    """3 events in 10 admit a guest, the rest repeat or are refused."""
    chance = random.Random(2)
    guests = [guest(token()) for _ in range(GUESTS)]
    views = [view_of(viewer, 1) for viewer in guests]
    # At most two more of each kind for each: nothing is counted together.
    more = [view_of(viewer, number) for viewer in guests for number in (1, 2, 1, 2)]
    views += chance.sample(more, EVENTS - GUESTS)
    for start in range(0, EVENTS, AT_ONCE):
        await meter.view(views[start : start + AT_ONCE])


async def _seconds_to_read(database: Database) -> float:
    started, seq = time.perf_counter(), 0
    while rows := await events_after(database, SHARD, seq, ROWS_AT_ONCE):
        seq = rows[-1]["seq"]
    assert seq == EVENTS
    return time.perf_counter() - started
