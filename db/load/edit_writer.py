"""Writes releases of facts that fit in memory: limits of units, rules about add-on codes.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from db.load.add_on import AddOnRow
from db.load.fact_writer import (
    Table,
    add_fact_release,
    code_ids,
    open_fact_release,
    report_facts,
)
from db.load.mue import UnitRow
from db.load.report import LoadReport, Progress, told
from db.load.source import Edition, FactKind
from db.load.stored import Connection, stored_rows

_LIMIT_COLUMNS = ("code_id", "setting", "units_per_day", "adjudication", "rationale")
_ADD_ON_COLUMNS = ("add_on_id", "primary_id", "type", "effective_from", "effective_to")
Ids = dict[str, int]
"""Ids of codes by value."""
Row = TypeVar("Row")


async def write_unit_limits(
    connection: Connection,
    progress: Progress,
    edition: Edition[FactKind],
    setting: str,
    read: Callable[[], list[UnitRow]],
) -> LoadReport:
    """Store a table of limits of units of a setting, unless these bytes are stored; raises
    FileRefused."""
    return await write_facts(
        connection,
        progress,
        edition,
        ("unit_limit", _LIMIT_COLUMNS),
        read,
        lambda row: (row.code,),
        lambda row, ids: (
            ids[row.code],
            setting,
            row.units_per_day,
            row.adjudication,
            row.rationale,
        ),
    )


async def write_add_ons(
    connection: Connection,
    progress: Progress,
    edition: Edition[FactKind],
    read: Callable[[], list[AddOnRow]],
) -> LoadReport:
    """Store a table of add-on codes, unless these bytes are stored; raises FileRefused."""
    return await write_facts(
        connection,
        progress,
        edition,
        ("add_on", _ADD_ON_COLUMNS),
        read,
        lambda row: filter(None, (row.add_on, row.primary)),
        lambda row, ids: (
            ids[row.add_on],
            None if row.primary is None else ids[row.primary],
            row.type,
            row.effective_from,
            row.effective_to,
        ),
    )


async def write_facts(
    connection: Connection,
    progress: Progress,
    edition: Edition[FactKind],
    into: tuple[Table, Sequence[str]],
    read: Callable[[], list[Row]],
    names: Callable[[Row], Iterable[str]],
    record: Callable[[Row, Ids], tuple[Any, ...]],
) -> LoadReport:
    """Store a release of facts about procedure codes in a table, unless these bytes are stored.

    `into` is the table and its columns behind the release's, `names` gives the codes that a row
    names, `record` what is stored of it. Codes that no release has get a bare identity.
    """
    started = time.monotonic()
    stored = await stored_rows(connection, "fact_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    progress(edition.name, 0, 0)
    rows = read()
    predecessor = await open_fact_release(connection, edition.subject)
    ids, unresolved = await code_ids(connection, {code for row in rows for code in names(row)})
    release_id = await add_fact_release(connection, edition, len(rows))
    table, columns = into
    records = ((release_id, *record(row, ids)) for row in rows)
    await connection.copy_records_to_table(
        table,
        columns=("fact_release_id", *columns),
        records=told(records, edition.name, len(rows), progress),
    )
    return await report_facts(
        connection,
        edition,
        table,
        release_id=release_id,
        predecessor=predecessor,
        row_count=len(rows),
        unresolved=unresolved,
        started=started,
    )
