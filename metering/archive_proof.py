"""The proof of the archive: its chain, its checkpoints and its rollups, shard by shard."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, NamedTuple

from db.pool import Database
from db.rollups import ROLLUPS, rollup_differences
from db.usage import (
    boundaries,
    checkpoints,
    cursors,
    detached_events_to_prove,
    events_after,
    events_to_prove,
    first_attached_month,
    salts_of,
)
from metering.chain import (
    NO_SALT,
    START,
    Checkpoint,
    SignedCheckpoint,
    canonical,
    commitment,
    is_genuine,
    link,
    private_of_view,
    public_of_view,
    split,
)
from metering.entries import fields_of
from metering.findings import Findings
from metering.plain import PlainView, plain_row
from schema.instants import milliseconds

ROWS_AT_ONCE = 5000
_SALTS_KEPT = 200_000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


ArchivedEvent = tuple[Mapping[str, Any], PlainView | None]
"""A row of the archive by column, and the plain view that it is; None when it is none."""


class ArchivedEntry(NamedTuple):
    """One archived event as the entry of the log that it was."""

    stream_id: str
    fields: Mapping[str, str]
    is_erased: bool
    """Whether what is private was taken away: the fields that named a viewer are missing."""


def entry_of(row: Mapping[str, Any]) -> ArchivedEntry:
    """The entry that a row was made from."""
    stream_id = f"{milliseconds(row['recorded_at'])}-{row['seq']}"
    return ArchivedEntry(stream_id, fields_of(row), row["is_erased"])


class ArchivedShard:
    """Reads the archive of one shard in order, and proves its chain on the way."""

    def __init__(
        self, database: Database, shard: int, found: Findings, trusted_key: bytes | None
    ) -> None:
        """`trusted_key`: 32 bytes that verify checkpoints; None: the signatures are not asked."""
        self._database = database
        self._shard = shard
        self._found = found
        self._trusted_key = trusted_key
        self._chain = START
        self._salts: dict[str, bytes] = {}
        self._unmet: dict[int, SignedCheckpoint] = {}
        self.seq = 0
        """The last event read."""
        self.missing: tuple[int, int] | None = None
        """Seq and epoch of the last event in months that were taken away and cannot be read; None
        where there are none."""
        self._detached_to = 0

    async def begin(self) -> None:
        """Find out where the archive of the shard begins."""
        ends = [end for end in await boundaries(self._database) if end.shard == self._shard]
        for end in ends:
            self._detached_to = end.seq
            if not end.is_here:
                self.seq, self._chain = end.seq, end.chain
                self.missing = end.seq, end.epoch
        for row in await checkpoints(self._database, self._shard):
            signed = SignedCheckpoint(Checkpoint(*row[:4]), row.signature, row.public_key)
            self._verify_signature(signed)
            if row.seq > self.seq:
                self._unmet[row.seq] = signed

    async def read(self) -> list[ArchivedEvent]:
        """The next events, none at the end."""
        rows = await self._rows()
        await self._read_salts({row["viewer"] for row in rows} - {None})
        events = [(row, plain_row(row)) for row in rows]
        for row, view in events:
            if view is None or not self._is_linked(row, view):
                self._verify_link(row)
            # One broken link is one problem, and the rest is proved from there on.
            self.seq, self._chain = row["seq"], row["chain"]
            if self.seq in self._unmet:
                self._verify_checkpoint(self.seq)
        self._found.compared["archived"] += len(rows)
        return events

    async def _rows(self) -> Sequence[Mapping[str, Any]]:
        if self.seq < self._detached_to:
            place = self._shard, self.seq, ROWS_AT_ONCE
            if rows := await detached_events_to_prove(self._database, *place):
                return rows
        return await events_to_prove(self._database, self._shard, self.seq, ROWS_AT_ONCE)

    async def _read_salts(self, viewers: set[str]) -> None:
        unknown = viewers - self._salts.keys()
        if len(self._salts) > _SALTS_KEPT:
            self._salts, unknown = {}, viewers
        if unknown:
            self._salts.update(await salts_of(self._database, unknown))

    def _is_linked(self, row: Mapping[str, Any], view: PlainView) -> bool:
        """Whether a view follows from the event before it, and holds what was committed to."""
        viewer, *_, request, _ = view.fields
        committed: bytes = row["commitment"]
        chained: bytes = row["chain"]
        salt = self._salts.get(viewer, b"")
        if commitment(salt, private_of_view(viewer, request)) != committed:
            return False
        event_id = f"{self._shard}:{view.epoch}:{view.stream_id}"
        public = public_of_view(view.fields, view.epoch)
        return link(self._chain, event_id, public, committed) == chained

    def _verify_link(self, row: Mapping[str, Any]) -> None:
        entry = entry_of(row)
        public, private = split(entry.fields)
        event_id = f"{self._shard}:{row['epoch']}:{entry.stream_id}"
        if not row["is_erased"]:
            salt = NO_SALT if row["viewer"] is None else self._salts.get(row["viewer"], b"")
            if commitment(salt, canonical(private)) != row["commitment"]:
                self._found.add(
                    "commitment", f"event {event_id}: its private fields are not those archived"
                )
        chained = link(self._chain, event_id, canonical(public), row["commitment"])
        if chained != row["chain"]:
            self._found.add("chain", f"event {event_id}: does not follow from the event before it")

    def _verify_checkpoint(self, seq: int) -> None:
        signed = self._unmet.pop(seq)
        if signed.checkpoint.chain != self._chain:
            self._found.add(
                "checkpoint", f"checkpoint {self._shard}:{seq}: the chain is another there"
            )

    def _verify_signature(self, signed: SignedCheckpoint) -> None:
        if self._trusted_key is not None and not is_genuine(signed, self._trusted_key):
            self._found.add(
                "checkpoint",
                f"checkpoint {self._shard}:{signed.checkpoint.seq}: not signed by the ledger's key",
            )

    async def end(self) -> None:
        """That the archive is as long as its cursor and its checkpoints say."""
        cursor = (await cursors(self._database))[self._shard]
        for seq in sorted(self._unmet):
            if seq <= self.seq or seq > cursor.seq:
                self._found.add("checkpoint", f"checkpoint {self._shard}:{seq}: no such event")
        is_right = cursor.seq > self.seq and await self._has_more()
        if not is_right and (cursor.seq, cursor.chain) != (self.seq, self._chain):
            self._found.add(
                "cursor",
                f"cursor of shard {self._shard}: stands at {cursor.seq}, the archive ends at "
                f"{self.seq}",
            )

    async def _has_more(self) -> bool:
        """Whether the archive grew since it was read."""
        return bool(await events_after(self._database, self._shard, self.seq, 1))


async def verify_rollups(database: Database, found: Findings) -> None:
    """That every rollup is what the attached events say."""
    month = await first_attached_month(database)
    since = _BEGINNING if month is None else datetime.combine(month, time(), UTC)
    for rollup in ROLLUPS:
        for place, stored, counted in await rollup_differences(database, rollup, since):
            found.add(
                f"rollup {rollup}", f"{rollup} {place}: holds {stored}, the events say {counted}"
            )
