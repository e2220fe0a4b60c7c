"""The proof of the ledger: every balance in the store equals the fold of the log.

Works on a live system: each hash is read in one step with the number of the last event, and
compared with the fold of the log up to exactly that event.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence

from db.pool import Database
from db.usage import cursors
from metering.archive_proof import ArchivedShard, entry_of, verify_rollups
from metering.collecting import rarely_collected
from metering.findings import Findings, Problem, VerifyReport
from metering.log import FORMAT, LaterEvent
from metering.log_proof import LogProof
from metering.meter import DEFAULT_ADMISSION
from metering.policy import AdmissionRule, PlanOf
from metering.receipts import Receipts
from metering.shards import TAGS
from metering.store import Store, store_ms
from metering.stored import (
    ENTRIES_AT_ONCE,
    HASHES_AT_ONCE,
    KEYS_AT_ONCE,
    Inspection,
    StoredHash,
    StoredShard,
    batches,
    keys_by_tag,
)

_SHARDS_AT_ONCE = 2
"""While the stores answer for one, another is folded."""
_PROOFS = 4
"""Most proofs of one shard, where the archive moves under each of them."""
__all__ = ["Problem", "VerifyReport", "verify_live"]


async def verify_live(
    store: Store,
    plan_of: PlanOf,
    *,
    admission: AdmissionRule = DEFAULT_ADMISSION,
    database: Database | None = None,
    trusted_key: bytes | None = None,
) -> VerifyReport:
    """Compares every field of the live state with the log, and every decision in the log with
    the rules; the log is what is archived in `database` and what the store has behind that.

    Without `database` the store has to hold the whole log. With it the archive's chain, its
    checkpoints (signed by `trusted_key`, 32 bytes; None: whoever signed) and its rollups are
    proved too. `plan_of` finds every plan version that the log names. Changes nothing, and may
    run while pages are read. Raises StoreUnavailable.
    """
    found = Findings()
    # The clock that is most behind: what is younger by it is younger by every server's own.
    scanned_ms = min([await store_ms(client) for client in await store.primaries()])
    turns = asyncio.Semaphore(_SHARDS_AT_ONCE)

    async def verify(number: int, keys: set[str]) -> Findings:
        async def prove() -> Findings:
            archived, part = None, Findings()
            if database is not None:
                archived = ArchivedShard(database, number, part, trusted_key)
            shard = _Shard(store, number, plan_of, admission, part, scanned_ms, archived)
            await shard.verify(keys)
            return part

        async with turns:
            return await (prove() if database is None else _undisturbed(database, number, prove))

    async def compare_rollups() -> Findings:
        rollups = Findings()
        if database is not None:
            await verify_rollups(database, rollups)
        return rollups

    with rarely_collected():
        by_tag = await keys_by_tag(store, found)
        proofs = [verify(number, by_tag.pop(tag)) for number, tag in enumerate(TAGS)]
        parts = await _all([*proofs, compare_rollups()])
    for part in parts:
        found.take_over(part)
    return found.report()


async def _undisturbed(
    database: Database, shard: int, prove: Callable[[], Awaitable[Findings]]
) -> Findings:
    """What a proof of a shard finds while nothing of it is archived or erased.

    An erasure takes events out of the archive, then out of the log: who has read the one before and
    the other after it misses them. So what differs is told when nothing moved meanwhile, or when it
    still differs in the last of some proofs.
    """
    for attempt in range(1, _PROOFS + 1):
        before = await _progress(database, shard)
        part = await prove()
        if part.is_silent or attempt == _PROOFS or await _progress(database, shard) == before:
            break
    return part


async def _progress(database: Database, shard: int) -> tuple[int, int]:
    """How far a shard is archived, and how many viewers were erased in all shards."""
    found = await cursors(database)
    return found[shard].seq, sum(cursor.erasures for cursor in found)


async def _all(proofs: Iterable[Coroutine[None, None, Findings]]) -> list[Findings]:
    """What each found; when one fails the others end, and its failure is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(proof) for proof in proofs]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [task.result() for task in tasks]


