"""Real stores for every test: started once, with a fresh database for whoever changes things."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis

from db.embedded import StoreUrls, embedded_stores
from db.migrate import migrate
from db.pool import Database, open_database

_numbers = count(1)


@pytest.fixture(scope="session")
def stores_folder() -> Iterator[Path]:
    """The data folder of `stores`; not pytest's, whose paths are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="codestile-tests-") as folder:
        # Where root has to run PostgreSQL as somebody else, that user must get through.
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
async def stores(stores_folder: Path) -> AsyncIterator[StoreUrls]:
    """The URLs of private stores, one pair for the whole session."""
    data, sockets = stores_folder / "data", stores_folder / "run"
    sockets.mkdir()
    async with embedded_stores(data, runtime_folder=sockets) as running:
        # Hundreds of databases are made here that nobody needs after a crash; what is said of
        # crashes is tested on stores of their own.
        await _execute(running.urls.database_url, "ALTER SYSTEM SET fsync = off")
        await _execute(running.urls.database_url, "SELECT pg_reload_conf()")
        yield running.urls


@pytest.fixture(scope="session")
async def template_url(stores: StoreUrls) -> str:
    """The URL of a migrated, empty database that others are copied from; nobody stays on it."""
    url = await _create(stores.database_url, "template_migrated", copy_of="template0")
    await migrate(url)
    return url


@pytest.fixture
async def database_url(stores: StoreUrls, template_url: str) -> AsyncIterator[str]:
    """The URL of a migrated, otherwise empty database of the test's own."""
    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        yield url


@pytest.fixture
async def bare_database_url(stores: StoreUrls) -> AsyncIterator[str]:
    """The URL of a database of the test's own without any table."""
    async with _copied(stores.database_url, copy_of="template0") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, otherwise empty database of the test's own."""
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture(scope="session")
async def catalogue_url(stores: StoreUrls, template_url: str) -> AsyncIterator[str]:
    """The URL of a database that holds the whole default load; to be read only."""
    from db.load import load_default

    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        await load_default(url)
        yield url


@pytest.fixture(scope="session")
async def catalogue(catalogue_url: str) -> AsyncIterator[Database]:
    """A database that holds the whole default load; to be read only."""
    async with open_database(catalogue_url) as opened:
        yield opened


@pytest.fixture(scope="session")
async def demo_url(stores: StoreUrls, template_url: str) -> AsyncIterator[str]:
    """The URL of a database that holds the invented system and, in the place of CPT, numbers and
    texts that are invented too (tests/official/licensed.py); its codes are to be read only."""
    from db.load.demo import write_demo
    from db.load.transaction import load
    from tests.official.licensed import licensed_steps

    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        await load(url, [write_demo, *licensed_steps()])
        yield url


_OF_PEOPLE = (
    *("account", "registration", "deleted_address", "erasure", "network_accounts", "letter"),
    *("named_request", "webhook_message"),
)


@pytest.fixture(autouse=True)
async def nobody_stays(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Takes people, and what they left, out of the catalogue that all tests share: what waits to
    be told of one would be told to the ledger of another test."""
    yield
    if "catalogue_url" in request.fixturenames:
        url = request.getfixturevalue("catalogue_url")
        # TRUNCATE would wait for whoever only prepared a statement and never ran it.
        await _execute(url, "; ".join(f"DELETE FROM {table}" for table in _OF_PEOPLE))


@pytest.fixture(scope="session")
def ledger_url(stores: StoreUrls) -> str:
    """The URL of the Valkey database of `redis_url`, for servers that outlive a test."""
    return stores.redis_url.replace("?db=0", "?db=1")


@pytest.fixture
def redis_url(ledger_url: str) -> str:
    """The URL of a Valkey database that is empty when the test begins."""
    with redis.Redis.from_url(ledger_url) as client:
        client.flushdb()
    return ledger_url


@asynccontextmanager
async def _copied(server_url: str, copy_of: str) -> AsyncIterator[str]:
    name = f"test_{next(_numbers)}"
    yield await _create(server_url, name, copy_of)
    # FORCE: a test of faults may leave connections behind.
    await _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _create(server_url: str, name: str, copy_of: str) -> str:
    await _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {copy_of} STRATEGY FILE_COPY")
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


async def _execute(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
