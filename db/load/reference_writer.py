"""Writes what notes refer to, once for each note: right after it is stored, or later for notes of a
catalogue that was loaded before references were read."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from db.load.note_references import REFERRING, ReferenceRow, references
from db.load.report import LoadReport, Progress
from db.load.stored import Connection
from db.queries import statements
from schema.codes import CodeSystemKey

_SQL = statements("references_load")
_COLUMNS = ("note_id", "ordinal", "raw", "target_id", "target_end_id", "is_open", "condition")


class ReferencesRead(NamedTuple):
    """What reading the notes of a system found."""

    total: int
    unresolved: int
    """References to what no release has; they are kept with their text."""


async def write_references(connection: Connection, system: CodeSystemKey) -> ReferencesRead:
    """Read every note of a system that has not been read for references, and store them."""
    notes = await connection.fetch(_SQL["unread_notes"], system, list(REFERRING))
    if not notes:
        return ReferencesRead(0, 0)
    found = {note["id"]: references(note["text"]) for note in notes}
    ids = await _ids(connection, system, found)
    records = [
        (note_id, ordinal, row.raw, *_ends(row, ids), row.is_open, row.condition)
        for note_id, rows in found.items()
        for ordinal, row in enumerate(rows)
    ]
    await connection.copy_records_to_table("note_reference", columns=_COLUMNS, records=records)
    await connection.execute(_SQL["mark_read"], list(found), [len(rows) for rows in found.values()])
    return ReferencesRead(len(records), sum(record[3] is None for record in records))


async def write_left_references(connection: Connection, _progress: Progress) -> list[LoadReport]:
    """Read what is left of all systems; a report for each that had unread notes."""
    reports = []
    for row in await connection.fetch(_SQL["systems_unread"], list(REFERRING)):
        started = time.monotonic()
        total, unresolved = await write_references(connection, CodeSystemKey(row["system"]))
        seconds = time.monotonic() - started
        name = f"{row['system']} note references"
        reports.append(LoadReport(name, total, 0, 0, unresolved, total, seconds))
    return reports


async def _ids(
    connection: Connection, system: CodeSystemKey, found: Mapping[int, list[ReferenceRow]]
) -> dict[str, int]:
    """The id of every code named that some release describes, by value."""
    named = {code for rows in found.values() for row in rows for code in (row.first, row.last)}
    rows = await connection.fetch(_SQL["described"], system, sorted(filter(None, named)))
    return {row["value"]: row["id"] for row in rows}


def _ends(row: ReferenceRow, ids: Mapping[str, int]) -> tuple[int | None, int | None]:
    """The ids of both ends; none of a range of which one end is unknown."""
    first, last = ids.get(row.first), ids.get(row.last or "")
    return (None, None) if row.last and not last else (first, first and last)
