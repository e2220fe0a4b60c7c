"""Writes releases of code systems: compares what a file says with what was said last.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

import asyncpg

from db.load.reference_writer import write_references
from db.load.report import BillableChanges, LoadReport, Progress, told
from db.load.rows import CodeRow, NoteRow, search_text
from db.load.source import Edition
from db.load.stored import Connection, checked_rows, identities, stored_rows
from db.queries import statements
from schema.codes import CodeSystemKey
from schema.errors import FileRefused
from schema.pages import NoteKind

_SQL = statements("load")


class _Saying(NamedTuple):
    """What a release says of one code, in ids: two releases that say the same are equal."""

    kind: str
    title: str
    is_billable: bool
    short_title: str | None
    parent_id: int | None
    depth: int
    last_day: date | None
    """Where its days end, if they do: kept in the range of the version."""

    def change_from(self, old: "_Saying | None") -> Literal["ADDED", "REVISED", "REPEATED"]:
        """What it is beside what the release before said; None where that had no such code."""
        if old is None:
            return "ADDED"
        is_other = (
            (old.kind, old.is_billable) != (self.kind, self.is_billable)
            or _differ(old.parent_id, self.parent_id)
            or self.is_retitled(old)
        )
        return "REVISED" if is_other else "REPEATED"

    def is_retitled(self, old: "_Saying") -> bool:
        """Whether a title differs by more than accents, which order files do not have."""
        is_other = old.title != self.title and search_text(old.title) != search_text(self.title)
        return is_other or _differ(old.short_title, self.short_title)


def _differ(old: str | int | None, new: str | int | None) -> bool:
    """Whether two values differ; one that is not told differs from none."""
    return None not in (old, new) and old != new


_SAID = tuple(name for name in _Saying._fields if name != "last_day")


async def write_codes(
    connection: Connection,
    progress: Progress,
    edition: Edition[CodeSystemKey],
    read: Callable[[], list[CodeRow]],
    carried_notes: str | None = None,
) -> LoadReport:
    """Store a release of a code system, unless these bytes are stored; raises FileRefused.

    Codes that say the same as before keep their version; the others get a new one from the first
    day of the release, and what the release no longer has ends the day before. A code whose last
    day the release names ends on that day, also one that ended long before it. `carried_notes` is
    the label of the release whose notes the rows took over; None: they are its own.
    """
    started = time.monotonic()
    stored = await stored_rows(connection, "code_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    rows = checked_rows(progress, edition, read)
    valid = await _validity(connection, edition)
    notes_of = carried_notes or (edition.label if any(row.notes for row in rows) else None)
    release_id = await _succeed(connection, edition, valid, len(rows), notes_of)
    difference = _Difference(connection, edition, rows, release_id, valid)
    added, changed, removed, billable = await difference.store(progress)
    references = await write_references(connection, edition.subject)
    return LoadReport(
        release=edition.name,
        added=added,
        changed=changed,
        removed=removed,
        unresolved=references.unresolved,
        rows=len(rows),
        seconds=time.monotonic() - started,
        billable=billable,
    )


async def _succeed(
    connection: Connection,
    edition: Edition[CodeSystemKey],
    valid: "asyncpg.Range[date]",
    code_count: int,
    notes_of: str | None,
) -> int:
    """End the open release of the system and store its successor; the successor's id."""
    await connection.execute(_SQL["close_code_release"], edition.subject, edition.effective_from)
    release_id: int = await connection.fetchval(
        _SQL["add_code_release"],
        edition.subject,
        edition.label,
        valid,
        edition.publisher,
        edition.source,
        edition.sha256,
        code_count,
        notes_of,
    )
    return release_id


