"""The archive of the usage ledger: its rows, its cursors, its rollups and what is to be forgotten.

What an event is, and whether it may be added, is the caller's to know.
"""

import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import asyncpg

from db.pool import Database
from db.queries import statements

_SQL = statements("usage")
_ROLLUPS = ("add_hours", "add_codes", "add_days", "add_keys", "add_first_touches")
CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What a transaction that met another raises; it left nothing and may be tried again."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a shard is archived; all zero, and epoch 1, before its first event."""

    shard: int
    recorded_ms: int
    seq: int
    epoch: int
    chain: bytes
    """The link of the last event."""
    events: int
    """How many events are archived."""
    head_seq: int
    """The highest seq that the shard's head was seen with."""
    checkpoint_seq: int
    checkpoint_ms: int
    """When the last checkpoint was signed."""
    erasures: int
    """Viewers of the shard erased so far; salts that were read before are void."""
    stopped: str | None
    """What keeps the shard from being archived; None: nothing."""

    @property
    def stream_id(self) -> str:
        """The id of the last archived event; `0-0` before the first."""
        return f"{self.recorded_ms}-{self.seq}"


class CheckpointRow(NamedTuple):
    """One row of usage_checkpoint."""

    shard: int
    seq: int
    chain: bytes
    at_ms: int
    signature: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction adds to a shard."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    """One tuple an event, in the order of `columns`; the first is recorded_at."""
    after_seq: int
    """The last event before the first row."""
    erased: Mapping[str, datetime]
    """Viewers that an event of the batch erases, and when; no later event of it names one."""
    checkpoints: Sequence[CheckpointRow]
    cursor: Cursor
    """Where the shard stands after the batch."""


class Forgotten(NamedTuple):
    """An entry that is to be taken out of a log."""

    shard: int
    stream_id: str
    state: str
    """`DELETE`, `REWRITE` or `REWRITING`, as the migration says."""
    run_id: str | None


class HeldShard:
    """A shard whose cursor this transaction holds: nobody else adds to it."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", cursor: Cursor) -> None:
        self._connection = connection
        self.cursor = cursor

    async def salts(self, viewers: Collection[str]) -> dict[str, bytes]:
        """The salt of each viewer, made where there is none."""
        rows = await self._connection.fetch(_SQL["salts"], list(viewers))
        salts: dict[str, bytes] = {row["viewer"]: row["salt"] for row in rows}
        new = sorted(viewer for viewer in viewers if viewer not in salts)
        if new:
            made = [secrets.token_bytes(32) for _ in new]
            rows = await self._connection.fetch(_SQL["keep_salts"], new, made)
            salts.update((row["viewer"], row["salt"]) for row in rows)
        return salts

    async def make_partitions(self, months: Collection[date]) -> None:
        """Make the partitions of these months, where there are none."""
        for month in sorted(months):
            await self._connection.execute(_SQL["make_partition"], month)

    async def add(self, batch: Batch) -> None:
        """Add the rows, what follows from them in the rollups, and advance the cursor."""
        if batch.rows:
            await self._connection.copy_records_to_table(
                "usage_event", records=batch.rows, columns=list(batch.columns)
            )
            await self._add_to_rollups(batch)
        if batch.erased:
            erased = list(batch.erased), list(batch.erased.values())
            await self._connection.execute(_SQL["forget"], *erased)
        await self._add_checkpoints(batch.checkpoints)
        now = batch.cursor
        await self._connection.execute(
            _SQL["advance_cursor"],
            *(now.shard, now.recorded_ms, now.seq, now.epoch, now.chain, now.events, now.head_seq),
            *(now.checkpoint_seq, now.checkpoint_ms, now.erasures),
        )

    async def _add_to_rollups(self, batch: Batch) -> None:
        await self._connection.execute(_SQL["hold_rollups"])
        first, last = batch.rows[0], batch.rows[-1]
        span = (batch.cursor.shard, batch.after_seq, batch.cursor.seq, last[0], first[0])
        for name in _ROLLUPS:
            await self._connection.execute(_SQL[name], *span)
        other = batch.columns.index("other")
        if any(row[other] is not None for row in batch.rows):
            # After the lock: a viewer is erased before it or after it, never beside.
            await self._connection.execute(_SQL["forget_names"], *span)

    async def _add_checkpoints(self, checkpoints: Sequence[CheckpointRow]) -> None:
        if checkpoints:
            columns = (list(column) for column in zip(*checkpoints, strict=True))
            await self._connection.execute(_SQL["add_checkpoints"], *columns)


@asynccontextmanager
async def shard_held(database: Database, shard: int) -> AsyncIterator[HeldShard | None]:
    """A transaction that holds the shard's cursor; None while another worker does.

    Committed at the end, undone by an exception. Raises StoreUnavailable, and CONFLICTS.
    """
    async with database.connection() as connection, connection.transaction():
        row = await connection.fetchrow(_SQL["hold_cursor"], shard)
        yield None if row is None else HeldShard(connection, _cursor(row))


