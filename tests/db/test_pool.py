"""The pool under real faults: an absent server is StoreUnavailable, a mistake stays a mistake."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from db.embedded import EmbeddedStores, StoreUrls, embedded_stores
from db.pool import Database, one_connection, open_database
from schema.errors import StoreUnavailable

Opener = Callable[[str], AbstractAsyncContextManager[Any]]
BACKEND = "SELECT pg_backend_pid() AS pid"


@pytest.fixture(scope="module")
async def own_stores() -> AsyncIterator[EmbeddedStores]:
    """Stores that these tests may kill."""
    with tempfile.TemporaryDirectory(prefix="codestile-") as folder:
        Path(folder).chmod(0o711)
        async with embedded_stores(Path(folder) / "data", runtime_folder=Path(folder)) as stores:
            yield stores


@pytest.fixture
async def mortal(own_stores: EmbeddedStores) -> AsyncIterator[Database]:
    """A pool of two on the stores that may be killed."""
    async with open_database(own_stores.urls.database_url, size=2) as opened:
        yield opened


async def seconds_until_back(database: Database) -> float:
    began_at = time.monotonic()
    while time.monotonic() < began_at + 10:
        try:
            await database.fetch("SELECT 1")
        except StoreUnavailable:
            await asyncio.sleep(0.02)
        else:
            return time.monotonic() - began_at
    raise AssertionError("PostgreSQL did not come back")


async def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    # Until its sockets are closed the kernel still takes what is sent to it.
    await asyncio.sleep(0.1)


async def test_killed_backend_is_unavailable_and_the_pool_heals(mortal: Database) -> None:
    row = await mortal.fetch_one(BACKEND)
    assert row is not None
    sleeping = asyncio.create_task(mortal.fetch("SELECT pg_sleep(2)"))
    await asyncio.sleep(0.1)

    await kill(row["pid"])

    with pytest.raises(StoreUnavailable) as refused:
        await sleeping
    assert refused.value.store == "postgres"
    assert await seconds_until_back(mortal) < 2


async def test_connection_lost_between_two_statements_is_unavailable(mortal: Database) -> None:
    async def two_statements(second: bool) -> None:
        async with mortal.connection() as connection:
            await kill(await connection.fetchval(BACKEND))
            if second:
                with suppress(asyncpg.PostgresError):
                    await connection.execute("SELECT 1")
            await connection.execute("SELECT 1")

    for second in (False, True):
        with pytest.raises(StoreUnavailable):
            await two_statements(second)

        assert await seconds_until_back(mortal) < 2


async def test_killed_server_is_unavailable_and_the_pool_heals(
    mortal: Database, own_stores: EmbeddedStores
) -> None:
    await asyncio.gather(*(mortal.fetch("SELECT pg_sleep(0.05)") for _ in range(2)))
    first = own_stores.postgres_pid

    os.kill(first, signal.SIGKILL)

    await asyncio.sleep(0.05)
    with pytest.raises(StoreUnavailable):
        await mortal.fetch("SELECT 1")
    assert await seconds_until_back(mortal) < 5
    assert own_stores.postgres_pid != first


async def test_readers_of_a_dying_server_meet_nothing_but_unavailable(
    mortal: Database, own_stores: EmbeddedStores
) -> None:
    answers: list[str] = []

    async def read_on() -> None:
        give_up_at = time.monotonic() + 1.5
        while time.monotonic() < give_up_at:
            try:
                await mortal.fetch("SELECT n FROM generate_series(1, 1000) AS n")
                answers.append("rows")
            except StoreUnavailable:
                answers.append("unavailable")
                await asyncio.sleep(0.01)

    readers = [asyncio.create_task(read_on()) for _ in range(4)]
    await asyncio.sleep(0.2)
    os.kill(own_stores.postgres_pid, signal.SIGKILL)
    await asyncio.gather(*readers)

    assert set(answers) == {"rows", "unavailable"}
    assert await seconds_until_back(mortal) < 5


async def test_statement_over_its_time_is_unavailable_and_costs_no_connection(
    database_url: str,
) -> None:
    async with open_database(database_url, size=1, statement_timeout_seconds=0.1) as database:
        before = await database.fetch_one(BACKEND)
        with pytest.raises(StoreUnavailable, match="QueryCanceledError"):
            await database.fetch("SELECT pg_sleep(5)")

        assert await database.fetch_one(BACKEND) == before


async def test_behind_a_pooler_our_side_keeps_the_time(database_url: str) -> None:
    async with open_database(
        database_url, statement_timeout_seconds=0.05, statement_cache_size=0
    ) as database:
        assert [tuple(row) for row in await database.fetch("SHOW statement_timeout")] == [("0",)]
        with pytest.raises(StoreUnavailable, match="TimeoutError"):
            await database.fetch("SELECT pg_sleep(5)")


async def test_exhausted_pool_is_unavailable_and_loses_nobody_s_place(database_url: str) -> None:
    async with open_database(database_url, size=1, acquire_timeout_seconds=0.1) as database:
        async with database.connection():
            with pytest.raises(StoreUnavailable, match="TimeoutError"):
                await database.fetch("SELECT 1")

        assert [tuple(row) for row in await database.fetch("SELECT 1")] == [(1,)]


async def test_closed_pool_is_unavailable(database_url: str) -> None:
    async with open_database(database_url) as database:
        pass

    with pytest.raises(StoreUnavailable, match="InterfaceError"):
        await database.fetch("SELECT 1")


@pytest.mark.parametrize(
    ("statement", "arguments", "mistake"),
    [
        ("SELECT * FROM no_such_table", (), asyncpg.UndefinedTableError),
        ("SELECT 1 +", (), asyncpg.PostgresSyntaxError),
        ("SELECT $1::int", (), asyncpg.InterfaceError),
        ("SELECT $1::int", ("text",), asyncpg.DataError),
        ("SELECT 1 / 0", (), asyncpg.DivisionByZeroError),
    ],
)
async def test_mistake_is_not_called_unavailable(
    database: Database,
    statement: str,
    arguments: tuple[object, ...],
    mistake: type[Exception],
) -> None:
    with pytest.raises(mistake):
        await database.fetch(statement, *arguments)

    assert await database.fetch_one("SELECT 1 AS one") is not None


async def test_exception_of_the_caller_passes_and_its_transaction_is_undone(
    database: Database,
) -> None:
    async def stop_halfway() -> None:
        async with database.connection() as connection, connection.transaction():
            await connection.execute("CREATE TABLE half (line text)")
            raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        await stop_halfway()

    row = await database.fetch_one("SELECT to_regclass('half') IS NULL AS is_undone")
    assert row is not None
    assert row["is_undone"]


async def test_wrong_password_is_unavailable_and_not_repeated(stores: StoreUrls) -> None:
    parts = urlsplit(stores.database_url)
    url = parts._replace(netloc=f"{parts.username}:s3cret@").geturl()

    for open_it in (open_database, one_connection):
        with pytest.raises(StoreUnavailable, match="InvalidPasswordError") as refused:
            await _read(open_it, url)
        assert "s3cret" not in str(refused.value)


async def test_missing_database_is_unavailable(stores: StoreUrls) -> None:
    url = urlsplit(stores.database_url)._replace(path="/no_such_database").geturl()

    with pytest.raises(StoreUnavailable, match="InvalidCatalogNameError"):
        await _read(open_database, url)


async def _read(open_it: Opener, url: str) -> list[asyncpg.Record]:
    async with open_it(url) as opened:
        return await opened.fetch("SELECT 1 AS one")


@pytest.mark.parametrize("host", ["no/such/folder", "127.0.0.1"])
async def test_absent_server_is_unavailable(tmp_path: Path, host: str) -> None:
    place = host if host[0].isdigit() else str(tmp_path / host)

    with pytest.raises(StoreUnavailable, match=r"FileNotFoundError|ConnectionRefusedError"):
        await _read(open_database, f"postgresql://codestile@/postgres?host={place}&port=1")


async def test_server_that_never_answers_is_unavailable_in_time() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://codestile@127.0.0.1:{port}/postgres?sslmode=disable"
        began_at = time.monotonic()

        async with open_database(url, acquire_timeout_seconds=0.2) as database:
            with pytest.raises(StoreUnavailable, match="TimeoutError"):
                await database.fetch("SELECT 1")

    assert time.monotonic() - began_at < 1
