"""The archiver is killed, or cancelled at any of its awaits: nothing is missing or double."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Coroutine, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from db.pool import Database
from db.usage import cursors
from metering.archive import Archive, Archived, ArchiveRules
from metering.rounds import Rounds
from tests.metering.archives import (
    NOON,
    SEED,
    Entry,
    Log,
    act,
    archive_all,
    archive_of,
    archive_on,
    assert_chain_holds,
    assert_rollups_equal_events,
    entries_of,
    erase,
    rows_of,
    some_views,
    view,
    viewer,
)
from tests.metering.ledgers import SHARD

ROOT = Path(__file__).resolve().parents[2]
SHARDS = 4


@pytest.mark.parametrize(
    ("events", "kills"),
    [(20_000, 3), pytest.param(250_000, 20, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
async def test_killed_archivers_leave_no_event_out_and_none_twice(
    database_url: str, redis_url: str, events: int, kills: int
) -> None:
    async with archive_on(database_url, redis_url) as (_, database, client):
        logs = [Log(client, shard * 16) for shard in range(SHARDS)]
        written: dict[int, list[tuple[str, Entry]]] = {log.shard: [] for log in logs}
        left = kills
        while left or sum(map(len, written.values())) < events:
            for log in logs:
                more = some_views(events // SHARDS // (kills + 1) + 1, viewers=500)
                written[log.shard] += zip(await log.add(*more), more, strict=True)
            if left:
                await _kill_at_random(database_url, redis_url)
                left -= 1

        await _finish(database, client)

        for log in logs:
            assert entries_of(await rows_of(database, log.shard)) == written[log.shard]
            await assert_chain_holds(database, log.shard)
        await assert_rollups_equal_events(database)
        held = [cursor.events for cursor in await cursors(database)]
        assert sum(held) == sum(map(len, written.values())) >= events


async def _kill_at_random(database_url: str, redis_url: str) -> None:
    """Let an archiver work for a moment and kill it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.metering.archiver", database_url, redis_url, "700"),
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    await asyncio.sleep(random.uniform(0.02, 0.6))
    process.kill()
    await process.wait()


async def _finish(database: Database, client: Redis) -> None:
    async def client_of(_shard: int) -> Redis:
        return client

    rounds = Rounds(database, client_of, SEED, clock_ms=lambda: NOON)
    async with asyncio.timeout(600):
        # What the last archiver held is held until PostgreSQL notices that it is gone.
        while (await rounds.round()).is_behind or await _is_anything_left(database, client):
            await asyncio.sleep(0.05)


async def _is_anything_left(database: Database, client: Redis) -> bool:
    held = {cursor.shard: cursor for cursor in await cursors(database)}
    heads = {shard: await client.hget(Log(client, shard).keys.head, "seq") for shard in held}
    return any(int(heads[shard] or 0) != held[shard].seq for shard in held)


class _Steps:
    """Awaits a coroutine, and cancels its own task when that waits for the nth time."""

    def __init__(self, coroutine: Coroutine[Any, Any, Archived], cancel_at: int) -> None:
        self._coroutine = coroutine
        self._cancel_at = cancel_at
        self.awaits = 0

    def __await__(self) -> Generator[Any, Any, Archived]:
        steps, got, thrown = self._coroutine.__await__(), None, None
        while True:
            try:
                waited = steps.throw(thrown) if thrown else steps.send(got)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            self.awaits += 1
            task = asyncio.current_task()
            if self.awaits == self._cancel_at and task is not None:
                # Takes effect as soon as this waits: what is waited for is cancelled with it.
                task.cancel()
            got, thrown = None, None
            try:
                got = yield waited
            except BaseException as met:
                thrown = met


async def test_an_archiver_cancelled_at_any_await_leaves_all_or_nothing(
    database_url: str, redis_url: str
) -> None:
    """One batch with an erasure, cancelled at its first await, at its second, and so on."""
    rules = ArchiveRules(checkpoint_events=4)
    cancelled_at = 0
    async with archive_on(database_url, redis_url, rules) as (_, database, client):
        log = Log(client)
        written: list[tuple[str, Entry]] = []
        while True:
            cancelled_at += 1
            gone, account = viewer(), viewer("u")
            batch = [
                view(gone),
                act("seal", viewer=gone, to=account, codes="", request="r"),
                erase(gone),
                *some_views(5),
            ]
            written += zip(await log.add(*batch), batch, strict=True)
            if not await _archive_cancelled(archive_of(database, client, rules), cancelled_at):
                break
            done = (await cursors(database))[SHARD].seq
            assert done % len(batch) == 0
            assert len(await rows_of(database)) == done
            await archive_all(archive_of(database, client, rules))
            assert len(await rows_of(database)) == len(written)

        assert cancelled_at > 15  # a batch has more round trips than that
        rows = await rows_of(database)
        assert [row["seq"] for row in rows] == [*range(1, len(written) + 1)]
        whole = [row for row in rows if not row["is_erased"]]
        assert entries_of(whole) == [
            entry for entry, row in zip(written, rows, strict=True) if not row["is_erased"]
        ]
        await assert_chain_holds(database)
        await assert_rollups_equal_events(database)


async def _archive_cancelled(archive: Archive, at: int) -> bool:
    """Archive once, cancelled at the given await; whether there were so many."""
    steps = _Steps(archive.archive_shard(SHARD), at)

    async def archived() -> None:
        await steps

    # The pool ends the opening of a connection before it passes a cancellation on, or forgets it.
    with suppress(asyncio.CancelledError):
        await asyncio.create_task(archived())
    return steps.awaits >= at
