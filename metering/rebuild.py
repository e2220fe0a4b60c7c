"""Makes the live state of shards anew, from the archive and the tail of their logs, in a new epoch
(docs/decisions/0015).

A shard is closed meanwhile, and stays closed when this ends in the middle: doing it again finishes.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from db.pool import Database
from db.rebuild import HeldShards, detached_months, shards_held
from db.usage import Cursor, forgetting_held, make_partitions
from metering.calls import Call, script
from metering.collecting import rarely_collected
from metering.findings import Findings
from metering.live import RECEIPT_MS
from metering.meter import DEFAULT_ADMISSION
from metering.orphans import record_again, set_aside, set_floods_aside
from metering.policy import AdmissionRule
from metering.refold import Refold
from metering.rewriting import rewrite
from metering.shards import TAGS, keys_of
from metering.standing import Tail, is_lost, lost_shards, tail_of
from metering.store import Store
from metering.stored import keys_by_tag
from schema.errors import RebuildRefused, StoreUnavailable
from schema.instants import instant

LOST_SEQS = 1_000_000
"""Numbers left out where events may have been given numbers that nobody knows of."""
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A shard that was made anew."""

    shard: int
    epoch: int
    seq: int
    """Of the event that opened the epoch."""
    proven: int
    """The last seq of the epochs before whose event is known."""
    events: int
    """Events that were folded."""
    viewers: int
    networks: int
    is_tail_lost: bool
    """Whether events may be gone that neither the archive nor the log has."""
    imported: int
    """Views of a lost state, recorded again; the next three are of them."""
    over_granted: int
    over_admitted: int
    uncounted: int
    """Repeats and refusals that stood behind one that was recorded again."""
    not_carried: Mapping[str, int]
    """Acts of a lost state, by type: they have to be done again by hand."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A shard that is open again, what was set aside not yet recorded."""

    tail: Tail
    refold: Refold
    epoch: int
    seq: int


async def rebuild(
    store: Store,
    database: Database,
    shards: Collection[int],
    cause: str,
    *,
    admission: AdmissionRule = DEFAULT_ADMISSION,
    is_forced: bool = False,
) -> list[Rebuilt]:
    """Make shards anew; `cause` is one word for the event that opens the epoch.

    Raises RebuildRefused, before anything is changed, where the log has events that the archive
    missed: the live state knows more than the fold would. `is_forced` does it even so.
    `database` needs three connections at once and must bear long statements. Raises
    StoreUnavailable, after which shards may stay closed.
    """
    async with _alone(database, shards) as held:
        tails = {cursor.shard: await _tail(store, cursor) for cursor in held.cursors}
        if not is_forced:
            _demand_nothing_missed(tails)
        opened = await _rebuild_held(store, held, held.cursors, cause, admission)
    return [await _finished(store, each, admission) for each in opened]


async def rebuild_lost(
    store: Store,
    database: Database,
    cause: str,
    *,
    admission: AdmissionRule = DEFAULT_ADMISSION,
) -> list[Rebuilt]:
    """As rebuild, the shards of lost_shards, if there are any."""
    shards = await lost_shards(store, database)
    if not shards:
        return []
    async with _alone(database, shards) as held:
        # Somebody else may have done it while we waited.
        lost = [cursor for cursor in held.cursors if await is_lost(store, cursor)]
        opened = await _rebuild_held(store, held, lost, cause, admission)
    return [await _finished(store, each, admission) for each in opened]


@asynccontextmanager
async def _alone(database: Database, shards: Collection[int]) -> AsyncIterator[HeldShards]:
    """Nobody else archives the shards, makes them anew or takes entries out of their logs."""
    months = await detached_months(database)
    # Brought back for the fold; housekeeping detaches them again.
    await make_partitions(database, months)
    async with _nobody_forgets(database), shards_held(database, shards) as held:
        yield held


