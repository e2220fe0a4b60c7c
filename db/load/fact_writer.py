"""Opens a release of facts: values about codes, such as fees and limits of units; reports it.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Literal

import asyncpg

from db.load.procedures import system_of
from db.load.report import LoadReport
from db.load.source import Edition, FactKind
from db.load.stored import Connection, named_codes
from db.queries import statements
from schema.codes import CodeSystemKey

_SQL = statements("load")
_FACTS = statements("load_facts")
Table = Literal["pair_edit", "add_on", "unit_limit", "relative_value", "payment_fact"]
"""The tables whose releases are compared."""


async def add_fact_release(
    connection: Connection, edition: Edition[FactKind], row_count: int
) -> int:
    """End the open release of these facts and store its successor; the successor's id.

    The caller has asked `stored_rows` first, and stores the values under the id.
    """
    await connection.execute(
        _SQL["close_fact_release"], edition.subject.kind, edition.effective_from
    )
    release_id: int = await connection.fetchval(
        _SQL["add_fact_release"],
        edition.subject.kind,
        edition.label,
        list(edition.subject.systems),
        list(edition.subject.sections),
        asyncpg.Range(edition.effective_from, None),
        edition.source,
        edition.sha256,
        row_count,
    )
    return release_id


async def open_fact_release(connection: Connection, kind: FactKind) -> int | None:
    """The id of the release that the next one is going to end; None before the first."""
    found: int | None = await connection.fetchval(_FACTS["open_fact_release"], kind.kind)
    return found


async def code_ids(
    connection: Connection,
    codes: Collection[str],
    system: Callable[[str], CodeSystemKey] = system_of,
) -> tuple[dict[str, int], int]:
    """Ids of the codes that facts name, by value, and how many of them no release describes.

    `system` tells that of a code: no two systems of one release spell a code alike.
    """
    named: defaultdict[CodeSystemKey, set[str]] = defaultdict(set)
    for code in codes:
        named[system(code)].add(code)
    found, unresolved = await named_codes(connection, named)
    ids = {code: found[known][code] for known, values in named.items() for code in values}
    return ids, unresolved


async def report_facts(
    connection: Connection,
    edition: Edition[FactKind],
    table: Table,
    *,
    release_id: int,
    predecessor: int | None,
    row_count: int,
    unresolved: int,
    started: float,
) -> LoadReport:
    """What a release that is stored brought, compared with the one before it."""
    added, changed, removed = row_count, 0, 0
    if predecessor is not None:
        difference = _FACTS[f"{table}_difference"]
        (row,) = await connection.fetch(difference, release_id, predecessor)
        added, changed, removed = row["added"], row["changed"], row["removed"]
    return LoadReport(
        release=edition.name,
        added=added,
        changed=changed,
        removed=removed,
        unresolved=unresolved,
        rows=row_count,
        seconds=time.monotonic() - started,
    )
