"""The archive: moves the log of each shard into PostgreSQL, every event exactly once.

What was read and where the cursor stands change in one transaction, so a crash at any point leaves
either both or neither (docs/decisions/0011).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio import Redis

from db.pool import Database
from db.usage import (
    CONFLICTS,
    Batch,
    CheckpointRow,
    Cursor,
    HeldShard,
    first_of_month,
    shard_held,
    stop_shard,
)
from metering.chain import Checkpoint, signed
from metering.collecting import rarely_collected
from metering.entries import COLUMNS, Row
from metering.intake import ArchiveStopped, Intake, LogPart, sealed, take
from metering.meter import system_clock_ms
from metering.shards import keys_of
from metering.store import store_errors

ClientOf = Callable[[int], Awaitable[Redis]]
"""The client of the server that owns a shard."""
_SALTS_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class ArchiveRules:
    """How the archive is kept."""

    batch: int = 10_000
    """Most events of one transaction."""
    shards_at_once: int = 2
    """How many shards one process works on at a time."""
    kept_ms: int = 48 * 3_600_000
    """How long an archived event stays in the log."""
    checkpoint_events: int = 10_000
    """A shard is signed each time it has so many more events."""
    checkpoint_ms: int = 3_600_000
    """A shard with anything new is signed at least as often."""
    months_kept: int | None = None
    """Months of events that stay attached, the current one not counted; None: all."""


DEFAULT_RULES = ArchiveRules()


@dataclass(frozen=True, slots=True)
class Archived:
    """What became of one attempt at a shard."""

    events: int = 0
    is_behind: bool = False
    """Whether there may be more at once."""
    stopped: str | None = None
    """What keeps the shard from being archived; None: nothing, or another worker has it."""
    is_news: bool = False
    """Whether `stopped` differs from what it was before."""


class Archive:
    """Archives shards; any number of these, in any number of processes, may run at once."""

    def __init__(
        self,
        database: Database,
        client_of: ClientOf,
        seed: bytes,
        *,
        rules: ArchiveRules = DEFAULT_RULES,
        clock_ms: Callable[[], int] = system_clock_ms,
    ) -> None:
        """`seed` is the 32 bytes that sign checkpoints. `database` must bear long statements."""
        self._database = database
        self._client_of = client_of
        self._seed = seed
        self._rules = rules
        self._clock_ms = clock_ms
        self._salts: dict[int, tuple[int, dict[str, bytes]]] = {}
        """By shard: how many viewers were erased when these were read, and the salts."""

    async def archive_shard(self, shard: int) -> Archived:
        """Archive the next events of a shard, `rules.batch` at most, and trim its log behind them.

        Whatever is wrong with the log stops the shard: nothing is written of what was read, and
        the reason is kept in the cursor. Raises StoreUnavailable.
        """
        client = await self._client_of(shard)
        try:
            with rarely_collected():
                done, cursor = await self._archive(client, shard)
        except ArchiveStopped as stopped:
            is_news = await stop_shard(self._database, shard, str(stopped), stopped.head_seq)
            return Archived(stopped=str(stopped), is_news=is_news)
        except CONFLICTS:
            return Archived(is_behind=True)
        if cursor is not None and done.events:
            await self.trim(cursor)
        return done

    async def _archive(self, client: Redis, shard: int) -> tuple[Archived, Cursor | None]:
        """Also the cursor as it was committed; None when another worker holds it."""
        async with shard_held(self._database, shard) as held:
            if held is None:
                return Archived(), None
            before = held.cursor
            read = await read_log(client, before, self._rules.batch)
            taken = take(before, read)
            if not taken.rows and not self._is_checkpoint_due(before) and not before.stopped:
                return Archived(), before
            salts = await self._salts_of(held, taken)
            batch = self._batch(before, read, taken, salts)
            if taken.rows:
                months = {(row[0].year, row[0].month): row[0] for row in taken.rows}
                await held.make_partitions({first_of_month(at) for at in months.values()})
            await held.add(batch)
        self._keep_salts(batch, salts)
        is_behind = not read.is_end or len(taken.rows) < len(read.entries)
        is_news = before.stopped is not None
        return Archived(len(taken.rows), is_behind, is_news=is_news), batch.cursor

    def _batch(
        self, before: Cursor, read: LogPart, taken: Intake, salts: Mapping[str, bytes]
    ) -> Batch:
        rows, links = sealed(before.shard, before.chain, taken, salts)
        after = replace(
            before,
            recorded_ms=taken.recorded_ms,
            seq=taken.seq,
            epoch=taken.epoch,
            chain=links[-1] if links else before.chain,
            events=before.events + len(rows),
            head_seq=max(before.head_seq, taken.seq, int(read.head.get("seq", "0"))),
            erasures=before.erasures + len(taken.erased),
        )
        checkpoints = self._checkpoints(before, after, rows)
        if checkpoints:
            last = checkpoints[-1]
            after = replace(after, checkpoint_seq=last.seq, checkpoint_ms=last.at_ms)
        return Batch(COLUMNS, rows, before.seq, taken.erased, checkpoints, after)

    def _checkpoints(
        self, before: Cursor, after: Cursor, rows: Sequence[Row]
    ) -> list[CheckpointRow]:
        """Signed: every so many events of the shard, and its end when the last is too old."""
        now_ms, every = self._clock_ms(), self._rules.checkpoint_events
        first = every - before.events % every - 1
        due = [(row[1], row[-1]) for row in rows[first::every]]
        if not due and self._is_checkpoint_due(before, after):
            due.append((after.seq, after.chain))
        return [
            CheckpointRow(*point, proof.signature, proof.public_key)
            for point in (Checkpoint(after.shard, seq, chain, now_ms) for seq, chain in due)
            for proof in (signed(self._seed, point),)
        ]

    def _is_checkpoint_due(self, before: Cursor, after: Cursor | None = None) -> bool:
        is_old = self._clock_ms() - before.checkpoint_ms >= self._rules.checkpoint_ms
        return is_old and (after or before).seq > before.checkpoint_seq

    async def _salts_of(self, held: HeldShard, taken: Intake) -> dict[str, bytes]:
        """The salts of an intake, from memory where no viewer was erased since they were read."""
        erasures, kept = self._salts.get(held.cursor.shard, (-1, {}))
        if erasures != held.cursor.erasures:
            kept = {}
        wanted = taken.viewers
        unknown = wanted - kept.keys()
        salts = {viewer: kept[viewer] for viewer in wanted - unknown}
        if unknown:
            salts.update(await held.salts(unknown))
        return salts

    def _keep_salts(self, batch: Batch, salts: Mapping[str, bytes]) -> None:
        """Only what is committed: a salt of a transaction that was undone is nobody's."""
        shard, erasures = batch.cursor.shard, batch.cursor.erasures
        before, kept = self._salts.get(shard, (-1, {}))
        is_void = before != erasures or sum(len(s) for _, s in self._salts.values()) > _SALTS_KEPT
        kept = {} if is_void else kept
        if not batch.erased:
            kept.update(salts)
        self._salts[shard] = (erasures, kept)

    async def trim(self, cursor: Cursor) -> None:
        """Take out of a log what was archived and is older than it has to stay.

        Never beyond the cursor, whatever a clock says.
        """
        oldest = min((self._clock_ms() - self._rules.kept_ms, 0), (cursor.recorded_ms, cursor.seq))
        if oldest <= (0, 0):
            return
        client = await self._client_of(cursor.shard)
        with store_errors():
            await client.xtrim(keys_of(cursor.shard).log, minid=f"{oldest[0]}-{oldest[1]}")


async def read_log(client: Redis, cursor: Cursor, count: int) -> LogPart:
    """The head of a shard and its entries behind the cursor, `count` at most."""
    keys = keys_of(cursor.shard)
    try:
        with store_errors():
            async with client.pipeline(transaction=False) as pipeline:
                pipeline.hgetall(keys.head)
                # Named in bytes, the reply is left as it comes: making it mappings costs as much
                # time as all that is done with it here.
                after = f"({cursor.stream_id}"
                pipeline.execute_command(b"XRANGE", keys.log, after, "+", "COUNT", count)
                replies: list[Any] = await pipeline.execute()
    except UnicodeDecodeError as wrong:
        raise ArchiveStopped(cursor.shard, f"an entry is no text: {wrong}", 0) from wrong
    head, entries = replies
    return LogPart(head, entries, is_end=len(entries) < count)
