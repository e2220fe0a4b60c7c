"""Erasure: nothing that names the viewer is left anywhere, and everything still proves."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from db.pool import Database
from db.usage import cursors, drop_erased, forgotten
from metering.archive import Archive, ArchiveRules
from metering.forget import compact, forget_pending
from tests.faults.valkey import valkey_in
from tests.metering.archives import (
    Log,
    act,
    archive_all,
    archive_of,
    archive_on,
    assert_chain_holds,
    assert_rollups_equal_events,
    at,
    erase,
    rows_of,
    some_views,
    view,
    viewer,
)
from tests.metering.ledgers import SHARD, ms

REQUEST = "aSecretRequest"


@pytest.fixture
async def opened(
    database_url: str, redis_url: str
) -> AsyncIterator[tuple[Archive, Database, Redis]]:
    async with archive_on(database_url, redis_url) as everything:
        yield everything


@asynccontextmanager
async def own_valkey() -> AsyncIterator[tuple[Redis, Path]]:
    """A Valkey with a file of its own, and where the file is."""
    with tempfile.TemporaryDirectory() as name:
        async with valkey_in(Path(name)):
            client = Redis(unix_socket_path=f"{name}/s", decode_responses=True, protocol=2)
            async with client:
                # A name could hide in what is compressed.
                await client.config_set("rdbcompression", "no")
                yield client, Path(name) / "appendonlydir"


def content(folder: Path) -> bytes:
    """Everything that the append-only file holds."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


async def tables_with(database: Database, *texts: str) -> list[str]:
    """The tables of every schema of ours that hold one of the texts in any column."""
    tables = await database.fetch(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
        "WHERE schemaname IN ('public', 'archive') ORDER BY 1"
    )
    return [
        name
        for [name] in tables
        for text in texts
        if await database.fetch(f"SELECT FROM {name} t WHERE t::text LIKE $1", f"%{text}%")
    ]


async def forget_all(database: Database, client: Redis) -> None:
    """Passes until nothing is left to be forgotten."""

    async def client_of(_shard: int) -> Redis:
        return client

    async with asyncio.timeout(30):
        while await forget_pending(database, client_of):
            await asyncio.sleep(0.02)


async def one_pass(database: Database, client: Redis) -> list[str]:
    """One pass; the states of what is left."""

    async def client_of(_shard: int) -> Redis:
        return client

    await forget_pending(database, client_of)
    return [entry.state for entry in await forgotten(database)]


async def test_after_a_pass_nothing_of_an_erased_viewer_is_left_in_table_log_or_file(
    database: Database,
) -> None:
    gone, account, other = viewer(), viewer("u"), viewer()
    async with own_valkey() as (client, file):
        archive, log, home = archive_of(database, client), Log(client), Log(client, SHARD + 1)
        sealed = act("seal", viewer=gone, to=account, codes="DEMO:DM-4001", request=REQUEST)
        await log.add(view(gone, request=REQUEST), view(other), view(gone, "L"), sealed)
        await home.add(
            act("adopt", viewer=account, window="L.0", from_=gone, codes="", request="r")
        )
        await archive_all(archive)
        await archive_all(archive, SHARD + 1)
        assert await tables_with(database, gone) != []
        assert gone.encode() in content(file)
        await log.add(view(gone, "R"), erase(gone), view(other, "R"))

        await archive_all(archive)
        await forget_all(database, client)

        assert await tables_with(database, gone, REQUEST) == []
        left = [fields["viewer"] for _, fields in await client.xrange(log.keys.log)]
        assert left == [other, other]
        assert await client.xlen(home.keys.log) == 0
        written = content(file)
        assert other.encode() in written
        assert gone.encode() not in written
        assert REQUEST.encode() not in written
        await assert_chain_holds(database)
        await assert_chain_holds(database, SHARD + 1)
        await assert_rollups_equal_events(database)
        assert [row["is_erased"] for row in await rows_of(database)] == [
            *(True, False, True, True, True, True, False)
        ]
        [adopted] = await rows_of(database, SHARD + 1)
        assert (adopted["viewer"], adopted["other"], adopted["is_erased"]) == (account, None, True)


