"""How fast the archive takes events in, and how fast dashboards read what it made of them."""

import os
import random
import time
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from db.pool import Database, open_database
from db.usage import cursors
from metering.archive import ArchiveRules, read_log
from metering.chain import START
from metering.entries import COLUMNS
from metering.intake import take
from metering.rounds import Rounds
from schema.instants import instant
from tests.metering.archives import NOON, SEED, Log, archive_of, view, viewer

EVENTS = 120_000
BATCH = 10_000
SHARDS = (0, 1, 2)
# Ratios of one run. What the archive promises is a figure of a machine of its own.
LEAST_RATIO = 0.25
READ_MS = 15.0

_ROWS = int(os.environ.get("ARCHIVE_ROWS", "1000000"))
"""Events of the dashboards: ARCHIVE_ROWS=10000000 takes some minutes."""


def mixed(count_: int) -> list[dict[str, str]]:
    """The mix of docs/events.md: 3 in 10 admit a guest, the rest repeat or are refused."""
    rolls = random.Random(count_)
    entries, known = [], [viewer() for _ in range(200)]
    for n in range(count_):
        if n % 10 < 3:
            known[n % 200] = viewer()
            outcome, network = "U", f"abcdefghij{n % 90 + 10}/{n % 50}/50"
        else:
            outcome, network = ("R", "L")[n % 2], ""
        # Some codes are opened far more often than others: half of all views go to one in eight.
        code = f"ICD10CM:A{int(9000 * rolls.random() ** 3):04}"
        entries.append(view(known[n % 200], outcome, code, network=network))
    return entries