async def cursors(database: Database) -> list[Cursor]:
    """How far every shard is archived, by shard."""
    return [_cursor(row) for row in await database.fetch(_SQL["cursors"])]


def _cursor(row: asyncpg.Record) -> Cursor:
    return Cursor(**dict(row))


async def stop_shard(database: Database, shard: int, sentence: str | None, head_seq: int) -> bool:
    """Keep what stops a shard, None for nothing; whether that is news."""
    row = await database.fetch_one(_SQL["stop_shard"], shard, sentence, head_seq)
    return row is not None


async def events_after(
    database: Database, shard: int, seq: int, count: int
) -> list[Mapping[str, Any]]:
    """Archived events of a shard behind `seq`, by column, in their order."""
    rows = await database.fetch(_SQL["events_after"], shard, seq, count)
    return [dict(row) for row in rows]


async def events_to_prove(
    database: Database, shard: int, seq: int, count: int
) -> Sequence[Mapping[str, Any]]:
    """The same, as the driver has them: a mapping of each would take longer than reading it."""
    # A Record is a mapping in all but name.
    return await database.fetch(  # type: ignore[return-value]
        _SQL["events_after"], shard, seq, count
    )


async def detached_events_to_prove(
    database: Database, shard: int, seq: int, count: int
) -> Sequence[Mapping[str, Any]]:
    """The same, of the months that were detached and still stand in the schema `archive`."""
    return await database.fetch(  # type: ignore[return-value]
        _SQL["detached_events_after"], shard, seq, count
    )


async def checkpoints(database: Database, shard: int) -> list[CheckpointRow]:
    """The signed checkpoints of a shard, oldest first."""
    rows = await database.fetch(_SQL["checkpoints"], shard)
    return [CheckpointRow(*row.values()) for row in rows]


async def make_partitions(database: Database, days: Collection[date]) -> None:
    """Make the partitions of the months of these days, where there are none."""
    for day in sorted(days):
        await database.fetch(_SQL["make_partition"], day)


async def partitions(database: Database) -> list[str]:
    """The names of the partitions that are attached, sorted."""
    return [row["name"] for row in await database.fetch(_SQL["partitions"])]


async def detach_before(database: Database, month: date) -> list[str]:
    """Detach the partitions before a month into the schema `archive`; their names.

    Rollups stay; the link at each shard's end is kept, so the chain of what is left still proves.
    """
    return [row["name"] for row in await database.fetch(_SQL["detach_before"], month)]


class Boundary(NamedTuple):
    """The end of a shard in a partition that was detached."""

    month: date
    """The first day of the partition's month."""
    shard: int
    seq: int
    epoch: int
    chain: bytes
    """The link of the last event, 32 bytes."""
    is_here: bool
    """Whether the partition still stands in the schema `archive`."""


async def boundaries(database: Database) -> list[Boundary]:
    """The ends of the shards in detached partitions, by month and shard."""
    return [Boundary(*row.values()) for row in await database.fetch(_SQL["boundaries"])]


async def first_attached_month(database: Database) -> date | None:
    """The first month whose events are attached; None where nothing was detached."""
    last = max((end.month for end in await boundaries(database)), default=None)
    return (
        None if last is None else first_of_month(datetime(last.year, last.month, 1, tzinfo=UTC), 1)
    )


async def forgotten(database: Database) -> list[Forgotten]:
    """Entries to be taken out of the logs, by shard and stream id."""
    return [Forgotten(*row.values()) for row in await database.fetch(_SQL["forgotten"])]


@asynccontextmanager
async def forgetting_held(database: Database) -> AsyncIterator[bool]:
    """Whether this process alone may take entries out of logs until the end; does not wait."""
    async with database.connection() as connection, connection.transaction():
        yield bool(await connection.fetchval(_SQL["hold_forgetting"]))


async def set_forgotten(
    database: Database, entries: Sequence[Forgotten], state: str, run_id: str | None
) -> None:
    """Say how far the taking out of entries is."""
    await database.fetch(_SQL["set_forgotten"], *_places(entries), state, run_id)


async def finish_forgotten(database: Database, entries: Sequence[Forgotten]) -> None:
    """Drop entries that neither a log nor a file holds any more."""
    await database.fetch(_SQL["finish_forgotten"], *_places(entries))


async def drop_erased(database: Database, before: datetime) -> None:
    """Forget who was erased before an instant: nothing older is archived any more."""
    await database.fetch(_SQL["drop_erased"], before)


def _places(entries: Sequence[Forgotten]) -> tuple[list[int], list[str]]:
    return [entry.shard for entry in entries], [entry.stream_id for entry in entries]


def first_of_month(at: datetime, months: int = 0) -> date:
    """The first day of the month of an instant in UTC, or of so many months later."""
    number = at.year * 12 + at.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


async def salts_of(database: Database, viewers: Collection[str]) -> dict[str, bytes]:
    """The salts of the viewers that have one."""
    rows = await database.fetch(_SQL["salts"], list(viewers))
    return {row["viewer"]: row["salt"] for row in rows}
