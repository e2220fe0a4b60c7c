"""Writes releases of groupings: which codes stand under which groups, and on what conditions.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import time
from collections.abc import Callable, Sequence

from db.load.map_writer import add_map_release
from db.load.report import LoadReport, Progress, told
from db.load.rows import MemberRow
from db.load.source import CodeMap, Edition
from db.load.stored import Connection, Identities, checked_rows, named_codes, stored_rows
from db.queries import statements

_SQL = statements("groupings_load")


async def write_groups(
    connection: Connection,
    progress: Progress,
    edition: Edition[CodeMap],
    read: Callable[[], list[MemberRow]],
) -> LoadReport:
    """Store a release of a grouping, unless these bytes are stored; raises FileRefused.

    Codes and groups that no release has get a bare identity, so that every row can be read back.
    """
    started = time.monotonic()
    stored = await stored_rows(connection, "map_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    rows = checked_rows(progress, edition, read)
    ids, unresolved = await _named(connection, edition.subject, rows)
    old = await _close(connection, edition)
    new = await _store(connection, progress, edition, rows, ids)
    return LoadReport(
        release=edition.name,
        added=len(new - old),
        changed=0,
        removed=len(old - new),
        unresolved=unresolved,
        rows=len(rows),
        seconds=time.monotonic() - started,
    )


async def _named(
    connection: Connection, grouping: CodeMap, rows: Sequence[MemberRow]
) -> tuple[Identities, int]:
    """Ids of the codes and groups that rows name, and how many are bare."""
    named = {grouping.source_system: {row.code for row in rows}}
    groups = {row.group for row in rows}
    named[grouping.target_system] = groups | named.get(grouping.target_system, set())
    return await named_codes(connection, named)


async def _close(
    connection: Connection, edition: Edition[CodeMap]
) -> set[tuple[int, int, tuple[str, ...]]]:
    """End the predecessor of a grouping's release; its members."""
    predecessor = await connection.fetchval(
        statements("load")["close_map_release"], edition.subject.kind, edition.effective_from
    )
    if predecessor is None:
        return set()
    members = await connection.fetch(_SQL["members_of_release"], predecessor)
    return {(row["code_id"], row["group_id"], tuple(row["texts"] or ())) for row in members}


async def _store(
    connection: Connection,
    progress: Progress,
    edition: Edition[CodeMap],
    rows: Sequence[MemberRow],
    ids: Identities,
) -> set[tuple[int, int, tuple[str, ...]]]:
    """Store the members and their conditions; the members."""
    codes, groups = (ids[edition.subject.source_system], ids[edition.subject.target_system])
    release_id = await add_map_release(connection, edition, len(rows))
    conditions = {texts: n for n, texts in enumerate(dict.fromkeys(r.conditions for r in rows))}
    await connection.copy_records_to_table(
        "group_condition",
        columns=("map_release_id", "number", "texts"),
        records=[(release_id, n, list(texts)) for texts, n in conditions.items() if texts],
    )
    new = {(codes[row.code], groups[row.group], row.conditions) for row in rows}
    # In the order of the index, which grows at its end then.
    records = (
        (release_id, code, group, conditions[texts] if texts else None)
        for code, group, texts in sorted(new)
    )
    await connection.copy_records_to_table(
        "group_member",
        columns=("map_release_id", "code_id", "group_id", "condition"),
        records=told(records, edition.name, len(new), progress),
    )
    return new
