"""The archive: every event of the log once in PostgreSQL, and nothing that is no event."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from db.pool import Database
from db.usage import boundaries, cursors, detach_before, partitions
from metering.archive import Archive, ArchiveRules
from metering.chain import START, public_key
from metering.intake import ArchiveStopped, LogPart, take
from metering.lag import archive_lag
from metering.meter import LedgerMeter
from metering.shards import keys_of
from tests.metering.archives import (
    NOON,
    SEED,
    Log,
    act,
    archive_all,
    archive_of,
    archive_on,
    assert_chain_holds,
    assert_rollups_equal_events,
    at,
    entries_of,
    epoch,
    id_of,
    rows_of,
    some_views,
    view,
    viewer,
)
from tests.metering.ledgers import SHARD, guest, member, ms, token, view_of

HOUR = 3_600_000
Stores = tuple[Archive, Database, Redis]


@pytest.fixture
async def opened(database_url: str, redis_url: str) -> AsyncIterator[Stores]:
    async with archive_on(database_url, redis_url) as everything:
        yield everything


async def count(database: Database, table: str) -> int:
    [row] = await database.fetch(f"SELECT count(*) FROM {table}")
    return int(row[0])


def every_kind_of_entry() -> list[dict[str, str]]:
    """One entry of each type, and each form of a page view."""
    one, account, done = viewer(), viewer("u"), {"request": token()[:12], "actor": "system"}
    because = done | {"reason": "Said \"so\"; ünïcode, 'quotes', {braces}\n\\N\ttab"}
    given_back = {"request": "abc", "cause": "fault", "actor": "system", "reason": "ours"}
    network = "abcdefghijkl/3/50"
    imported = {"type": "import"} | {k: v for k, v in view(one).items() if k != "type"}
    plan = {"plan": "trial.2", "assignment": "3"}
    return [
        view(one, network=network),
        view(account, "M", limit="", used="0"),
        view(one, "L", count=f"17@{NOON}"),
        imported | {"at": str(NOON - 5000)},
        act("void", viewer=one, window="L.0", code="DEMO:DM-4001", **given_back),
        act("grant", viewer=account, units="3", expires="0", **because),
        act("ungrant", viewer=account, grant="8", **because),
        act("plan", viewer=account, kind="S", **plan, **because),
        act("seal", viewer=one, to=account, codes="DEMO:DM-4001 DEMO:DM-4002", request="abc"),
        act("adopt", viewer=account, window="L.0", from_=one, codes="DEMO:DM-4001", request="abc"),
        act("block", viewer=account, **because),
        act("unblock", viewer=account, **because),
        act("reset", viewer=account, **because),
        act("reset", network="abcdefghijkl", **because),
    ]


async def test_every_entry_can_be_made_again_from_its_row(opened: Stores) -> None:
    archive, database, client = opened
    log, entries = Log(client), every_kind_of_entry()
    ids = await log.add(*entries)

    assert await archive_all(archive) == len(entries)

    assert entries_of(await rows_of(database)) == list(zip(ids, entries, strict=True))
    await assert_chain_holds(database)
    await assert_rollups_equal_events(database)


async def test_what_the_meter_writes_is_archived_word_for_word(
    meter: LedgerMeter, database: Database
) -> None:
    archive = archive_of(database, await meter.store.of(SHARD))
    await meter.view([view_of(guest("n" * 22), 1), view_of(guest("n" * 22), 2)])
    await meter.view([view_of(member(), 1), view_of(member("subscriber"), 2)])

    assert await archive_all(archive) == 4

    stored = await (await meter.store.of(SHARD)).xrange(keys_of(SHARD).log)
    assert entries_of(await rows_of(database)) == stored
    await assert_chain_holds(database)


async def test_an_event_is_archived_once_however_often_and_in_whatever_batches(
    database_url: str, redis_url: str
) -> None:
    async with archive_on(database_url, redis_url, ArchiveRules(batch=7)) as (archive, database, c):
        log = Log(c)
        ids = await log.add(*some_views(50))
        assert await archive_all(archive) == 50
        ids += await log.add(*some_views(1))

        assert await archive_all(archive) == 1
        assert await archive_all(archive) == 0

        assert [id_of(row) for row in await rows_of(database)] == ids
        await assert_chain_holds(database)
        await assert_rollups_equal_events(database)
        cursor = (await cursors(database))[SHARD]
        assert (cursor.stream_id, cursor.events, cursor.head_seq) == (ids[-1], 51, 51)


@pytest.mark.parametrize(
    ("breaking", "reason"),
    [
        ("gap", "shard 7: gap: {next} comes after number 3"),
        ("head ahead", "shard 7: gap: the log ends at 5, its head says 6"),
        ("head gone", "shard 7: rewind: its head was at 3, now it is at 0"),
        ("head back", "shard 7: rewind: its head was at 3, now it is at 2"),
        ("unknown field", "shard 7: {last} cannot be read: no view has colour"),
        ("no code", "shard 7: {last} cannot be read: it has no code"),
        ("bad code", "shard 7: {last} cannot be read: code 'I10' is none"),
        ("later type", "shard 7: {last} cannot be read: it is of type 'refund', written by a "
         "later version"),
        ("epoch", "shard 7: epoch: no event opened epoch 2 of {last}"),
        ("format", "shard 7: format 2 of the ledger, this server reads 1"),
    ],
)  # fmt: skip
async def test_a_log_that_is_not_what_must_come_stops_its_shard_and_nothing_is_written(
    opened: Stores, breaking: str, reason: str
) -> None:
    archive, database, client = opened
    log, other = Log(client), Log(client, SHARD + 1)
    await log.add(*some_views(3))
    await archive_all(archive)
    before = (await cursors(database))[SHARD], await count(database, "usage_hour")
    last = await _break(log, breaking)
    await other.add(*some_views(2))

    stopped = await archive.archive_shard(SHARD)
    again = await archive.archive_shard(SHARD)

    said = reason.format(next=last, last=last)
    assert (stopped.stopped, stopped.is_news, stopped.events) == (said, True, 0)
    assert (again.stopped, again.is_news) == (said, False)
    assert len(await rows_of(database)) == 3
    cursor = (await cursors(database))[SHARD]
    assert cursor.stopped == said
    assert replace(cursor, stopped=None, head_seq=3) == before[0]
    assert await count(database, "usage_hour") == before[1]
    assert await archive_all(archive, SHARD + 1) == 2


async def _break(log: Log, breaking: str) -> str:
    """Make the log of three archived events wrong; the id of its last entry."""
    broken = {"unknown field": {"colour": "red"}, "bad code": {"code": "I10"}}.get(breaking, {})
    broken |= {"later type": {"type": "refund"}, "epoch": {"epoch": "2"}}.get(breaking, {})
    entry = view(viewer()) | broken
    if breaking == "no code":
        del entry["code"]
    if breaking == "gap":
        log.seq += 1
    if breaking == "head gone":
        await log.client.delete(log.keys.head)
        return ""
    if breaking == "head back":
        await log.put_head(2)
        return ""
    ids = await log.add(view(viewer()), entry)
    if breaking == "head ahead":
        await log.put_head(6)
    if breaking == "format":
        await log.client.hset(log.keys.head, "format", "2")
    return ids[0] if breaking == "gap" else ids[-1]


async def test_a_shard_goes_on_when_its_log_is_whole_again(opened: Stores) -> None:
    archive, database, client = opened
    log = Log(client)
    ids = await log.add(view(viewer()), view(viewer()) | {"code": "I10"})
    assert (await archive.archive_shard(SHARD)).is_news
    await client.xdel(log.keys.log, ids[1])
    log.seq = 1
    await client.hset(log.keys.head, "seq", "1")

    still = await archive.archive_shard(SHARD)

    assert still.stopped == "shard 7: rewind: its head was at 2, now it is at 1"
    await log.add(epoch(2, 1))
    await client.xdel(log.keys.log, f"{log.at_ms}-2")
    log.seq = 1_000_001
    await log.add(epoch(2, 0))
    resumed = await archive.archive_shard(SHARD)
    assert (resumed.events, resumed.stopped, resumed.is_news) == (2, None, True)
    assert (await cursors(database))[SHARD].stopped is None


async def test_only_an_epoch_may_leave_numbers_out_and_none_that_are_proven(
    opened: Stores,
) -> None:
    archive, database, client = opened
    log = Log(client)
    await log.add(*some_views(3))
    await archive_all(archive)
    log.seq = 1_000_003
    await log.add(epoch(2, 3), view(viewer(), epoch="2"))

    assert await archive_all(archive) == 2

    assert [(r["seq"], r["epoch"]) for r in await rows_of(database)][-2:] == [
        (1_000_004, 2),
        (1_000_005, 2),
    ]
    await assert_chain_holds(database)
    log.seq = 2_000_000
    await log.add(epoch(3, 1_000_006))
    stopped = await archive.archive_shard(SHARD)
    assert stopped.stopped == (
        f"shard 7: gap: {log.at_ms}-2000001 says that events up to 1000006 are there, the last "
        "before it is 1000005"
    )


async def test_a_tail_that_the_store_lost_is_seen_although_it_was_not_archived_yet(
    database_url: str, redis_url: str
) -> None:
    async with archive_on(database_url, redis_url, ArchiveRules(batch=2)) as (archive, _, client):
        log = Log(client)
        await log.add(*some_views(6))
        assert (await archive.archive_shard(SHARD)).is_behind
        await log.put_head(4)

        stopped = await archive.archive_shard(SHARD)

        assert stopped.stopped == "shard 7: rewind: its head was at 6, now it is at 4"


async def test_two_workers_at_once_archive_every_event_once(
    database_url: str, redis_url: str
) -> None:
    rules = ArchiveRules(batch=20)
    async with (
        archive_on(database_url, redis_url, rules) as (one, database, client),
        archive_on(database_url, redis_url, rules) as (two, _, _),
    ):
        logs = [Log(client, shard) for shard in range(4)]
        for log in logs:
            await log.add(*some_views(200))

        async def work(archive: Archive) -> int:
            done = 0
            for _ in range(60):
                for shard in range(4):
                    done += (await archive.archive_shard(shard)).events
            return done

        assert sum(await asyncio.gather(work(one), work(two))) == 800

        for log in logs:
            assert [row["seq"] for row in await rows_of(database, log.shard)] == [*range(1, 201)]
            await assert_chain_holds(database, log.shard)
        await assert_rollups_equal_events(database)


async def test_a_shard_that_another_worker_holds_is_left_alone(
    opened: Stores, database: Database
) -> None:
    archive, _, client = opened
    await Log(client).add(*some_views(2))
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM usage_cursor WHERE shard = 7 FOR UPDATE")

        done = await archive.archive_shard(SHARD)

    assert (done.events, done.is_behind, done.stopped) == (0, False, None)
    assert await count(database, "usage_event") == 0


async def test_the_log_keeps_what_is_younger_than_48_hours(
    database_url: str, redis_url: str
) -> None:
    later = NOON + 49 * HOUR
    async with archive_on(database_url, redis_url, now_ms=later) as (archive, database, client):
        log = Log(client)
        await log.add(*some_views(300))
        log.at_ms = NOON + 2 * HOUR
        young = await log.add(*some_views(300))

        await archive_all(archive)

        left = [stream_id for stream_id, _ in await client.xrange(log.keys.log)]
        assert left[-300:] == young
        assert len(left) < 400
        assert len(await rows_of(database)) == 600


@pytest.mark.parametrize("now_ms", [0, ms("2099-01-01T00:00:00")])
async def test_trimming_never_goes_beyond_the_cursor_whatever_the_clock_says(
    database_url: str, redis_url: str, now_ms: int
) -> None:
    async with archive_on(database_url, redis_url, ArchiveRules(batch=250), now_ms=now_ms) as (
        archive,
        _,
        client,
    ):
        log = Log(client)
        ids = await log.add(*some_views(1000))

        assert (await archive.archive_shard(SHARD)).events == 250

        left = [stream_id for stream_id, _ in await client.xrange(log.keys.log)]
        assert set(ids[249:]) <= set(left)
        assert await archive_all(archive) == 750


async def test_events_around_the_edge_of_a_month_go_to_their_partitions(opened: Stores) -> None:
    archive, database, client = opened
    log = Log(client, at_ms=ms("2026-12-31T23:59:59.998"))
    await log.add(*some_views(4), step_ms=1)

    await archive_all(archive)

    assert await partitions(database) == ["usage_event_2026_12", "usage_event_2027_01"]
    assert await count(database, "usage_event_2026_12") == 1
    assert await count(database, "usage_event_2027_01") == 3
    assert [row["day"] for row in await database.fetch("SELECT day FROM usage_day ORDER BY 1")] == [
        at("2026-12-31").date(),
        at("2027-01-01").date(),
    ]
    await assert_rollups_equal_events(database)


async def test_a_detached_month_stays_readable_and_what_is_left_still_proves(
    opened: Stores,
) -> None:
    archive, database, client = opened
    log = Log(client, at_ms=ms("2026-10-31T10:00:00"))
    await log.add(*some_views(5))
    log.at_ms = ms("2026-11-01T00:00:00")
    await log.add(*some_views(5))
    await archive_all(archive)
    views = await count(database, "usage_code_day")

    assert await detach_before(database, at("2026-11-25").date()) == ["usage_event_2026_10"]

    assert await count(database, "archive.usage_event_2026_10") == 5
    assert [row["seq"] for row in await rows_of(database)] == [*range(6, 11)]
    assert await count(database, "usage_code_day") == views
    [(_, shard, seq, number, chain, is_here)] = await boundaries(database)
    assert (shard, seq, number, is_here) == (SHARD, 5, 1, True)
    await assert_chain_holds(database, start=chain)
    assert await detach_before(database, at("2026-11-25").date()) == []


async def test_a_detached_month_comes_back_for_an_event_that_is_late(opened: Stores) -> None:
    archive, database, client = opened
    late, early = Log(client, SHARD, ms("2026-10-31T10:00:00")), Log(client, SHARD + 1)
    early.at_ms = ms("2026-10-30T10:00:00")
    await early.add(*some_views(2))
    await archive_all(archive, SHARD + 1)
    await detach_before(database, at("2026-11-25").date())
    await late.add(*some_views(3))

    other = archive_of(database, client)
    assert await archive_all(other) == 3

    assert await count(database, "usage_event_2026_10") == 5
    assert await boundaries(database) == []


async def test_a_checkpoint_is_signed_every_so_many_events_and_verifies(
    database_url: str, redis_url: str
) -> None:
    rules = ArchiveRules(batch=35, checkpoint_events=10, checkpoint_ms=10**15)
    async with archive_on(database_url, redis_url, rules) as (archive, database, client):
        await Log(client).add(*some_views(101))

        await archive_all(archive)

        rows = await database.fetch("SELECT * FROM usage_checkpoint ORDER BY seq")
        chains = {row["seq"]: row["chain"] for row in await rows_of(database)}
        assert [(row["shard"], row["seq"]) for row in rows] == [
            (SHARD, seq) for seq in range(10, 101, 10)
        ]
        assert all(row["chain"] == chains[row["seq"]] for row in rows)
        assert {bytes(row["public_key"]) for row in rows} == {public_key(SEED)}
        cursor = (await cursors(database))[SHARD]
        assert (cursor.checkpoint_seq, cursor.checkpoint_ms) == (100, NOON)


async def test_a_shard_with_anything_new_is_signed_at_least_every_hour(
    opened: Stores, database: Database
) -> None:
    _, _, client = opened
    log = Log(client)

    async def seqs_after(now_ms: int) -> list[int]:
        await archive_of(database, client, now_ms=now_ms).archive_shard(SHARD)
        rows = await database.fetch("SELECT seq FROM usage_checkpoint ORDER BY seq")
        return [row["seq"] for row in rows]

    await log.add(*some_views(3))
    assert await seqs_after(NOON) == [3]
    await log.add(*some_views(3))
    assert await seqs_after(NOON + HOUR - 1) == [3]
    assert await seqs_after(NOON + HOUR) == [3, 6]
    assert await seqs_after(NOON + 2 * HOUR) == [3, 6]


async def test_lag_counts_what_is_not_archived_and_how_old_it_is(
    opened: Stores, database: Database
) -> None:
    archive, _, client = opened

    async def client_of(_shard: int) -> Redis:
        return client

    now_ms = (await client.time())[0] * 1000
    log = Log(client, at_ms=now_ms - 60_000)
    await log.add(*some_views(150), step_ms=1)
    await Log(client, 3, now_ms - 5_000).add(view(viewer()) | {"code": "I10"})
    await archive.archive_shard(SHARD)
    await archive.archive_shard(3)

    lag = await archive_lag(database, client_of)

    assert (lag.events, lag.shards[SHARD].events, lag.shards[3].events) == (51, 50, 1)
    assert 59 <= lag.seconds < 90
    assert 5 <= lag.shards[3].seconds < 35
    assert [*lag.stopped] == [3]
    assert (lag.shards[0].events, lag.shards[0].seconds) == (0, 0.0)


def test_a_head_of_a_new_shard_with_nothing_in_it_is_no_fault() -> None:
    from db.usage import Cursor

    blank = Cursor(SHARD, 0, 0, 1, START, 0, 0, 0, 0, 0, None)

    assert take(blank, LogPart({}, [], is_end=True)).rows == []
    with pytest.raises(ArchiveStopped, match="the log ends at 0, its head says 4"):
        take(blank, LogPart({"format": "1", "seq": "4"}, [], is_end=True))
