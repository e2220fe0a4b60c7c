"""What is stored already of the releases to load."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Literal, TypeAlias, TypeVar

import asyncpg

from db.load.report import Progress
from db.load.source import Edition, Subject, refuse_wrong_count
from db.queries import statements
from schema.codes import CodeSystemKey
from schema.errors import ReleaseStands

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Identities: TypeAlias = dict[CodeSystemKey, dict[str, int]]
"""Ids of codes, by system and value."""
Row = TypeVar("Row")

_SQL = statements("load")


async def stored_rows(
    connection: Connection,
    table: Literal["code_release", "map_release", "fact_release"],
    edition: Edition[Subject],
) -> int | None:
    """How many rows are stored of these very bytes; None when they are not loaded.

    Raises ReleaseStands where a later release is, or other bytes under the same label.
    """
    subject = str(edition.subject)
    stored = await connection.fetchrow(_SQL[table], subject, edition.label)
    if stored and stored["sha256"] == edition.sha256:
        row_count: int = stored["row_count"]
        return row_count
    if stored:
        reason = f"{edition.name} is loaded already, from other bytes (sha256 {stored['sha256']})"
        raise ReleaseStands(edition.files[0].name, reason, release=edition.name)
    later = await connection.fetchval(_SQL[f"later_{table}s"], subject, edition.effective_from)
    if later is not None:
        reason = (
            f"{edition.label} is in force from {edition.effective_from}, and the later {later} is "
            "loaded already; releases are loaded in the order of their dates"
        )
        raise ReleaseStands(edition.files[0].name, reason, release=edition.name)
    return None


def checked_rows(
    progress: Progress, edition: Edition[Subject], read: Callable[[], list[Row]]
) -> list[Row]:
    """The rows of a release that is not stored; raises FileRefused when some are missing."""
    progress(edition.name, 0, edition.expected_rows or 0)
    rows = read()
    refuse_wrong_count(edition.files[0], len(rows), edition.expected_rows)
    return rows


async def identities(connection: Connection, system: CodeSystemKey) -> dict[str, int]:
    """The id of every code of a system, by value."""
    rows = await connection.fetch(_SQL["identities"], system)
    return {row["value"]: row["id"] for row in rows}


async def named_codes(
    connection: Connection, named: Mapping[CodeSystemKey, AbstractSet[str]]
) -> tuple[Identities, int]:
    """The ids of all codes of the systems, and how many of those named no release describes.

    Codes that no release has get a bare identity, so that whatever names them can be read back.
    """
    ids: Identities = {}
    bare = 0
    for system, values in named.items():
        stored = await connection.fetch(_SQL["identities"], system)
        bare += len(values - {row["value"] for row in stored if row["is_described"]})
        ids[system] = {row["value"]: row["id"] for row in stored}
        missing = sorted(values - ids[system].keys())
        if missing:
            records = [(system, value) for value in missing]
            await connection.copy_records_to_table(
                "code", columns=("system", "value"), records=records
            )
            ids[system] = await identities(connection, system)
    return ids, bare
