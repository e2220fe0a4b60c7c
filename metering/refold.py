"""Folding archived events fast: what most of them do to a shard can be told from their rows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from metering.entries import fields_of
from metering.fold import CHARGED, ShardState, ViewerState
from metering.log import AnyEvent, read_code, read_event, read_window
from schema.events import Admission, PageViewed, UnlockImported, ViewEvent
from schema.instants import milliseconds
from schema.usage import Outcome

Columns = Mapping[str, Any]


class Refold:
    """One shard, folded from rows of the archive and then from entries of its log."""

    def __init__(self, shard: int, recent: datetime) -> None:
        """`recent`: the answers to events that are not older may still be kept."""
        self.state = ShardState(shard)
        self.admitted_ms: dict[str, int] = {}
        """When each network last admitted a guest."""
        self.answered: set[str] = set()
        """What the receipts of recent events say at their end."""
        self.events = 0
        self._recent = recent

    def add_rows(self, rows: Iterable[Columns]) -> None:
        """Fold archived events, by column, in their order."""
        state = self.state
        for row in rows:
            self.events += 1
            if row["recorded_at"] >= self._recent:
                self.answered.add(f"{milliseconds(row['recorded_at'])}-{row['seq']}")
            if row["type"] != "view" or row["is_erased"]:
                self._add_other(row)
            elif row["outcome"] == "U":
                self._unlock(row)
            elif row["assignment"] > state.viewer(row["viewer"]).assignment:
                self._add(self._event(row, fields_of(row)))
            else:
                # A repeat or a refusal changes nothing but the numbers.
                state.seq, state.epoch = row["seq"], row["epoch"]
                state.at_ms = milliseconds(row["recorded_at"])

    def add_entry(self, stream_id: str, fields: Mapping[str, str]) -> None:
        """Fold one entry of the log; raises UnreadableEvent."""
        event = read_event(self.state.shard, stream_id, fields)
        self.events += 1
        if event.recorded_at >= self._recent:
            self.answered.add(stream_id)
        self._add(event)

    def _unlock(self, row: Columns) -> None:
        """A charged view: of somebody new, as nearly always, without the making of an event."""
        state, viewer_id = self.state, row["viewer"]
        window = read_window(row["view_window"])
        if viewer_id in state.viewers or window.kind.startswith("R"):
            self._add(_unlock(state.shard, row))
            return
        network, is_admitted = row["network"], bool(row["network"])
        codes = {read_code(row["code"]): CHARGED}
        state.viewers[viewer_id] = ViewerState(
            window, None, 1, codes, row["assignment"], is_admitted
        )
        state.seq, state.epoch = row["seq"], row["epoch"]
        state.at_ms = milliseconds(row["recorded_at"])
        if is_admitted:
            self._admit(network.split("/")[0], state.at_ms, by=1)

    def _add_other(self, row: Columns) -> None:
        state = self.state
        if row["is_erased"] and row["viewer"] is None:
            state.seq, state.epoch = row["seq"], row["epoch"]
            state.at_ms = milliseconds(row["recorded_at"])
            if row["outcome"] == "U" and row["network"]:
                # Who it was is gone; that the network gave a place away is not.
                self._admit(row["network"].split("/")[0], state.at_ms, by=1)
            return
        fields = fields_of(row)
        if row["is_erased"]:
            # The other of two was erased: there was one, so five guests stay five.
            fields |= _STAND_INS[row["type"]](row["seq"])
        self._add(self._event(row, fields))

    def _event(self, row: Columns, fields: Mapping[str, str]) -> AnyEvent:
        stream_id = f"{milliseconds(row['recorded_at'])}-{row['seq']}"
        return read_event(self.state.shard, stream_id, fields)

    def _add(self, event: AnyEvent) -> None:
        if isinstance(event, UnlockImported) and event.recorded_at >= self._recent:
            self.answered.add(f"{milliseconds(event.at)}-{event.request_id}")
        admission = event.admission if isinstance(event, ViewEvent) else None
        if admission is None:
            self.state.add(event)
            return
        held = self.state.networks.get(admission.network)
        self.state.add(event)
        if self.state.networks.get(admission.network) != held and isinstance(event, ViewEvent):
            self._admit(admission.network, milliseconds(event.decided_at), by=0)

    def _admit(self, network: str, at_ms: int, by: int) -> None:
        self.state.networks[network] = self.state.networks.get(network, 0) + by
        self.admitted_ms[network] = at_ms


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
