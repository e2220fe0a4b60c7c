"""The proof of the archive: its chain, its checkpoints and its rollups, shard by shard."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from db.pool import Database
from db.usage import (
    ROLLUPS,
    boundaries,
    checkpoints,
    cursors,
    events_after,
    first_attached_month,
    rollup_differences,
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
    split,
)
from metering.entries import fields_of
from metering.findings import Findings
from schema.instants import milliseconds

ROWS_AT_ONCE = 5000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """One archived event as the entry of the log that it was."""

    stream_id: str
    fields: Mapping[str, str]
    is_erased: bool
    """Whether what is private was taken away: the fields that named a viewer are missing."""


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
        self._events = 0
        self._unmet: dict[int, SignedCheckpoint] = {}
        self.seq = 0
        """The last event read."""
        self.is_partial = False
        """Whether partitions were detached: what happened before `seq` is not read."""

    async def begin(self) -> None:
        """Find out where the archive of the shard begins."""
        detached = (await boundaries(self._database)).get(self._shard)
        if detached is not None:
            self.seq, _, self._chain = detached
            self.is_partial = True
        for row in await checkpoints(self._database, self._shard):
            signed = SignedCheckpoint(Checkpoint(*row[:4]), row.signature, row.public_key)
            self._verify_signature(signed)
            if row.seq > self.seq:
                self._unmet[row.seq] = signed

    async def read(self) -> list[ArchivedEntry]:
        """The next events, none at the end."""
        rows = await events_after(self._database, self._shard, self.seq, ROWS_AT_ONCE)
        viewers = {row["viewer"] for row in rows} - {None}
        salts = await salts_of(self._database, viewers)
        return [self._entry(row, salts) for row in rows]

    def _entry(self, row: Mapping[str, Any], salts: Mapping[str, bytes]) -> ArchivedEntry:
        stream_id = f"{milliseconds(row['recorded_at'])}-{row['seq']}"
        fields = fields_of(row)
        self._verify_link(row, stream_id, fields, salts)
        self.seq = row["seq"]
        self._events += 1
        self._found.compared["archived"] += 1
        return ArchivedEntry(stream_id, fields, row["is_erased"])

    def _verify_link(
        self,
        row: Mapping[str, Any],
        stream_id: str,
        fields: Mapping[str, str],
        salts: Mapping[str, bytes],
    ) -> None:
        public, private = split(fields)
        event_id = f"{self._shard}:{row['epoch']}:{stream_id}"
        if not row["is_erased"]:
            salt = NO_SALT if row["viewer"] is None else salts.get(row["viewer"], b"")
            if commitment(salt, canonical(private)) != row["commitment"]:
                self._found.add(
                    "commitment", f"event {event_id}: its private fields are not those archived"
                )
        chained = link(self._chain, event_id, canonical(public), row["commitment"])
        if chained != row["chain"]:
            self._found.add("chain", f"event {event_id}: does not follow from the event before it")
        # One broken link is one problem, and the rest is proved from there on.
        self._chain = row["chain"]
        self._verify_checkpoint(row["seq"])

    def _verify_checkpoint(self, seq: int) -> None:
        signed = self._unmet.pop(seq, None)
        if signed is not None and signed.checkpoint.chain != self._chain:
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