class _Shard:
    """One shard being compared with its log."""

    def __init__(
        self,
        store: Store,
        shard: int,
        plan_of: PlanOf,
        admission: AdmissionRule,
        found: Findings,
        scanned_ms: int,
        archived: ArchivedShard | None,
    ) -> None:
        self._archived = archived
        self._stored = StoredShard(store, shard)
        self._keys = self._stored.keys
        self._prefixes = self._keys.viewer(""), self._keys.network("")
        self._admission = admission
        self._found = found
        self._receipts = Receipts(found, scanned_ms)
        self._proof = LogProof(shard, plan_of, admission, self._receipts, found)
        self._balances = self._proof.balances

    async def verify(self, present: set[str]) -> None:
        """Compare everything; `present` holds every key that the shard had when it was scanned."""
        own = {self._keys.log, self._keys.head}
        receipt = self._keys.receipt("")
        receipts = {key for key in present if key.startswith(receipt)}
        hashes = {key for key in present if key.startswith(self._prefixes)}
        others = present - receipts - hashes
        mistyped = await self._stored.mistyped(others | own)
        self._add_mistyped(mistyped)
        if mistyped.keys() & own:
            return  # nothing can be compared without them
        others = others.difference(own, mistyped, {self._keys.fresh_log})
        try:
            await self._read_receipts(receipts)
            await self._compare(hashes, others)
        except LaterEvent as later:
            self._found.add("later version", f"event {later}: the proof of its shard ends there")
            await self._fold_to(self._proof.read_to)

    async def _read_receipts(self, keys: Collection[str]) -> None:
        for batch in batches(sorted(keys), KEYS_AT_ONCE):
            receipts, mistyped = await self._stored.receipts(batch)
            self._receipts.add(receipts)
            self._add_mistyped(mistyped)
        self._receipts.read_ms = await self._stored.now_ms()

    async def _compare(self, hashes: set[str], others: set[str]) -> None:
        await self._fold_archive()
        await self._catch_up()
        await self._inspect([])
        if self._proof.is_partial:
            return
        self._receipts.verify_none_is_left()
        # What is counted is in no event, or in none yet, and no balance depends on it.
        beside = self._keys.flood(""), self._keys.tries(""), self._keys.document("")
        waiting = self._keys.waiting
        for key in sorted(key for key in others if not key.startswith(beside) and key != waiting):
            self._found.add("key", f"key {key}: the ledger has no key of this name")
        viewers = {self._keys.viewer(viewer_id) for viewer_id in self._balances.viewers}
        networks = {self._keys.network(digest) for digest in self._balances.state.networks}
        await self._verify_hashes(sorted(hashes | viewers | networks))
        await self._catch_up()
        self._verify_ends(await self._inspect([]))

    async def _fold_archive(self) -> None:
        """Everything archived, which the log has to continue."""
        if self._archived is None:
            return
        await self._archived.begin()
        if self._archived.missing is not None:
            self._proof.begin_after(*self._archived.missing)
        stream_id = None
        while events := await self._archived.read():
            await self._proof.take(events)
            stream_id = entry_of(events[-1][0]).stream_id
        await self._archived.end()
        if stream_id is not None:
            self._stored.start_after(stream_id)

    def _add_mistyped(self, keys: Mapping[str, str]) -> None:
        """Each key that holds another type than its name promises is a problem."""
        for key, stored in keys.items():
            promised = self._keys.type_of(key)
            self._found.add("key", f"key {key}: is a {stored}, not a {promised}")

    async def _verify_hashes(self, keys: Sequence[str]) -> None:
        viewers, networks = self._prefixes
        first = 0
        while first < len(keys):
            some = keys[first : first + HASHES_AT_ONCE]
            seen = await self._inspect(some)
            first += len(seen.hashes)
            for key, stored in zip(some, seen.hashes, strict=False):
                if isinstance(stored, str):
                    self._add_mistyped({key: stored})
                elif key.startswith(viewers):
                    self._verify_viewer(key[len(viewers) :], stored)
                else:
                    self._verify_network(key[len(networks) :], stored, seen.now_ms)

    def _verify_viewer(self, viewer_id: str, stored: StoredHash) -> None:
        if viewer_id in self._proof.blurred:
            return
        self._found.compared["viewers"] += 1
        said = self._balances.fields(viewer_id)
        if stored != (said, None, {}):
            self._found.differ("viewer", viewer_id, stored.fields, said)
            self._verify_expiry("viewer", viewer_id, stored, None)

    def _verify_network(self, digest: str, stored: StoredHash, now_ms: int) -> None:
        self._found.compared["networks"] += 1
        period = self._admission.period_at(self._balances.admitted_ms.get(digest, 0))
        expires_ms = self._admission.expires_ms(period)
        if not stored.fields and now_ms >= expires_ms:
            return
        admitted = self._balances.state.networks.get(digest)
        said = {} if admitted is None else {"admitted": str(admitted)}
        self._found.differ("network", digest, stored.fields, said)
        if stored.fields and said:
            self._verify_expiry("network", digest, stored, expires_ms)

    def _verify_expiry(self, noun: str, name: str, stored: StoredHash, said_ms: int | None) -> None:
        """A balance that goes away by itself is given back; a network's has its time."""
        if stored.expires_ms != said_ms:
            self._found.add(
                f"{noun} expiry",
                f"{noun} {name}: expires {_when(stored.expires_ms)}, not {_when(said_ms)}",
            )
        for field, expires_ms in stored.field_expires_ms.items():
            self._found.add(
                f"{noun} expiry", f"{noun} {name}: {field} expires {_when(expires_ms)}, not never"
            )

    def _verify_ends(self, seen: Inspection) -> None:
        """The head, and that neither it nor the log goes away by itself."""
        state = self._balances.state
        said = {
            "format": FORMAT,
            "seq": str(state.seq),
            "epoch": str(state.epoch),
            "at": str(state.at_ms),
        }
        name = f"of {self._keys.tag}"
        self._found.differ("head", name, seen.head.fields, said if state.seq else {})
        self._verify_expiry("head", name, seen.head, None)
        self._verify_expiry("log", name, StoredHash({}, seen.log_expires_ms, {}), None)

    async def _inspect(self, keys: Sequence[str]) -> Inspection:
        """The hashes at one event, where the fold stands afterwards too."""
        read_to = self._proof.read_to
        seen = await self._stored.inspect(keys)
        # What was read of the log before is not undone by a head that is lost or behind.
        said = seen.head.fields.get("seq", "")
        await self._fold_to(max(int(said) if said.isdecimal() else 0, read_to))
        return seen

    async def _catch_up(self) -> None:
        """Read and fold what the log holds now, however fast it grows."""
        is_behind = True
        while is_behind:
            is_behind = await self._read_log() == ENTRIES_AT_ONCE
            await self._fold_to(self._proof.read_to)

    async def _fold_to(self, seq: int) -> None:
        while self._proof.seq < seq:
            if not self._proof.is_ahead and not await self._read_log():
                return
            await self._proof.fold_to(seq)
            if self._proof.is_ahead:
                return

    async def _read_log(self) -> int:
        """Read on; answers the number of entries there were."""
        entries = await self._stored.entries()
        self._proof.read(entries)
        return len(entries)


def _when(instant_ms: int | None) -> str:
    return "never" if instant_ms is None else f"at {instant_ms}"
