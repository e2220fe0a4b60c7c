"""What is next in a shard's log, checked against how far the archive is: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from db.usage import Cursor
from metering.chain import NO_SALT, commitment, link
from metering.entries import Readings, Row, read_id, read_into
from metering.log import FORMAT, UnreadableEvent
from schema.instants import instant

Entries = Sequence[tuple[str, Sequence[str]]]
"""Stream ids, and names and values of fields in turn; oldest first."""
_EPOCH, _TYPE, _VIEWER, _OTHER = 2, 4, 5, 6
"""Where a Row has what is looked at here."""


class ArchiveStopped(Exception):
    """The log is not what must come after the archive; the message says what is wrong with it."""

    def __init__(self, shard: int, reason: str, head_seq: int) -> None:
        super().__init__(f"shard {shard}: {reason}")
        self.head_seq = head_seq
        """The seq that the head was at."""


class LogPart(NamedTuple):
    """What was read of a shard in one round trip."""

    head: Mapping[str, str]
    """Read first, so the entries go at least as far."""
    entries: Entries
    is_end: bool
    """Whether nothing followed the last entry."""


@dataclass(slots=True)
class Intake:
    """Entries that may be archived together."""

    readings: Readings = field(default_factory=lambda: Readings([], [], []))
    ids: list[str] = field(default_factory=list)
    """Their stream ids."""
    erased: dict[str, datetime] = field(default_factory=dict)
    """Viewers erased by an event, and when; none is named by a later event of this intake."""
    epoch: int = 1
    recorded_ms: int = 0
    seq: int = 0

    @property
    def rows(self) -> list[Row]:
        """As Readings.rows."""
        return self.readings.rows

    @property
    def viewers(self) -> set[str]:
        """The viewers whose salts the chain needs."""
        return {row[_VIEWER] for row in self.rows} - {None}


def take(cursor: Cursor, read: LogPart) -> Intake:
    """The entries that come after the cursor, as far as they may be archived together.

    Raises ArchiveStopped when one of them, or the head, is not what must come.
    """
    head_seq = int(read.head.get("seq", "0"))
    try:
        _demand_head(cursor, read.head, head_seq)
        taken = _take_entries(cursor, read.entries)
        is_all = len(taken.rows) == len(read.entries)
        if read.is_end and is_all and head_seq > taken.seq:
            raise UnreadableEvent(f"gap: the log ends at {taken.seq}, its head says {head_seq}")
    except UnreadableEvent as wrong:
        raise ArchiveStopped(cursor.shard, str(wrong), head_seq) from wrong
    return taken


def _demand_head(cursor: Cursor, head: Mapping[str, str], head_seq: int) -> None:
    if head.get("format", FORMAT) != FORMAT:
        raise UnreadableEvent(f"format {head['format']} of the ledger, this server reads {FORMAT}")
    seen = max(cursor.head_seq, cursor.seq)
    if head_seq < seen:
        raise UnreadableEvent(f"rewind: its head was at {seen}, now it is at {head_seq}")


def _take_entries(cursor: Cursor, entries: Entries) -> Intake:
    taken = Intake(epoch=cursor.epoch, recorded_ms=cursor.recorded_ms, seq=cursor.seq)
    at_ms, at = -1, instant(0)
    for stream_id, flat in entries:
        ms, seq = read_id(stream_id)
        if ms != at_ms:
            at_ms, at = ms, instant(ms)
        try:
            read_into(taken.readings, cursor.shard, at, seq, flat)
        except UnreadableEvent as wrong:
            raise type(wrong)(f"{stream_id} cannot be read: {wrong}") from wrong
        row = taken.rows[-1]
        if row[_VIEWER] in taken.erased or row[_OTHER] in taken.erased:
            _drop_last(taken.readings)
            break
        if seq != taken.seq + 1 or row[_EPOCH] != taken.epoch:
            _demand_new_epoch(taken, stream_id, seq, row, flat)
        if row[_TYPE] == "erase":
            taken.erased[row[_VIEWER]] = at
        taken.ids.append(stream_id)
        taken.epoch, taken.recorded_ms, taken.seq = row[_EPOCH], ms, seq
    return taken


def _drop_last(readings: Readings) -> None:
    for column in readings:
        column.pop()


def _demand_new_epoch(
    taken: Intake, stream_id: str, seq: int, row: Row, flat: Sequence[str]
) -> None:
    """Only the event that opens an epoch may leave numbers out, and none that are proven."""
    epoch = row[_EPOCH]
    if row[_TYPE] != "epoch":
        if seq != taken.seq + 1:
            raise UnreadableEvent(f"gap: {stream_id} comes after number {taken.seq}")
        raise UnreadableEvent(f"epoch: no event opened epoch {epoch} of {stream_id}")
    if seq <= taken.seq or epoch <= taken.epoch:
        raise UnreadableEvent(f"rewind: {stream_id} of epoch {epoch} comes after {taken.seq}")
    proven = flat[-1]
    if not proven.isdecimal() or int(proven) > taken.seq:
        raise UnreadableEvent(
            f"gap: {stream_id} says that events up to {proven} are there, the last before it is "
            f"{taken.seq}"
        )


def sealed(
    shard: int, chain: bytes, intake: Intake, salts: Mapping[str, bytes]
) -> tuple[list[Row], list[bytes]]:
    """The whole rows of an intake, commitment and link included, and the links alone."""
    rows, links = [], []
    for row, public, private, stream_id in zip(*intake.readings, intake.ids, strict=True):
        viewer = row[_VIEWER]
        committed = commitment(NO_SALT if viewer is None else salts[viewer], private)
        chain = link(chain, f"{shard}:{row[_EPOCH]}:{stream_id}", public, committed)
        rows.append(row + (committed, chain))  # noqa: RUF005  # filled from parts takes longer
        links.append(chain)
    return rows, links
