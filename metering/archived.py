"""What the archive says of viewers and networks, for those who decide without the ledger."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from db.fallback import Fields, archived_admissions, archived_rows, archived_to
from db.pool import Database
from metering.entries import fields_of
from schema.instants import milliseconds


class ArchiveReads(Protocol):
    """What PostgreSQL knows of the ledger; everything raises StoreUnavailable."""

    async def archived_events(self, viewer_id: str, /) -> Sequence[tuple[str, Fields]]:
        """The events of one viewer as entries of its shard's stream, id and fields, oldest
        first."""
        ...

    async def archived_admissions(self, network: str, /) -> int:
        """Guests admitted of the network of that name, 12 characters."""
        ...

    async def unarchived(self, seqs: Mapping[int, int], /) -> int:
        """Events that are known to exist and not archived; `seqs`: by shard, the last one that
        the caller has met."""
        ...


class UsageArchive:
    """The archive that the worker fills."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def archived_events(self, viewer_id: str, /) -> Sequence[tuple[str, Fields]]:
        """As ArchiveReads.archived_events."""
        rows = await archived_rows(self._database, viewer_id)
        return [
            (f"{milliseconds(row['recorded_at'])}-{row['seq']}", fields_of(row)) for row in rows
        ]

    async def archived_admissions(self, network: str, /) -> int:
        """As ArchiveReads.archived_admissions."""
        return await archived_admissions(self._database, network)

    async def unarchived(self, seqs: Mapping[int, int], /) -> int:
        """As ArchiveReads.unarchived."""
        archived = await archived_to(self._database)
        return sum(
            max(0, max(known, seqs.get(shard, 0)) - seq) for shard, (seq, known) in archived.items()
        )
