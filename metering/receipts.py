"""The receipts of a shard against its log: each event has its own, and no other exists."""

from collections import defaultdict
from collections.abc import Iterable

from metering.findings import Findings
from metering.imports import answer_of
from metering.live import COUNTED, RECEIPT_MS
from metering.log import AnyEvent
from metering.plain import PlainView
from metering.stored import StoredReceipt
from schema.events import EpochOpened, UnlockImported
from schema.instants import milliseconds

_SLACK_MS = 60_000
"""What a store's clock may have been put back by: its receipts expire that much earlier than
their events say."""


UNKNOWN: None = None
"""The receipt may say what it likes."""
NONE = ""
"""There is no receipt."""


class Receipts:
    """The receipts whose event was not met in the log yet."""

    def __init__(self, found: Findings, scanned_ms: int) -> None:
        """`scanned_ms`: when the store was asked for the names of its receipts."""
        self._found = found
        self._scanned_ms = scanned_ms
        self._by_event: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """Request id and answer, by stream id; more than one where something is wrong."""
        self.read_ms = scanned_ms
        """When the last of them was read."""

    def add(self, receipts: Iterable[StoredReceipt]) -> None:
        """Keep what was read until its event is met."""
        for request_id, answer, left_ms in receipts:
            stream_id = answer[answer.rfind(" ") + 1 :]
            if stream_id.endswith(f"-{COUNTED}"):
                continue  # its event is not there yet
            self._by_event[stream_id].append((request_id, answer))
            if not 0 <= left_ms <= RECEIPT_MS:
                self._found.add("receipt expiry", f"receipt {request_id}: expires in {left_ms} ms")

    def settle(self, view: PlainView, resets: str) -> bool:
        """Whether the one receipt of a view says what the view does, `resets` being when its
        window ends, or is gone in its time; what is not so is left to `verify`."""
        held = self._by_event.get(view.stream_id)
        if held is None:
            return self._may_be_gone(view.at_ms)
        _, _, _, _, _, _, outcome, used, limit, _, request, _ = view.fields
        charged = "1" if outcome == "U" else "0"
        place = f"{view.epoch} {view.stream_id}"
        said = f"{outcome} {charged} {used} {limit or '-'} {resets} {place}"
        if len(held) != 1 or held[0][1] != said or not held[0][0].startswith(request):
            return False
        del self._by_event[view.stream_id]
        self._found.compared["receipts"] += 1
        return True

    def verify(self, event: AnyEvent, said: str | None) -> None:
        """That one receipt says what the event does: `said`, or NONE for no receipt, or UNKNOWN
        for one whose words are not known."""
        receipts = self._by_event.pop(event.stream_id, [])
        if isinstance(event, EpochOpened):
            said, request = NONE, ""
        else:
            request = event.request_id
        if not receipts and said is not NONE:
            self._verify_is_gone(event)
        is_answered = False
        for request_id, answer in receipts:
            self._found.compared["receipts"] += 1
            is_right = answer == said or said is UNKNOWN
            if not is_right or not request_id.startswith(request):
                self._found.add(
                    "receipt",
                    f"receipt {request_id}: answers {answer!r}, the log says {said!r} to {request}",
                )
            elif is_answered:
                self._found.add("receipt", f"receipt {request_id}: event {event.id} has another")
            else:
                is_answered = True

    def forget(self, stream_id: str) -> None:
        """An event that was erased can be compared with no receipt."""
        self._by_event.pop(stream_id, None)

    def verify_import(self, event: UnlockImported) -> None:
        """That the receipt of a view decided elsewhere, if it is still there, says what the event
        does; when its allowance renews only the receipt knows."""
        *said, _, epoch, decided = answer_of(event, None).split(" ")
        for request_id, answer in self._by_event.pop(decided, []):
            self._found.compared["receipts"] += 1
            *told, _, of_imports, place = answer.split(" ")
            is_same = (told, of_imports, place) == (said, epoch, decided)
            if not is_same or not request_id.startswith(event.request_id):
                self._found.add(
                    "receipt", f"receipt {request_id}: {answer!r} is not what event {event.id} says"
                )

    def verify_none_is_left(self) -> None:
        """That every receipt belongs to an event, once the log was read to its end."""
        for receipts in self._by_event.values():
            for request_id, answer in receipts:
                self._found.add("receipt", f"receipt {request_id}: {answer!r} is not in the log")

    def _verify_is_gone(self, event: AnyEvent) -> None:
        if not self._may_be_gone(milliseconds(event.recorded_at)):
            self._found.add("receipt missing", f"event {event.id}: its receipt is missing")

    def _may_be_gone(self, recorded_ms: int) -> bool:
        """Whether a receipt that is not there has expired, or is newer than the names read."""
        is_due = recorded_ms + RECEIPT_MS - _SLACK_MS <= self.read_ms
        return is_due or recorded_ms >= self._scanned_ms
