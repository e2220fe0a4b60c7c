"""The proof of the ledger: every balance in the store equals the fold of the log.

Works on a live system: each hash is read in one step with the number of the last event, and
compared with the fold of the log up to exactly that event.
"""

from collections import deque
from collections.abc import Sequence

from db.pool import Database
from metering.archive_proof import ArchivedEntry, ArchivedShard, verify_rollups
from metering.decisions import Decisions
from metering.findings import Findings, Problem, VerifyReport
from metering.fold import ShardState
from metering.live import receipt_of, receipt_of_act, viewer_fields
from metering.log import FORMAT, AnyEvent, LaterEvent, UnreadableEvent, read_event
from metering.meter import DEFAULT_ADMISSION
from metering.policy import AdmissionRule, PlanOf
from metering.receipts import NONE, UNKNOWN, Receipts
from metering.shards import TAGS
from metering.store import Store, store_ms
from metering.stored import (
    ENTRIES_AT_ONCE,
    HASHES_AT_ONCE,
    Inspection,
    StoredHash,
    StoredShard,
    batches,
    keys_by_tag,
)
from schema.events import EpochOpened, PageViewed, UnlockImported, ViewEvent
from schema.instants import milliseconds
from schema.usage import Outcome

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
    for tag, keys in (await keys_by_tag(store, found)).items():
        number = TAGS.index(tag)
        archived = None
        if database is not None:
            archived = ArchivedShard(database, number, found, trusted_key)
        shard = _Shard(store, number, plan_of, admission, found, scanned_ms, archived)
        await shard.verify(keys)
    if database is not None:
        await verify_rollups(database, found)
    return found.report()