async def filled(client: Redis, shard: int, events: int) -> None:
    """Add events to a log, after those that are there."""
    log = Log(client, shard)
    log.seq, at_ms = map(int, [x or 0 for x in await client.hmget(log.keys.head, "seq", "at")])
    log.at_ms = max(at_ms, NOON)
    for _ in range(events // 10_000):
        await log.add(*mixed(10_000))


@pytest.mark.bench
async def test_archive_beside_a_bare_copy_of_the_same_rows(
    database_url: str, redis_url: str
) -> None:
    async with (
        open_database(database_url, size=3, statement_timeout_seconds=600) as database,
        Redis.from_url(redis_url, decode_responses=True) as client,
    ):
        for shard in SHARDS:
            await filled(client, shard, EVENTS // 3)
        copy = await _bare_copy(database, client)
        one, one_cpu = await _archived(database, client, 1)
        for shard in SHARDS:
            await filled(client, shard, EVENTS // 3)
        two, two_cpu = await _archived(database, client, 2)

    print(f"\nread, made into rows and copied   {copy:10,.0f} events/s")
    for at_once, speed, cpu in ((1, one, one_cpu), (2, two, two_cpu)):
        print(
            f"chained and rolled up, {at_once} shard(s) {speed:10,.0f} events/s, "
            f"ratio {speed / copy:.2f}, own processor time {cpu:.1f} us an event"
        )
    assert two / copy >= LEAST_RATIO


async def _archived(database: Database, client: Redis, at_once: int) -> tuple[float, float]:
    """Events a second, and microseconds of this process's processor time an event."""

    async def client_of(_shard: int) -> Redis:
        return client

    rules = ArchiveRules(batch=BATCH, shards_at_once=at_once)
    rounds = Rounds(database, client_of, SEED, rules=rules, clock_ms=lambda: NOON)
    began_at, cpu_at = time.perf_counter(), time.process_time()
    while (await rounds.round()).is_behind:
        pass
    seconds, cpu = time.perf_counter() - began_at, time.process_time() - cpu_at
    assert rounds.events == EVENTS
    return EVENTS / seconds, cpu / EVENTS * 1e6


async def _bare_copy(database: Database, client: Redis) -> float:
    """The same entries, read and made into rows, copied into a table with the same indexes."""
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE bare (LIKE usage_event INCLUDING ALL)")
        events, began_at = 0, time.perf_counter()
        for cursor in (await cursors(database))[:3]:
            after = cursor
            while (read := await read_log(client, after, BATCH)).entries:
                rows = [(*row, START, START) for row in take(after, read).rows]
                await connection.copy_records_to_table("bare", records=rows, columns=list(COLUMNS))
                ms, seq = read.entries[-1][0].split("-")
                after = replace(after, recorded_ms=int(ms), seq=int(seq))
                events += len(rows)
        seconds = time.perf_counter() - began_at
        await connection.execute("DROP TABLE bare")
    return events / seconds


READS = {
    "views by hour of a day": (
        "SELECT starts_at, sum(views) FROM usage_hour WHERE starts_at >= $1::date "
        "AND starts_at < $1::date + 1 GROUP BY 1",
        "SELECT date_trunc('hour', recorded_at), sum(views) FROM usage_event "
        "WHERE recorded_at >= $1::date AND recorded_at < $1::date + 1 GROUP BY 1",
    ),
    "ten codes of a day": (
        "SELECT code, views FROM usage_code_day WHERE day = $1::date ORDER BY views DESC LIMIT 10",
        "SELECT code, sum(views) AS views FROM usage_event WHERE recorded_at >= $1::date "
        "AND recorded_at < $1::date + 1 GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    ),
    "ten codes of a month": (
        "SELECT code, views FROM usage_code_month WHERE month = date_trunc('month', $1::date) "
        "ORDER BY views DESC LIMIT 10",
        "SELECT code, sum(views) AS views FROM usage_event WHERE recorded_at >= "
        "date_trunc('month', $1::date) GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    ),
    "viewers by day of a month": (
        "SELECT day, viewers FROM usage_day WHERE day >= date_trunc('month', $1::date)",
        "SELECT recorded_at::date, count(DISTINCT viewer) FROM usage_event WHERE recorded_at >= "
        "date_trunc('month', $1::date) GROUP BY 1",
    ),
    "funnel of a month": (
        "SELECT is_guest, sum(viewers), sum(unlocked), sum(refused), sum(moved) FROM usage_funnel "
        "WHERE day >= date_trunc('month', $1::date) GROUP BY 1",
        "SELECT viewer LIKE 'g%', count(DISTINCT viewer), count(DISTINCT viewer) FILTER (WHERE "
        "outcome = 'U'), count(DISTINCT viewer) FILTER (WHERE outcome IN ('L', 'N', 'B')), "
        "count(DISTINCT viewer) FILTER (WHERE type = 'seal') FROM usage_event "
        "WHERE recorded_at >= date_trunc('month', $1::date) GROUP BY 1",
    ),
}
"""What a dashboard asks: of the rollups, and the same of the events."""


@pytest.mark.bench
@pytest.mark.timeout(3600)
async def test_dashboards_read_rollups_in_no_time(database_url: str, redis_url: str) -> None:
    async with (
        open_database(database_url, size=3, statement_timeout_seconds=600) as database,
        Redis.from_url(redis_url, decode_responses=True) as client,
    ):
        log, archive = Log(client, 0), archive_of(database, client, ArchiveRules(batch=BATCH))
        began_at = time.perf_counter()
        for _ in range(_ROWS // BATCH):
            await log.add(*mixed(BATCH), step_ms=max(1, 400_000_000 // _ROWS))
            while (await archive.archive_shard(0)).events:
                pass
            await client.xtrim(log.keys.log, maxlen=0)
        print(f"\n{_ROWS:,} events written and archived in {time.perf_counter() - began_at:.0f} s")
        await database.fetch("ANALYZE")
        for name, (rollup, raw) in READS.items():
            fast, slow = await _ms(database, rollup, 5), await _ms(database, raw, 1)
            print(f"{name:28} rollup {fast:8.2f} ms   events {slow:10.1f} ms")
            assert fast < READ_MS


async def _ms(database: Database, statement: str, times: int) -> float:
    """The least of some runs."""
    taken = []
    for _ in range(times):
        began_at = time.perf_counter()
        await database.fetch(statement, instant(NOON).date())
        taken.append((time.perf_counter() - began_at) * 1000)
    return min(taken)
