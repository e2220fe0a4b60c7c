"""Folding archived events fast: what most of them do to a shard can be told from their rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from metering.balances import Balances
from metering.entries import fields_of
from metering.fold import ShardState
from metering.log import AnyEvent, read_code, read_event, read_window
from schema.events import Admission, EpochOpened, PageViewed, UnlockImported, ViewEvent
from schema.instants import milliseconds
from schema.usage import Outcome

Columns = Mapping[str, Any]


class Refold:
    """One shard, folded from rows of the archive and then from entries of its log."""

    def __init__(self, shard: int, recent: datetime) -> None:
        """`recent`: the answers to events that are not older may still be kept."""
        self.balances = Balances(shard)
        self.answered: set[str] = set()
        """What the receipts of recent events say at their end."""
        self.events = 0
        self._state = self.balances.state
        self._recent = recent

    @property
    def state(self) -> ShardState:
        """The shard as metering/fold.py has it, every viewer included."""
        for viewer_id in list(self.balances.plain):
            self.balances.take_out(viewer_id)
        return self._state

    def add_rows(self, rows: Sequence[Columns]) -> None:
        """Fold archived events, by column, in their order."""
        for row in rows:
            if row["recorded_at"] >= self._recent:
                self.answered.add(f"{milliseconds(row['recorded_at'])}-{row['seq']}")
            if row["type"] != "view" or row["is_erased"]:
                self._add_other(row)
            elif row["outcome"] == "U":
                self._unlock(row)
            elif row["assignment"] > self.balances.assignment(row["viewer"]):
                self._add(self._event(row, fields_of(row)))
            # Any other repeat or refusal changes nothing but the numbers.
        self.events += len(rows)
        if rows:
            last, state = rows[-1], self._state
            state.seq, state.epoch = last["seq"], last["epoch"]
            state.at_ms = milliseconds(last["recorded_at"])

    def add_entry(self, stream_id: str, fields: Mapping[str, str]) -> None:
        """Fold one entry of the log; raises UnreadableEvent."""
        event = read_event(self._state.shard, stream_id, fields)
        self.events += 1
        if event.recorded_at >= self._recent:
            self.answered.add(stream_id)
        self._add(event)

    def _unlock(self, row: Columns) -> None:
        """A charged view, nearly always without the making of an event."""
        viewer_id, window, code = row["viewer"], _window(row["view_window"]), _code(row["code"])
        balance, network = self.balances.plain.get(viewer_id), row["network"]
        is_new = balance is None and viewer_id not in self._state.viewers
        is_next = balance is not None and balance.window == window and code not in balance.codes
        if window.startswith("R") or not (is_new or (is_next and not network)):
            self._add(_unlock(self._state.shard, row))
            return
        balance = self.balances.charge(viewer_id, window, code, row["assignment"])
        if network:
            balance.is_admitted = True
            self.balances.admit(network.partition("/")[0], milliseconds(row["recorded_at"]))

    def _add_other(self, row: Columns) -> None:
        if row["is_erased"] and row["viewer"] is None:
            if row["outcome"] == "U" and row["network"]:
                # Who it was is gone; that the network gave a place away is not.
                at_ms = milliseconds(row["recorded_at"])
                self.balances.admit(row["network"].split("/")[0], at_ms)
            return
        fields = fields_of(row)
        if row["is_erased"]:
            # The other of two was erased: there was one, so five guests stay five.
            fields |= _STAND_INS[row["type"]](row["seq"])
        self._add(self._event(row, fields))

    def _event(self, row: Columns, fields: Mapping[str, str]) -> AnyEvent:
        stream_id = f"{milliseconds(row['recorded_at'])}-{row['seq']}"
        return read_event(self._state.shard, stream_id, fields)

    def _add(self, event: AnyEvent) -> None:
        if isinstance(event, UnlockImported) and event.recorded_at >= self._recent:
            self.answered.add(f"{milliseconds(event.at)}-{event.request_id}")
        viewer_id = None if isinstance(event, EpochOpened) else event.viewer_id
        self.balances.take_out(viewer_id)
        self._add_as_is(event)
        self.balances.put_back(viewer_id)

    def _add_as_is(self, event: AnyEvent) -> None:
        admission = event.admission if isinstance(event, ViewEvent) else None
        if admission is None:
            self._state.add(event)
            return
        networks = self._state.networks
        held = networks.get(admission.network)
        self._state.add(event)
        if networks.get(admission.network) != held and isinstance(event, ViewEvent):
            self.balances.admitted_ms[admission.network] = milliseconds(event.decided_at)


@lru_cache(4096)
def _window(text: str) -> str:
    return str(read_window(text))


@lru_cache(65536)
def _code(text: str) -> str:
    return str(read_code(text))


_STAND_INS = {
    "adopt": lambda seq: {"from": f"g{seq:022d}"},
    "seal": lambda seq: {"to": f"u{seq:022d}"},
}


def _unlock(shard: int, row: Columns) -> PageViewed:
    """What the fold reads of a charged view, unchecked: the archive took nothing that is wrong."""
    admission = None
    if row["network"]:
        network, admitted, budget = row["network"].split("/")
        admission = Admission.model_construct(
            network=network, admitted=int(admitted), budget=int(budget)
        )
    read: dict[str, Any] = {
        "shard": shard,
        "seq": row["seq"],
        "epoch": row["epoch"],
        "recorded_at": row["recorded_at"],
        "viewer_id": row["viewer"],
        "assignment": row["assignment"],
        "window": read_window(row["view_window"]),
        "code": read_code(row["code"]),
        "outcome": Outcome.UNLOCKED,
        "admission": admission,
        "first_at": None,
    }
    return PageViewed.model_construct(**read)
