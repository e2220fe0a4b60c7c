"""Opens a release of facts: values about codes, such as fees and limits of units.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import asyncpg

from db.load.source import Edition, FactKind
from db.load.stored import Connection
from db.queries import statements

_SQL = statements("load")


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
