"""The proof of one shard's log: event after event decided a second time, compared, and folded."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from metering.archive_proof import ArchivedEntry, ArchivedEvent, entry_of
from metering.balances import Balances
from metering.decisions import Decisions
from metering.findings import Findings
from metering.live import receipt_of, receipt_of_act
from metering.log import AnyEvent, LaterEvent, UnreadableEvent, read_event
from metering.plain import PlainView, plain_entry
from metering.policy import AdmissionRule, PlanOf
from metering.quick_proof import QuickProof
from metering.receipts import NONE, UNKNOWN, Receipts
from schema.events import EpochOpened, PageViewed, UnlockImported, ViewEvent
from schema.instants import milliseconds
from schema.usage import Outcome


class LogProof:
    """One shard, folded as far as its log was read; reads nothing by itself."""

    def __init__(
        self,
        shard: int,
        plan_of: PlanOf,
        admission: AdmissionRule,
        receipts: Receipts,
        found: Findings,
    ) -> None:
        self.balances = Balances(shard)
        self.is_partial = False
        """Whether the beginning of the log is not there to be folded: no balance can be proved."""
        self.blurred: set[str] = set()
        """Viewers of whose events an erasure took something away."""
        self._state = self.balances.state
        self._ahead: deque[AnyEvent | PlainView] = deque()
        self._decisions = Decisions(plan_of, admission, found)
        self._receipts = receipts
        self._quick = QuickProof(self.balances, receipts, self._decisions.terms)
        self._found = found

    @property
    def seq(self) -> int:
        """The number of the last event folded."""
        return self._state.seq

    @property
    def read_to(self) -> int:
        """The number of the last event read."""
        return self._ahead[-1].seq if self._ahead else self._state.seq

    @property
    def is_ahead(self) -> bool:
        """Whether events were read that are not folded yet."""
        return bool(self._ahead)

    def begin_after(self, seq: int, epoch: int) -> None:
        """Leave out the beginning of the log up to an event."""
        self.is_partial = True
        self._state.seq, self._state.epoch = seq, epoch

    async def take(self, events: Iterable[ArchivedEvent]) -> None:
        """Prove and fold archived events."""
        taken = 0
        for row, view in events:
            if view is not None and view.seq == self._state.seq + 1 and self._is_taken(view):
                taken += 1
            else:
                await self._take_archived(entry_of(row))
        self._found.compared["events"] += taken

    async def _take_archived(self, entry: ArchivedEntry) -> None:
        if not entry.is_erased:
            self._read_event(entry.stream_id, entry.fields)
            await self.fold_to(self.read_to)
            return
        viewer_id = entry.fields.get("viewer")
        if viewer_id is not None:
            self.blurred.add(viewer_id)
        self._skip(entry)

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
            self.balances.admit(network, int(fields.get("at", at_ms)))
        self._receipts.forget(entry.stream_id)

    def read(self, entries: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Take in entries of the log, their fields as names and values in turn."""
        for stream_id, flat in entries:
            view = plain_entry(stream_id, flat)
            if view is not None and view.seq == self.read_to + 1:
                self._found.compared["events"] += 1
                self._ahead.append(view)
            else:
                self._read_event(stream_id, dict(zip(flat[::2], flat[1::2], strict=True)))

    def _read_event(self, stream_id: str, fields: Mapping[str, str]) -> None:
        try:
            event = read_event(self._state.shard, stream_id, fields)
        except LaterEvent:
            raise
        except UnreadableEvent as unreadable:
            self._found.add("event", f"event {unreadable}")
            return
        self._found.compared["events"] += 1
        jumps = isinstance(event, EpochOpened) and event.seq > self.read_to
        if event.seq != self.read_to + 1 and not jumps:
            self._found.add("gap", f"event {event.id}: comes after number {self.read_to}")
        self._ahead.append(event)

    async def fold_to(self, seq: int) -> None:
        """Prove and fold what was read, up to a number."""
        while self._ahead and self._ahead[0].seq <= seq:
            event = self._ahead.popleft()
            if not isinstance(event, PlainView):
                await self._fold(event)
            elif not self._is_taken(event):
                await self._fold(read_event(self._state.shard, event.stream_id, event.entry))

    def _is_taken(self, view: PlainView) -> bool:
        """Whether the view is proved and folded; nothing is done of any other."""
        if not self.is_partial:
            return self._quick.take(view)
        if view.epoch != self._state.epoch:
            return False
        self._state.seq, self._state.at_ms = view.seq, view.at_ms
        return True

    async def _fold(self, event: AnyEvent) -> None:
        viewer_id = None if isinstance(event, EpochOpened) else event.viewer_id
        self.balances.take_out(viewer_id)
        await self._verify(event)
        self._state.add(event)
        self.balances.put_back(viewer_id)
        if not isinstance(event, ViewEvent) or event.outcome is not Outcome.UNLOCKED:
            return
        if event.admission is not None:
            self.balances.admitted_ms[event.admission.network] = milliseconds(event.decided_at)

    async def _verify(self, event: AnyEvent) -> None:
        """Whether the rules decide as the event says, and its receipt says the same."""
        opens = isinstance(event, EpochOpened) and event.epoch > self._state.epoch
        if event.epoch != self._state.epoch and not opens:
            self._found.add("epoch", f"event {event.id}: no event opened its epoch")
        if self.is_partial:
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
