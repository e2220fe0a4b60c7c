"""Connections to PostgreSQL, and the one place where its absence becomes StoreUnavailable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from schema.errors import StoreUnavailable

_ABSENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.InterfaceError,
    # Not a PostgresError: raised when the server dies in the middle of a reply.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class Database:
    """A bounded pool of connections; every read is one named statement."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", acquire_timeout_seconds: float
    ) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_seconds

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """One connection for several statements; raises StoreUnavailable when none is to be had."""
        try:
            async with self._pool.acquire(timeout=self._acquire_timeout_seconds) as connection:
                yield connection  # type: ignore[misc]  # a proxy with the connection's methods
        except _ABSENT as absent:
            raise StoreUnavailable("postgres", type(absent).__name__) from absent

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """All rows of one statement; raises StoreUnavailable when PostgreSQL is away."""
        async with self.connection() as connection:
            return await connection.fetch(statement, *arguments)

    async def fetch_one(self, statement: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row, or None; raises StoreUnavailable when PostgreSQL is away."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Return every connection, waiting for the ones in use."""
        await self._pool.close()


@asynccontextmanager
async def open_database(
    url: str,
    *,
    size: int = 10,
    statement_timeout_seconds: float = 2.0,
    acquire_timeout_seconds: float = 2.0,
    statement_cache_size: int = 256,
) -> AsyncIterator[Database]:
    """A Database on `url`, closed at the end.

    `statement_cache_size` 0 is for poolers that hand each transaction another server connection.
    Connections open on first use, so an absent server is met at the first statement.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=acquire_timeout_seconds,
        command_timeout=statement_timeout_seconds + 1.0,
        statement_cache_size=statement_cache_size,
        server_settings={
            "application_name": "codestile",
            "statement_timeout": str(int(statement_timeout_seconds * 1000)),
            "timezone": "UTC",
        },
    )
    database = Database(pool, acquire_timeout_seconds)
    try:
        yield database
    finally:
        await database.close()
