"""Writes releases of maps: every row as its file has it, whether or not its codes are described.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from db.load.report import LoadReport, Progress, told
from db.load.rows import EdgeRow
from db.load.source import CodeMap, Edition
from db.load.stored import Connection, Identities, checked_rows, named_codes, stored_rows
from db.queries import statements

_SQL = statements("load")

_EDGE_COLUMNS = (
    "map_release_id",
    "source_id",
    "target_id",
    "relationship",
    "is_approximate",
    "is_no_map",
    "is_combination",
    "scenario",
    "choice_list",
    "attrs",
)


async def write_map(
    connection: Connection,
    progress: Progress,
    edition: Edition[CodeMap],
    read: Callable[[], list[EdgeRow]],
) -> LoadReport:
    """Store a release of a map, unless these bytes are stored; raises FileRefused.

    Codes that no release has get a bare identity, so that every row can be read back.
    """
    started = time.monotonic()
    stored = await stored_rows(connection, "map_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    rows = checked_rows(progress, edition, read)
    old = await _close_map(connection, edition)
    ids, unresolved = await _named_codes(connection, edition.subject, rows)
    release_id = await add_map_release(connection, edition, len(rows))
    sources, targets = ids[edition.subject.source_system], ids[edition.subject.target_system]
    records = [_edge_record(row, sources, targets) for row in rows]
    await connection.copy_records_to_table(
        "edge",
        columns=_EDGE_COLUMNS,
        records=told(((release_id, *r) for r in records), edition.name, len(rows), progress),
    )
    new = {_comparable(record) for record in records}
    return LoadReport(
        release=edition.name,
        added=len(new - old),
        changed=0,
        removed=len(old - new),
        unresolved=unresolved,
        rows=len(rows),
        seconds=time.monotonic() - started,
    )


async def add_map_release(connection: Connection, edition: Edition[CodeMap], row_count: int) -> int:
    """Store a release of a map, whose predecessor is ended already; its id."""
    release_id: int = await connection.fetchval(
        _SQL["add_map_release"],
        *edition.subject,
        edition.label,
        asyncpg.Range(edition.effective_from, None),
        edition.publisher,
        edition.source,
        edition.sha256,
        row_count,
    )
    return release_id


def _edge_record(row: EdgeRow, sources: dict[str, int], targets: dict[str, int]) -> tuple[Any, ...]:
    return (
        sources[row.source],
        None if row.target is None else targets[row.target],
        row.relationship,
        row.is_approximate,
        row.target is None,
        row.is_combination,
        row.scenario,
        row.choice_list,
        row.attrs,
    )


async def _named_codes(
    connection: Connection, code_map: CodeMap, rows: Sequence[EdgeRow]
) -> tuple[Identities, int]:
    """Ids of the codes that rows name on either side, and how many are bare."""
    named = {code_map.source_system: {row.source for row in rows}}
    targets = {row.target for row in rows if row.target is not None}
    named[code_map.target_system] = targets | named.get(code_map.target_system, set())
    return await named_codes(connection, named)


async def _close_map(connection: Connection, edition: Edition[CodeMap]) -> set[tuple[Any, ...]]:
    """End the predecessor of a map's release; its rows."""
    predecessor = await connection.fetchval(
        _SQL["close_map_release"], edition.subject.kind, edition.effective_from
    )
    if predecessor is None:
        return set()
    rows = await connection.fetch(_SQL["edges"], predecessor)
    return {_comparable(tuple(row)) for row in rows}


def _comparable(record: tuple[Any, ...]) -> tuple[Any, ...]:
    """A record whose JSON is written in one way, since PostgreSQL orders keys as it likes."""
    *flags, attrs = record
    return (*flags, attrs and json.dumps(json.loads(attrs), sort_keys=True))
