"""Archiving again and again: every shard in turn, and what has to be done between."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from redis.asyncio import Redis

from db.pool import Database
from db.usage import Cursor, cursors, detach_before, drop_erased, first_of_month, make_partitions
from metering.archive import DEFAULT_RULES, Archive, Archived, ArchiveRules, ClientOf
from metering.forget import forget_pending
from metering.meter import system_clock_ms
from metering.settling import settle_all
from metering.shards import keys_of
from metering.store import open_store, store_errors
from schema.instants import instant

MONTHS_AHEAD = 2
HOUSEKEEPING_SECONDS = 600.0
SETTLE_SECONDS = 20.0
"""How often floods whose minute is over are looked for."""
ERASED_KNOWN = timedelta(days=7)
"""How long an event that names an erased viewer may come after the erasure."""
RETRY_SECONDS = 10.0
"""How long a stopped shard is left alone before it is looked at again."""


class Change(NamedTuple):
    """A shard that stopped, or that goes on."""

    shard: int
    stopped: str | None
    """What is wrong with its log; None: it goes on."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did."""

    events: int
    is_behind: bool
    """Whether some shard has more at once."""
    changes: tuple[Change, ...]
    """To be told to whoever watches; each is told once."""


@asynccontextmanager
async def open_rounds(
    database: Database,
    redis_url: str,
    seed: bytes,
    rules: ArchiveRules,
    timeout_seconds: float,
) -> AsyncIterator["Rounds"]:
    """Rounds on the store of a URL, closed at the end."""
    async with open_store(redis_url, timeout_seconds=timeout_seconds) as store:
        yield Rounds(database, store.of, seed, rules=rules, settle=partial(settle_all, store))


class Rounds:
    """Archives all shards, one batch each in a round; several of these may run at once."""

    def __init__(
        self,
        database: Database,
        client_of: ClientOf,
        seed: bytes,
        *,
        rules: ArchiveRules = DEFAULT_RULES,
        clock_ms: Callable[[], int] = system_clock_ms,
        monotonic: Callable[[], float] = time.monotonic,
        settle: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """As Archive. `database` needs a connection more than `rules.shards_at_once`. `settle`
        records what was counted and waits; None: somebody else does."""
        self._database = database
        self._client_of = client_of
        self._rules = rules
        self._archive = Archive(database, client_of, seed, rules=rules, clock_ms=clock_ms)
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._settle = settle
        self._settled_at: float | None = None
        self._housekept_at: float | None = None
        self._retry_at: dict[int, float] = {}
        self._untold: list[Change] = []
        self.events = 0
        """Events that this process archived since it started."""

    async def round(self) -> Round:
        """One batch of every shard that has anything new. Raises StoreUnavailable."""
        await self._keep_house()
        await self._record_counted()
        # While PostgreSQL takes in one shard, the next is read and chained.
        turns = asyncio.Semaphore(self._rules.shards_at_once)
        shards = [cursor.shard for cursor in await self._waiting()]
        done = await asyncio.gather(
            *(self._one(shard, turns) for shard in shards), return_exceptions=True
        )
        failed = [each for each in done if isinstance(each, BaseException)]
        if failed:
            raise failed[0]
        await forget_pending(self._database, self._client_of)
        archived = [each for each in done if isinstance(each, Archived)]
        changes, self._untold = tuple(self._untold), []
        return Round(
            sum(each.events for each in archived),
            any(each.is_behind for each in archived),
            tuple(sorted(changes)),
        )

    async def _one(self, shard: int, turns: asyncio.Semaphore) -> Archived:
        async with turns:
            done = await self._archive.archive_shard(shard)
        self.events += done.events
        if done.is_news:
            # Kept until it is told: another shard of the round may fail.
            self._untold.append(Change(shard, done.stopped))
        if done.stopped is not None:
            self._retry_at[shard] = self._monotonic() + RETRY_SECONDS
        return done

    async def _record_counted(self) -> None:
        now = self._monotonic()
        if self._settle is None:
            return
        if self._settled_at is None or now - self._settled_at >= SETTLE_SECONDS:
            await self._settle()
            self._settled_at = now

    async def _waiting(self) -> list[Cursor]:
        """The shards that are to be looked at, by their heads."""
        by_client: dict[Redis, list[Cursor]] = defaultdict(list)
        for cursor in await cursors(self._database):
            by_client[await self._client_of(cursor.shard)].append(cursor)
        waiting = []
        for client, held in by_client.items():
            with store_errors():
                async with client.pipeline(transaction=False) as pipeline:
                    for cursor in held:
                        pipeline.hget(keys_of(cursor.shard).head, "seq")
                    seqs = await pipeline.execute()
            waiting += [
                cursor
                for cursor, seq in zip(held, seqs, strict=True)
                if self._is_waiting(cursor, int(seq or 0))
            ]
        return sorted(waiting, key=lambda cursor: cursor.shard)

    def _is_waiting(self, cursor: Cursor, head_seq: int) -> bool:
        if self._retry_at.get(cursor.shard, 0.0) > self._monotonic():
            return False
        is_signed = cursor.checkpoint_seq == cursor.seq
        is_fresh = self._clock_ms() - cursor.checkpoint_ms < self._rules.checkpoint_ms
        return head_seq != cursor.seq or cursor.stopped is not None or not (is_signed or is_fresh)

    async def _keep_house(self) -> None:
        """Now and then: partitions ahead and behind, and logs that nobody writes to trimmed."""
        now = self._monotonic()
        if self._housekept_at is not None and now - self._housekept_at < HOUSEKEEPING_SECONDS:
            return
        today = instant(self._clock_ms())
        months = {first_of_month(today, ahead) for ahead in range(MONTHS_AHEAD + 1)}
        await make_partitions(self._database, months)
        if self._rules.months_kept is not None:
            oldest = first_of_month(today, -self._rules.months_kept)
            await detach_before(self._database, oldest)
        await drop_erased(self._database, today - ERASED_KNOWN)
        for cursor in await cursors(self._database):
            await self._archive.trim(cursor)
        self._housekept_at = now