async def test_an_erasure_keeps_every_count(opened: tuple[Archive, Database, Redis]) -> None:
    archive, database, client = opened
    log, gone = Log(client), viewer()
    await log.add(view(gone), view(gone, "L"), view(viewer()))
    await log.add(act("seal", viewer=gone, to=viewer("u"), codes="", request="r"))
    log.at_ms = ms("2026-11-26T10:00:00")
    await log.add(view(gone, "L"))
    await archive_all(archive)
    counts = "SELECT * FROM usage_hour ORDER BY 1, 2, 3", "SELECT * FROM usage_code_day ORDER BY 1"
    before = [await database.fetch(statement) for statement in counts]

    await log.add(erase(gone))
    await archive_all(archive)

    assert [await database.fetch(statement) for statement in counts] == before
    days = await database.fetch("SELECT * FROM usage_day ORDER BY day")
    assert [tuple(row) for row in days] == [
        (at("2026-11-25").date(), 3, 3, 2, 1),
        (at("2026-11-26").date(), 1, 1, 1, 1),
    ]
    funnel = await database.fetch("SELECT * FROM usage_funnel ORDER BY is_erased")
    assert [tuple(row)[1:] for row in funnel] == [
        (True, False, 1, 1, 1, 0, 0, 0),
        (True, True, 1, 1, 1, 1, 1, 0),
    ]
    await assert_rollups_equal_events(database)


async def test_a_viewer_who_comes_back_after_an_erasure_is_a_new_one(
    opened: tuple[Archive, Database, Redis],
) -> None:
    archive, database, client = opened
    log, back = Log(client), viewer()
    await log.add(view(back), erase(back), view(back, "R"), erase(back), view(back, "L"))

    assert await archive_all(archive) == 5

    rows = await rows_of(database)
    assert [row["viewer"] for row in rows] == [None, None, None, None, back]
    assert [row["is_erased"] for row in rows] == [True, True, True, True, False]
    await assert_chain_holds(database)
    await assert_rollups_equal_events(database)
    [day] = await database.fetch("SELECT viewers, erased_viewers FROM usage_day")
    assert tuple(day) == (3, 2)
    assert (await cursors(database))[SHARD].erasures == 2


async def test_a_salt_kept_in_memory_is_not_used_after_another_worker_erased_its_viewer(
    opened: tuple[Archive, Database, Redis],
) -> None:
    one, database, client = opened
    two, log, back = archive_of(database, client), Log(client), viewer()
    await log.add(view(back))
    await archive_all(one)
    await log.add(erase(back), *some_views(5))
    await archive_all(two)
    await log.add(view(back, "L"))

    await archive_all(one)

    assert (await rows_of(database))[-1]["viewer"] == back
    await assert_chain_holds(database)


async def test_a_detached_month_forgets_too(opened: tuple[Archive, Database, Redis]) -> None:
    archive, database, client = opened
    log, gone = Log(client, at_ms=ms("2026-10-05T10:00:00")), viewer()
    await log.add(view(gone), view(viewer()))
    log.at_ms = ms("2026-11-05T10:00:00")
    await log.add(view(gone, "R"))
    await archive_all(archive)
    await database.fetch("SELECT usage_detach_before('2026-11-01')")
    await log.add(erase(gone))

    await archive_all(archive)

    assert await tables_with(database, gone) == []
    rows = await database.fetch("SELECT is_erased FROM archive.usage_event_2026_10 ORDER BY seq")
    assert [row[0] for row in rows] == [True, False]
    assert len(await forgotten(database)) == 3


async def test_a_crash_between_erasing_and_forgetting_is_finished_by_the_next_pass(
    database: Database,
) -> None:
    async with own_valkey() as (client, file):
        archive, log, gone = archive_of(database, client), Log(client), viewer()
        await log.add(view(gone), erase(gone), view(viewer()))
        await archive_all(archive)
        assert [e.state for e in await forgotten(database)] == ["DELETE", "DELETE"]

        # Each time the worker dies after writing its state, or right before.
        assert await one_pass(database, client) == ["REWRITING", "REWRITING"]
        await database.fetch("UPDATE usage_forgotten SET state = 'DELETE', run_id = NULL")
        await forget_all(database, client)

        assert await client.xlen(log.keys.log) == 1
        assert gone.encode() not in content(file)


