"""Connections to PostgreSQL, and the one place where its absence becomes StoreUnavailable."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from schema.errors import StoreUnavailable

_NAME = "codestile"
# For a connection outside a pool.
_CONNECT_TIMEOUT_SECONDS = 5.0
# Longer than any statement may take; what is still open then is cut off.
_CLOSE_TIMEOUT_SECONDS = 5.0

ABSENT = (
    asyncpg.PostgresConnectionError,
    # Shutdown, crash, start-up, and statements over their time.
    asyncpg.OperatorInterventionError,
    # Disk full, out of memory, too many connections.
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    # A primary that became a replica under us.
    asyncpg.ReadOnlySQLTransactionError,
    # A wrong password or database name.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    # Neither is a PostgresError: the server died in the middle of a reply, or said nothing at all.
    asyncpg.InternalClientError,
    TimeoutError,
    ConnectionError,
)
"""What a statement raises when PostgreSQL is away."""
# No such socket, host or route, or a certificate that does not fit.
_UNREACHABLE = OSError


STATEMENT_TIMEOUT_SECONDS = 1.0
ACQUIRE_TIMEOUT_SECONDS = 0.6
"""Together below the shortest time an operation may take, two seconds: a server that hangs is
told to the reader as away, not as a question that took too long."""


@contextmanager
def _unavailable_when_absent(*also: type[Exception]) -> Iterator[None]:
    """Raise StoreUnavailable for what its absence looks like; our own mistakes pass unchanged."""
    absences: tuple[type[Exception], ...] = (*ABSENT, *also)
    try:
        yield
    except absences as absent:
        raise StoreUnavailable("postgres", type(absent).__name__) from absent


@contextmanager
def _unavailable_when_lost(connection: "asyncpg.Connection[asyncpg.Record]") -> Iterator[None]:
    """The same for what is done with an open connection."""
    try:
        with _unavailable_when_absent():
            yield
    except asyncpg.InterfaceError as error:
        # The driver's one class for our mistakes and for a connection that was lost before.
        if _is_lost(connection):
            raise StoreUnavailable("postgres", "the connection was lost") from error
        raise


def _is_lost(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool took it away when it noticed.
        return True


class Database:
    """A bounded pool of connections; every read is one named statement."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", acquire_timeout_seconds: float
    ) -> None:
        self._pool = pool
        self._acquire_timeout_seconds = acquire_timeout_seconds

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """One connection for several statements; raises StoreUnavailable, also when it is lost.

        What is set in its session outlives it: use SET LOCAL, in a transaction.
        """
        connection = await self._acquire()
        try:
            with _unavailable_when_lost(connection):
                yield connection
        finally:
            with _unavailable_when_absent():
                await self._pool.release(connection)  # type: ignore[arg-type]  # as acquired

    async def _acquire(self) -> "asyncpg.Connection[asyncpg.Record]":
        # InterfaceError: the pool is closing.
        with _unavailable_when_absent(_UNREACHABLE, asyncpg.InterfaceError):
            # A proxy with the connection's methods.
            return await self._pool.acquire(  # type: ignore[return-value]
                timeout=self._acquire_timeout_seconds
            )

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """All rows of one statement; raises StoreUnavailable when PostgreSQL is away."""
        async with self.connection() as connection:
            return await connection.fetch(statement, *arguments)

    async def fetch_one(self, statement: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row, or None; raises StoreUnavailable when PostgreSQL is away."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Close every connection, waiting a while for the ones in use."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await self._pool.close()


async def _leave(_connection: object) -> None:
    pass


@asynccontextmanager
async def open_database(
    url: str,
    *,
    size: int = 10,
    statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
    acquire_timeout_seconds: float = ACQUIRE_TIMEOUT_SECONDS,
    statement_cache_size: int = 256,
) -> AsyncIterator[Database]:
    """A Database on `url`, closed at the end.

    `statement_cache_size` 0 is for poolers that hand each transaction another server connection;
    they refuse a statement timeout at the start of a session, so then only our side keeps it.
    Connections open on first use, so an absent server is met at the first statement.
    """
    settings = {"application_name": _NAME, "timezone": "UTC"}
    if statement_cache_size > 0:
        settings["statement_timeout"] = str(int(statement_timeout_seconds * 1000))
        # Planning a page anew takes three times as long as reading it. Every statement's generic
        # plan is tested to use its indexes (tests/db/test_queries.py).
        settings["plan_cache_mode"] = "force_generic_plan"
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=acquire_timeout_seconds,
        # The server's own limit comes first, since its answer leaves the connection usable.
        command_timeout=statement_timeout_seconds + 0.25,
        statement_cache_size=statement_cache_size,
        # By default every statement is followed by a second one that tidies the session: 40 % of
        # the time of a short read, for what nobody here leaves behind.
        reset=_leave,
        server_settings=settings,
    )
    database = Database(pool, acquire_timeout_seconds)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def one_connection(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection of its own without a limit on a statement's time, for migrations and loads.

    Raises StoreUnavailable.
    """
    settings = {"application_name": _NAME, "timezone": "UTC"}
    with _unavailable_when_absent(_UNREACHABLE):
        connection = await asyncpg.connect(
            url, timeout=_CONNECT_TIMEOUT_SECONDS, server_settings=settings
        )
    try:
        with _unavailable_when_lost(connection):
            yield connection
    finally:
        await connection.close()
