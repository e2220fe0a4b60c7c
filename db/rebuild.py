"""What a shard is made anew from: its cursor, held, and its archived events."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import asyncpg

from db.pool import Database
from db.queries import statements
from db.usage import Cursor

_ROWS_AT_ONCE = 5000


class HeldShards:
    """Shards whose cursors a transaction holds: nobody archives them meanwhile."""

    def __init__(
        self, connection: "asyncpg.Connection[asyncpg.Record]", cursors: Sequence[Cursor]
    ) -> None:
        self._connection = connection
        self.cursors = cursors
        """By shard."""

    async def events(self, shard: int) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The archived events of a shard as rows of `usage_event`, in their order, some at once."""
        rows = await self._connection.cursor(statements("rebuild")["events_to_fold"], shard)
        while some := await rows.fetch(_ROWS_AT_ONCE):
            yield some  # type: ignore[misc]  # a Record is a mapping in all but name


@asynccontextmanager
async def shards_held(database: Database, shards: Collection[int]) -> AsyncIterator[HeldShards]:
    """A transaction that holds the cursors of shards once nobody else does.

    Raises StoreUnavailable, also when somebody holds one for longer than a statement may take.
    """
    async with database.connection() as connection, connection.transaction():
        rows = await connection.fetch(statements("rebuild")["hold_cursors"], list(shards))
        yield HeldShards(connection, [Cursor(**dict(row)) for row in rows])


async def detached_months(database: Database) -> list[date]:
    """The first days of the months whose events are in detached partitions, oldest first."""
    return [row["month"] for row in await database.fetch(statements("rebuild")["detached_months"])]