class _Difference:
    """What one release changes in the codes of its system."""

    def __init__(
        self,
        connection: Connection,
        edition: Edition[CodeSystemKey],
        rows: Sequence[CodeRow],
        release_id: int,
        valid: "asyncpg.Range[date]",
    ) -> None:
        self._connection = connection
        self._edition = edition
        self._rows = rows
        self._release_id = release_id
        self._valid = valid

    async def store(self, progress: Progress) -> tuple[int, int, int, BillableChanges]:
        """Write it; how many codes were added, changed and removed, and billable ones of them."""
        ids = await self._place_codes()
        old = await self._old_sayings()
        old_notes = await self._old_notes()
        rows = [row for row in self._rows if not self._is_over(row)]
        over = {ids[row.value]: row for row in self._rows if self._is_over(row)}
        new = {ids[row.value]: _saying(row, ids) for row in rows}
        new_notes = {ids[row.value]: row.notes for row in rows if row.notes}
        said_anew = [code for code, saying in new.items() if old.get(code) != saying]
        noted_anew = [code for code, notes in new_notes.items() if old_notes.get(code) != notes]
        removed = old.keys() - new.keys()
        unnoted = [code for code in old_notes if code not in new_notes]
        unheard = await self._unheard(over) if over else []
        await self._end({code: over[code] for code in removed & over.keys()})
        await self._close("close_versions", list(removed - over.keys()), True)
        await self._close("close_versions", list(old.keys() & set(said_anew)), False)
        await self._close("close_notes", [*unnoted, *(old_notes.keys() & set(noted_anew))])
        said = [(code, self._from_now(new[code]), new[code]) for code in said_anew]
        said += [(code, _past(over[code]), _saying(over[code], ids)) for code in unheard]
        await self._copy_versions(said, old, progress)
        await self._copy_notes(noted_anew, new_notes)
        added = len(new.keys() - old.keys())
        touched = {*said_anew, *noted_anew, *unnoted} - removed
        changed = len(touched) - added
        return added + len(unheard), changed, len(removed), _billable_changes(old, new)

    def _is_over(self, row: CodeRow) -> bool:
        return row.last_day is not None and row.last_day < self._edition.effective_from

    def _from_now(self, saying: _Saying) -> "asyncpg.Range[date]":
        """The days of a version that begins with the release."""
        last_day = saying.last_day
        upper = self._valid.upper if last_day is None else last_day + timedelta(days=1)
        return asyncpg.Range(self._edition.effective_from, upper)

    async def _unheard(self, over: Mapping[int, CodeRow]) -> list[int]:
        """Of the codes that were over before the release, those of which no release told before."""
        rows = await self._connection.fetch(_SQL["described"], self._edition.subject)
        return sorted(over.keys() - {row["id"] for row in rows})

    async def _end(self, over: Mapping[int, CodeRow]) -> None:
        """End what is still open of codes on the days that the release names."""
        if over:
            last_days = [row.last_day for row in over.values()]
            first_day = self._edition.effective_from
            await self._connection.execute(_SQL["end_versions"], [*over], last_days, first_day)

    async def _place_codes(self) -> dict[str, int]:
        """Give every code an identity and its place in the order; ids by value."""
        system = self._edition.subject
        stored = await self._connection.fetch(_SQL["identities"], system)
        places = {row["value"]: row["seq"] for row in stored}
        fresh = [
            (system, row.value, seq)
            for seq, row in enumerate(self._rows)
            if row.value not in places
        ]
        await self._connection.copy_records_to_table(
            "code", columns=("system", "value", "seq"), records=fresh
        )
        ids = await identities(self._connection, system)
        moved = [
            (ids[row.value], seq)
            for seq, row in enumerate(self._rows)
            if row.value in places and places[row.value] != seq
        ]
        if moved:
            await self._connection.execute(_SQL["set_places"], *zip(*moved, strict=True))
        return ids

    async def _old_sayings(self) -> dict[int, _Saying]:
        asked = (self._edition.subject, self._edition.effective_from)
        rows = await self._connection.fetch(_SQL["open_versions"], *asked)
        return {row[0]: _Saying(*row[1:]) for row in rows}

    async def _old_notes(self) -> dict[int, tuple[NoteRow, ...]]:
        rows = await self._connection.fetch(_SQL["open_notes"], self._edition.subject)
        notes: defaultdict[int, list[NoteRow]] = defaultdict(list)
        for code_id, kind, text in rows:
            notes[code_id].append(NoteRow(NoteKind(kind), text))
        return {code_id: tuple(own) for code_id, own in notes.items()}

    async def _close(self, statement: str, codes: list[int], *also: bool) -> None:
        if codes:
            day = self._edition.effective_from
            await self._connection.execute(_SQL[statement], codes, day, *also)

    async def _copy_versions(
        self,
        said: Sequence[tuple[int, "asyncpg.Range[date]", _Saying]],
        old: Mapping[int, _Saying],
        progress: Progress,
    ) -> None:
        records = (
            (
                *(code, valid, self._release_id),
                *(*saying[: len(_SAID)], search_text(saying.title)),
                *(saying.change_from(old.get(code)), valid.upper is not None),
            )
            for code, valid, saying in said
        )
        await self._connection.copy_records_to_table(
            "code_version",
            columns=(
                *("code_id", "valid", "release_id", *_SAID, "search_text"),
                *("change", "is_last"),
            ),
            records=told(records, self._edition.name, len(said), progress),
        )

    async def _copy_notes(self, codes: Sequence[int], new: dict[int, tuple[NoteRow, ...]]) -> None:
        records = (
            (code, self._valid, self._release_id, note.kind, ordinal, note.text)
            for code in codes
            for ordinal, note in enumerate(new[code])
        )
        await self._connection.copy_records_to_table(
            "code_note",
            columns=("code_id", "valid", "release_id", "kind", "ordinal", "text"),
            records=records,
        )


def _billable_changes(old: Mapping[int, _Saying], new: Mapping[int, _Saying]) -> BillableChanges:
    before = {code: saying for code, saying in old.items() if saying.is_billable}
    after = {code: saying for code, saying in new.items() if saying.is_billable}
    return BillableChanges(
        added=len(after.keys() - before.keys()),
        removed=len(before.keys() - after.keys()),
        revised=sum(after[code].is_retitled(before[code]) for code in before.keys() & after),
    )


def _saying(row: CodeRow, ids: dict[str, int]) -> _Saying:
    parent_id = None if row.parent is None else ids[row.parent]
    said = (row.kind, row.title, row.is_billable, row.short_title, parent_id, row.depth)
    return _Saying(*said, last_day=row.last_day)


def _past(row: CodeRow) -> "asyncpg.Range[date]":
    """The days of a code that was over before any release told of it."""
    assert row.last_day is not None, "only a code with a last day is over"
    first_day = min(row.first_day or row.last_day, row.last_day)
    return asyncpg.Range(first_day, row.last_day + timedelta(days=1))


async def _validity(
    connection: Connection, edition: Edition[CodeSystemKey]
) -> "asyncpg.Range[date]":
    """From the first day of a release, open-ended unless its system is closed."""
    closed_on = await connection.fetchval(_SQL["system_closes_on"], edition.subject)
    if closed_on is not None and closed_on < edition.effective_from:
        reason = f"{edition.subject} ended on {closed_on}, before {edition.effective_from}"
        raise FileRefused(edition.files[0].name, reason)
    return asyncpg.Range(edition.effective_from, closed_on and closed_on + timedelta(days=1))
