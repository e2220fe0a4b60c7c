"""Writes releases of rules about pairs of codes, millions of rows at a time.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from db.load.fact_writer import add_fact_release, code_ids, open_fact_release, report_facts
from db.load.procedures import system_of
from db.load.report import LoadReport, Progress, told
from db.load.rows import PairRow
from db.load.source import Edition, FactKind
from db.load.stored import Connection, stored_rows
from db.queries import statements
from schema.codes import CodeSystemKey

_FACTS = statements("load_facts")
_COLUMNS = (
    *("fact_release_id", "column_one_id", "column_two_id", "effective_from", "effective_to"),
    *("modifier_indicator", "rationale_id"),
)
Read = Callable[[], Iterable[PairRow]]
"""Reads the rules of a release from the beginning, each time it is called."""


async def write_pairs(
    connection: Connection,
    progress: Progress,
    edition: Edition[FactKind],
    read: Read,
    system: Callable[[str], CodeSystemKey] = system_of,
) -> LoadReport:
    """Store a release of rules about pairs, unless these bytes are stored; raises FileRefused.

    The rules are read twice, first for what they name and then to be stored, so that they need not
    be held. Codes that no release has get a bare identity. `system` tells that of a code.
    """
    started = time.monotonic()
    stored = await stored_rows(connection, "fact_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    progress(edition.name, 0, 0)
    predecessor = await open_fact_release(connection, edition.subject)
    codes, rationales, count = _named(read())
    ids, unresolved = await code_ids(connection, codes, system)
    reasons = await _rationale_ids(connection, rationales)
    release_id = await add_fact_release(connection, edition, count)
    await connection.copy_records_to_table(
        "pair_edit",
        columns=_COLUMNS,
        records=told(_records(release_id, read(), ids, reasons), edition.name, count, progress),
    )
    return await report_facts(
        connection,
        edition,
        "pair_edit",
        release_id=release_id,
        predecessor=predecessor,
        row_count=count,
        unresolved=unresolved,
        started=started,
    )


def _named(rows: Iterable[PairRow]) -> tuple[set[str], set[str], int]:
    """The codes and the reasons that rules name, and how many rules there are."""
    codes: set[str] = set()
    rationales: set[str] = set()
    count = 0
    for row in rows:
        codes.add(row.column_one)
        codes.add(row.column_two)
        if row.rationale is not None:
            rationales.add(row.rationale)
        count += 1
    return codes, rationales, count


async def _rationale_ids(connection: Connection, texts: set[str]) -> dict[str | None, int | None]:
    await connection.execute(_FACTS["keep_rationales"], list(texts))
    rows = await connection.fetch(_FACTS["rationales"], list(texts))
    return {None: None, **{row["text"]: row["id"] for row in rows}}


def _records(
    release_id: int,
    rows: Iterable[PairRow],
    ids: dict[str, int],
    reasons: dict[str | None, int | None],
) -> Iterable[tuple[Any, ...]]:
    for one, two, since, until, indicator, reason in rows:
        yield release_id, ids[one], ids[two], since, until, indicator, reasons[reason]
