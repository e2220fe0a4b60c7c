"""What the open release of a system says: what lists that do not tell everything build on."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from db.load.rows import CodeRow, NoteRow
from db.load.stored import Connection
from db.queries import statements
from schema.codes import CodeKind, CodeSystemKey
from schema.pages import NoteKind

_SQL = statements("load")


@dataclass(frozen=True)
class Predecessor:
    """The release of a system that a newer one is about to end."""

    label: str
    notes_of: str | None
    """The release whose notes stand in it: itself or an older one; None where none are loaded."""
    rows: dict[str, CodeRow]
    """By value, in the publisher's order."""

    def above(self, value: str) -> Iterator[CodeRow]:
        """The rows above a code, nearest first."""
        while (parent := self.rows[value].parent) is not None:
            value = parent
            yield self.rows[value]


async def predecessor_of(connection: Connection, system: CodeSystemKey) -> Predecessor | None:
    """The open release of a system; None where no release is loaded or the system was closed."""
    release = await connection.fetchrow(_SQL["open_release"], system)
    if release is None:
        return None
    notes: defaultdict[int, list[NoteRow]] = defaultdict(list)
    for code_id, kind, text in await connection.fetch(_SQL["open_notes"], system):
        notes[code_id].append(NoteRow(NoteKind(kind), text))
    rows = {
        row["value"]: CodeRow(
            value=row["value"],
            kind=CodeKind(row["kind"]),
            title=row["title"],
            is_billable=row["is_billable"],
            short_title=row["short_title"],
            parent=row["parent"],
            depth=row["depth"],
            notes=tuple(notes[row["code_id"]]),
        )
        for row in await connection.fetch(_SQL["open_rows"], system)
    }
    return Predecessor(release["label"], release["notes_of"], rows)