class _Shard:
    """One shard being compared: its log as far as it was read, folded."""

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
        self._is_partial = False
        """Whether the beginning of the log is not there to be folded: no balance can be proved."""
        self._blurred: set[str] = set()
        """Viewers of whose events an erasure took something away."""
        self._stored = StoredShard(store, shard)
        self._keys = self._stored.keys
        self._decisions = Decisions(plan_of, admission, found)
        self._admission = admission
        self._found = found
        self._state = ShardState(shard)
        self._ahead: deque[AnyEvent] = deque()
        self._receipts = Receipts(found, scanned_ms)
        self._admitted_ms: dict[str, int] = {}
        """When each network last admitted a guest."""

    async def verify(self, present: set[str]) -> None:
        """Compare everything; `present` holds every key that the shard had when it was scanned."""
        own = {self._keys.log, self._keys.head}
        mistyped = await self._mistyped(present | own)
        if mistyped & own:
            return  # nothing can be compared without them
        try:
            await self._compare(present - own - {self._keys.fresh_log}, mistyped)
        except LaterEvent as later:
            self._found.add("later version", f"event {later}: the proof of its shard ends there")
            await self._fold_to(self._read_to)

    async def _compare(self, present: set[str], mistyped: set[str]) -> None:
        present = present - mistyped
        receipts = {key for key in present if key.startswith(self._keys.receipt(""))}
        for batch in batches(sorted(receipts), ENTRIES_AT_ONCE):
            self._receipts.add(await self._stored.receipts(batch))
        self._receipts.read_ms = await self._stored.now_ms()
        await self._fold_archive()
        await self._catch_up()
        await self._inspect([])
        if self._is_partial:
            return
        self._receipts.verify_none_is_left()
        viewers = {self._keys.viewer(viewer_id) for viewer_id in self._state.viewers}
        networks = {self._keys.network(digest) for digest in self._state.networks}
        # What is counted is in no event, or in none yet, and no balance depends on it.
        beside = (self._keys.flood(""), self._keys.tries(""))
        counted = {key for key in present if key.startswith(beside)}
        hashes = viewers | networks | (present - receipts - counted - {self._keys.waiting})
        for batch in batches(sorted(hashes - mistyped), HASHES_AT_ONCE):
            await self._verify_hashes(batch)
        await self._catch_up()
        self._verify_ends(await self._inspect([]))

    async def _fold_archive(self) -> None:
        """Everything archived, which the log has to continue."""
        if self._archived is None:
            return
        await self._archived.begin()
        self._is_partial = self._archived.is_partial
        self._state.seq = self._archived.seq
        stream_id = None
        while entries := await self._archived.read():
            for entry in entries:
                await self._fold_archived(entry)
            stream_id = entries[-1].stream_id
        await self._archived.end()
        if stream_id is not None:
            self._stored.start_after(stream_id)

    async def _fold_archived(self, entry: ArchivedEntry) -> None:
        if entry.is_erased:
            viewer_id = entry.fields.get("viewer")
            if viewer_id is not None:
                self._blurred.add(viewer_id)
            self._skip(entry)
            return
        self._read_entry(entry.stream_id, dict(entry.fields))
        while self._ahead:
            await self._fold(self._ahead.popleft())

    def _skip(self, entry: ArchivedEntry) -> None:
        """Take the shard past an event that nobody is named in any more: its network still counts
        the guest."""
        at_ms, seq = map(int, entry.stream_id.split("-"))
        fields, state = entry.fields, self._state
        self._found.compared["events"] += 1
        if seq != state.seq + 1:
            self._found.add(
                "gap",
                f"event {state.shard}:{fields['epoch']}:{entry.stream_id}: "
                f"comes after number {state.seq}",
            )
        state.seq, state.at_ms = seq, at_ms
        network, *_ = fields.get("network", "").split("/")
        if network and fields.get("outcome") == "U":
            state.networks[network] = state.networks.get(network, 0) + 1
            self._admitted_ms[network] = int(fields.get("at", at_ms))
        self._receipts.forget(entry.stream_id)

    async def _mistyped(self, keys: set[str]) -> set[str]:
        """The keys that hold another type than their name promises; each is a problem."""
        mistyped = await self._stored.mistyped(keys)
        for key, stored in mistyped.items():
            promised = self._keys.type_of(key)
            self._found.add("key", f"key {key}: is a {stored}, not a {promised}")
        return set(mistyped)

    async def _verify_hashes(self, keys: Sequence[str]) -> None:
        viewers, networks = self._keys.viewer(""), self._keys.network("")
        for key in (key for key in keys if not key.startswith((viewers, networks))):
            self._found.add("key", f"key {key}: the ledger has no key of this name")
        known = [key for key in keys if key.startswith((viewers, networks))]
        seen = await self._inspect(known)
        for key, stored in zip(known, seen.hashes, strict=True):
            if key.startswith(viewers):
                self._verify_viewer(key.removeprefix(viewers), stored)
            else:
                self._verify_network(key.removeprefix(networks), stored, seen.now_ms)

    def _verify_viewer(self, viewer_id: str, stored: StoredHash) -> None:
        if viewer_id in self._blurred:
            return
        self._found.compared["viewers"] += 1
        said = viewer_fields(self._state.viewer(viewer_id))
        self._found.differ("viewer", viewer_id, stored.fields, said)
        self._verify_expiry("viewer", viewer_id, stored, None)

    def _verify_network(self, digest: str, stored: StoredHash, now_ms: int) -> None:
        self._found.compared["networks"] += 1
        period = self._admission.period_at(self._admitted_ms.get(digest, 0))
        expires_ms = self._admission.expires_ms(period)
        if not stored.fields and now_ms >= expires_ms:
            return
        admitted = self._state.networks.get(digest)
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
        said = {
            "format": FORMAT,
            "seq": str(self._state.seq),
            "epoch": str(self._state.epoch),
            "at": str(self._state.at_ms),
        }
        name = f"of {self._keys.tag}"
        self._found.differ("head", name, seen.head.fields, said if self._state.seq else {})
        self._verify_expiry("head", name, seen.head, None)
        self._verify_expiry("log", name, StoredHash({}, seen.log_expires_ms, {}), None)

    async def _inspect(self, keys: Sequence[str]) -> Inspection:
        """The hashes at one event, where the fold stands afterwards too."""
        read_to = self._read_to
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
            await self._fold_to(self._read_to)

    @property
    def _read_to(self) -> int:
        """The number of the last event read from the log."""
        return self._ahead[-1].seq if self._ahead else self._state.seq

    async def _fold_to(self, seq: int) -> None:
        while self._state.seq < seq:
            if not self._ahead and not await self._read_log():
                return
            while self._ahead and self._ahead[0].seq <= seq:
                await self._fold(self._ahead.popleft())
            if self._ahead:
                return

    async def _fold(self, event: AnyEvent) -> None:
        await self._verify_event(event)
        self._state.add(event)
        if not isinstance(event, ViewEvent) or event.outcome is not Outcome.UNLOCKED:
            return
        if event.admission is not None:
            self._admitted_ms[event.admission.network] = milliseconds(event.decided_at)

    async def _read_log(self) -> int:
        """Read on; answers the number of entries there were."""
        entries = await self._stored.entries()
        for stream_id, fields in entries:
            self._read_entry(stream_id, fields)
        return len(entries)

    def _read_entry(self, stream_id: str, fields: dict[str, str]) -> None:
        try:
            event = read_event(self._state.shard, stream_id, fields)
        except LaterEvent:
            raise
        except UnreadableEvent as unreadable:
            self._found.add("event", f"event {unreadable}")
            return
        self._found.compared["events"] += 1
        jumps = isinstance(event, EpochOpened) and event.seq > self._read_to
        if event.seq != self._read_to + 1 and not jumps:
            self._found.add("gap", f"event {event.id}: comes after number {self._read_to}")
        self._ahead.append(event)

    async def _verify_event(self, event: AnyEvent) -> None:
        """Whether the rules decide as the event says, and its receipt says the same."""
        opens = isinstance(event, EpochOpened) and event.epoch > self._state.epoch
        if event.epoch != self._state.epoch and not opens:
            self._found.add("epoch", f"event {event.id}: no event opened its epoch")
        if self._is_partial:
            return
        if isinstance(event, UnlockImported):
            self._receipts.verify_import(event)
            return
        said = receipt_of_act(event)
        if isinstance(event, PageViewed):
            verdict = await self._decisions.verify(event, self._state)
            said = UNKNOWN if verdict is None else receipt_of(event, verdict.resets_ms)
            said = said if event.first_at is None else NONE
        self._receipts.verify(event, said)


def _when(instant_ms: int | None) -> str:
    return "never" if instant_ms is None else f"at {instant_ms}"