@asynccontextmanager
async def _nobody_forgets(database: Database) -> AsyncIterator[None]:
    """A log that is being copied without its erased entries would bring others back."""
    while True:
        async with forgetting_held(database) as is_held:
            if is_held:
                yield
                return
        await asyncio.sleep(_WAIT_SECONDS)


async def _tail(store: Store, cursor: Cursor) -> Tail:
    return await tail_of(await store.of(cursor.shard), cursor)


def _demand_nothing_missed(tails: Mapping[int, Tail]) -> None:
    for shard, tail in tails.items():
        if tail.orphans and not tail.is_rewound:
            raise RebuildRefused(shard, tail.orphans[0][0], tail.end.seq)


async def _rebuild_held(
    store: Store,
    held: HeldShards,
    cursors: Collection[Cursor],
    cause: str,
    admission: AdmissionRule,
) -> list[_Opened]:
    token = secrets.token_hex(8)
    for cursor in cursors:
        keys = keys_of(cursor.shard)
        await store.answers(cursor.shard, [Call(script("close"), (keys.head,), (token,))])
    present = await keys_by_tag(store, Findings()) if cursors else {}
    opened = []
    for cursor in cursors:
        client, names = await store.of(cursor.shard), present[TAGS[cursor.shard]]
        tail = await tail_of(client, cursor)
        refold = await _folded(store, held, tail)
        await _put_aside(client, tail, names)
        await rewrite(store, refold, names, token, admission)
        opened.append(await _open(store, tail, refold, token, cause))
    return opened


async def _folded(store: Store, held: HeldShards, tail: Tail) -> Refold:
    recent_ms = await store.now_ms() - 2 * RECEIPT_MS
    refold = Refold(tail.end.shard, instant(recent_ms))
    with rarely_collected():
        async for rows in held.events(tail.end.shard):
            refold.add_rows(rows)
    for stream_id, fields in tail.proven:
        refold.add_entry(stream_id, fields)
    return refold


async def _put_aside(client: Redis, tail: Tail, present: set[str]) -> None:
    """What cannot stay in the log, or be recorded later as if nothing had happened."""
    if tail.is_whole:
        return
    receipt = keys_of(tail.end.shard).receipt("")
    receipts = sorted(key for key in present if key.startswith(receipt))
    await set_aside(client, tail.end.shard, tail.orphans, receipts)
    at_ms = max(int(tail.head.get("at", "0")), tail.end.recorded_ms)
    await set_floods_aside(client, tail.end.shard, at_ms)


async def _open(store: Store, tail: Tail, refold: Refold, token: str, cause: str) -> _Opened:
    shard, keys = tail.end.shard, keys_of(tail.end.shard)
    seq = tail.seen_seq + (1 if tail.is_whole else LOST_SEQS)
    orphaned = [int(fields.get("epoch", "0")) for _, fields in tail.orphans]
    epoch = max(tail.end.epoch, int(tail.head.get("epoch", "1")), *orphaned, 1) + 1
    arguments = (token, epoch, seq, tail.end.recorded_ms, cause, tail.end.seq)
    [stream_id] = await store.answers(
        shard, [Call(script("open"), (keys.log, keys.head), arguments)]
    )
    if not stream_id:
        raise StoreUnavailable("valkey", f"another process makes shard {shard} anew")
    return _Opened(tail, refold, epoch, seq)


async def _finished(store: Store, opened: _Opened, admission: AdmissionRule) -> Rebuilt:
    tail, balances = opened.tail, opened.refold.balances
    recorded = await record_again(store, tail.end.shard, admission)
    return Rebuilt(
        shard=tail.end.shard,
        epoch=opened.epoch,
        seq=opened.seq,
        proven=tail.end.seq,
        events=opened.refold.events,
        viewers=len(balances.viewers),
        networks=len(balances.state.networks),
        is_tail_lost=not tail.is_whole,
        imported=recorded.imported,
        over_granted=recorded.over_granted,
        over_admitted=recorded.over_admitted,
        uncounted=recorded.uncounted,
        not_carried=dict(sorted(recorded.not_carried.items())),
    )