async def test_a_store_that_was_restarted_is_asked_again(database: Database) -> None:
    async with own_valkey() as (client, file):
        archive, log, gone = archive_of(database, client), Log(client), viewer()
        await log.add(view(gone), erase(gone))
        await archive_all(archive)
        await one_pass(database, client)
        await database.fetch("UPDATE usage_forgotten SET run_id = 'of a life before'")
        before = (await client.info("server"))["run_id"]

        async with asyncio.timeout(20):
            while {e.run_id for e in await forgotten(database)} != {before}:
                await one_pass(database, client)

        await forget_all(database, client)
        assert gone.encode() not in content(file)


async def test_a_file_that_is_being_rewritten_already_is_written_once_more(
    database: Database,
) -> None:
    async with own_valkey() as (client, _):
        archive, log, gone = archive_of(database, client), Log(client), viewer()
        # A fork that takes a while: the file is busy when the pass comes.
        await client.config_set("rdb-key-save-delay", 20_000)
        await client.mset({f"key{n}": "x" for n in range(100)})
        await log.add(view(gone), erase(gone))
        await archive_all(archive)
        await client.bgrewriteaof()

        assert await one_pass(database, client) == ["REWRITE", "REWRITE"]

        with pytest.raises(ResponseError, match="in progress"):
            await client.bgrewriteaof()
        await client.config_set("rdb-key-save-delay", 0)
        await forget_all(database, client)
        assert await forgotten(database) == []


async def test_an_older_event_that_names_the_erased_and_is_archived_later_loses_the_name(
    opened: tuple[Archive, Database, Redis],
) -> None:
    archive, database, client = opened
    home, away = Log(client), Log(client, SHARD + 1)
    account, early, late = viewer("u"), viewer(), viewer()
    names = {"to": account, "codes": "DEMO:DM-4001", "request": "r"}
    [before] = await away.add(act("seal", viewer=early, **names))
    await home.add(view(account, "M"), erase(account))
    away.at_ms = home.at_ms
    await away.add(act("seal", viewer=late, **names))

    await archive_all(archive)
    await archive_all(archive, SHARD + 1)

    rows = await rows_of(database, SHARD + 1)
    assert [(row["viewer"], row["other"], row["is_erased"]) for row in rows] == [
        (early, None, True),
        (late, account, False),
    ]
    forgotten_there = [e.stream_id for e in await forgotten(database) if e.shard == SHARD + 1]
    assert forgotten_there == [before]
    await assert_chain_holds(database, SHARD + 1)
    assert await tables_with(database, account) == [
        *("public.usage_event", "public.usage_event_2026_11")
    ]
    await drop_erased(database, at("2026-12-30"))
    assert await database.fetch("SELECT digest FROM usage_erased") == []


async def test_erasures_far_apart_in_one_shard_fit_one_transaction(
    database_url: str, redis_url: str
) -> None:
    async with archive_on(database_url, redis_url, ArchiveRules(batch=500)) as (a, database, c):
        log, gone = Log(c), [viewer() for _ in range(5)]
        for who in gone:
            await log.add(*some_views(20), view(who), erase(who))

        done = await a.archive_shard(SHARD)

        assert (done.events, done.is_behind) == (110, False)
        assert await tables_with(database, *gone) == []
        await assert_chain_holds(database)
        await assert_rollups_equal_events(database)


async def test_a_log_made_anew_has_every_other_entry_and_goes_on_after_its_last_id(
    redis_url: str,
) -> None:
    async with Redis.from_url(redis_url, decode_responses=True, protocol=2) as client:
        log = Log(client)
        ids = await log.add(*some_views(1200))
        await client.xdel(log.keys.log, ids[0], ids[600], ids[-1])
        before = await client.xrange(log.keys.log)
        await client.xadd(log.keys.fresh_log, {"left": "over"}, id="1-1")

        await compact(client, SHARD)

        assert await client.xrange(log.keys.log) == before
        assert len(before) == 1197
        assert await client.exists(log.keys.fresh_log) == 0
        assert (await client.xinfo_stream(log.keys.log))["last-generated-id"] == ids[-1]


async def test_a_log_without_any_entry_left_stays_and_keeps_its_last_id(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True, protocol=2) as client:
        log = Log(client)
        ids = await log.add(*some_views(3))
        await client.xdel(log.keys.log, *ids)

        await compact(client, SHARD)

        assert (await client.xinfo_stream(log.keys.log))["last-generated-id"] == ids[-1]
