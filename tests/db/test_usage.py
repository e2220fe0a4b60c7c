"""The tables of the archive: cursors, partitions, salts and checkpoints."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg
import pytest

from db.pool import Database, open_database
from db.usage import (
    Boundary,
    CheckpointRow,
    Cursor,
    HeldShard,
    boundaries,
    checkpoints,
    cursors,
    detach_before,
    detached_events_to_prove,
    events_after,
    first_of_month,
    make_partitions,
    partitions,
    shard_held,
    stop_shard,
)
from schema.errors import StoreUnavailable

BLANK = bytes(32)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_every_shard_has_a_cursor_from_the_start(database: Database) -> None:
    assert await cursors(database) == [
        Cursor(shard, 0, 0, 1, BLANK, 0, 0, 0, 0, 0, None) for shard in range(64)
    ]
    assert (await cursors(database))[3].stream_id == "0-0"


async def test_a_held_shard_is_left_alone_by_others_and_free_afterwards(
    database: Database,
) -> None:
    async with shard_held(database, 7) as held:
        assert isinstance(held, HeldShard)
        async with shard_held(database, 7) as second:
            assert second is None
        async with shard_held(database, 8) as other:
            assert other is not None

    async with shard_held(database, 7) as again:
        assert again is not None


async def test_a_salt_is_made_once_whoever_asks_first(database_url: str) -> None:
    async with open_database(database_url, size=8, statement_timeout_seconds=20) as database:

        async def salt(shard: int) -> dict[str, bytes]:
            async with shard_held(database, shard) as held:
                assert held is not None
                return await held.salts(["gone", "gtwo"])

        answers = await asyncio.gather(*(salt(shard) for shard in range(6)))

        assert answers == [answers[0]] * 6
        assert sorted(answers[0]) == ["gone", "gtwo"]
        assert [len(each) for each in answers[0].values()] == [32, 32]
        rows = await database.fetch("SELECT viewer, salt FROM viewer_salt")
        assert {row["viewer"]: row["salt"] for row in rows} == answers[0]


async def test_a_salt_of_a_transaction_that_was_undone_is_nobodys(database: Database) -> None:
    with suppress(asyncio.CancelledError):
        async with shard_held(database, 7) as held:
            assert held is not None
            await held.salts(["gone"])
            raise asyncio.CancelledError

    assert await database.fetch("SELECT viewer FROM viewer_salt") == []


async def test_partitions_are_made_once_by_any_number_of_workers_at_once(
    database_url: str,
) -> None:
    months = [first_of_month(day("2026-11-25"), ahead) for ahead in range(3)]
    async with open_database(database_url, size=6, statement_timeout_seconds=20) as database:
        await asyncio.gather(*(make_partitions(database, months) for _ in range(6)))

        assert await partitions(database) == [
            *("usage_event_2026_11", "usage_event_2026_12", "usage_event_2027_01")
        ]


async def test_a_partition_is_made_while_others_write(database: Database) -> None:
    await make_partitions(database, [day("2026-11-01").date()])
    async with database.connection() as writer, writer.transaction():
        await writer.execute(
            """
            INSERT INTO usage_event (recorded_at, seq, epoch, shard, type, views, commitment, chain)
            VALUES ('2026-11-05', 1, 1, 0, 'epoch', 1, '', '')
            """
        )

        await make_partitions(database, [day("2026-12-01").date()])

    assert len(await partitions(database)) == 2


async def test_detaching_keeps_the_end_of_each_shard(database: Database) -> None:
    await make_partitions(database, [day("2026-10-01").date(), day("2026-11-01").date()])
    await database.fetch(
        """
        INSERT INTO usage_event (recorded_at, seq, epoch, shard, type, views, commitment, chain)
        SELECT '2026-10-05', n, 1, n % 2, 'epoch', 1, '', decode(lpad(n::text, 64, '0'), 'hex')
        FROM generate_series(1, 5) n
        """
    )

    assert await detach_before(database, day("2026-11-25").date()) == ["usage_event_2026_10"]

    assert await partitions(database) == ["usage_event_2026_11"]
    october = day("2026-10-01").date()
    assert await boundaries(database) == [
        Boundary(october, 0, 4, 1, bytes.fromhex("4".rjust(64, "0")), True),
        Boundary(october, 1, 5, 1, bytes.fromhex("5".rjust(64, "0")), True),
    ]
    assert [e["seq"] for e in await detached_events_to_prove(database, 0, 1, 10)] == [2, 4]
    assert [e["seq"] for e in await detached_events_to_prove(database, 1, 0, 2)] == [1, 3]
    assert await events_after(database, 0, 0, 10) == []
    [row] = await database.fetch("SELECT count(*) FROM archive.usage_event_2026_10")
    assert row[0] == 5


async def test_an_event_is_unique_by_its_number(database: Database) -> None:
    await make_partitions(database, [day("2026-11-01").date()])
    insert = """
        INSERT INTO usage_event (recorded_at, seq, epoch, shard, type, views, commitment, chain)
        VALUES ('2026-11-05', 1, 1, 0, 'epoch', 1, '', '')
        """
    await database.fetch(insert)

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.fetch(insert)

    assert len(await events_after(database, 0, 0, 10)) == 1


async def test_why_a_shard_is_stopped_is_news_once(database: Database) -> None:
    assert await stop_shard(database, 7, "gap", 5)
    assert not await stop_shard(database, 7, "gap", 5)
    assert await stop_shard(database, 7, "rewind", 4)

    cursor = (await cursors(database))[7]
    assert (cursor.stopped, cursor.head_seq, cursor.seq) == ("rewind", 5, 0)
    assert await stop_shard(database, 7, None, 0)
    assert (await cursors(database))[7].stopped is None


async def test_checkpoints_come_oldest_first(database: Database) -> None:
    await database.fetch(
        """
        INSERT INTO usage_checkpoint (shard, seq, chain, at_ms, signature, public_key)
        VALUES (7, 20, 'c', 2, 's', 'k'), (7, 10, 'b', 1, 's', 'k'), (8, 5, 'a', 1, 's', 'k')
        """
    )

    assert await checkpoints(database, 7) == [
        CheckpointRow(7, 10, b"b", 1, b"s", b"k"),
        CheckpointRow(7, 20, b"c", 2, b"s", b"k"),
    ]


@pytest.mark.parametrize(
    ("months", "first"), [(0, "2026-11-01"), (2, "2027-01-01"), (-11, "2025-12-01")]
)
def test_first_day_of_a_month_counted_from_an_instant(months: int, first: str) -> None:
    assert first_of_month(day("2026-11-25T23:59:59"), months) == day(first).date()


async def test_archive_without_a_server_is_unavailable(tmp_path: object) -> None:
    async with open_database(f"postgresql://codestile@/postgres?host={tmp_path}") as database:
        with pytest.raises(StoreUnavailable):
            await cursors(database)
