"""PostgreSQL over TLS, verified, as DATABASE_URL asks for it."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from db.embedded import StoreUrls
from db.pool import open_database
from schema.errors import StoreUnavailable
from tests.faults.authority import Authority
from tests.faults.proxy import Proxy, proxy_to


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
async def proxy(stores: StoreUrls, ours: Authority) -> AsyncIterator[Proxy]:
    """PostgreSQL whose certificate we signed for 127.0.0.1."""
    host = parse_qs(urlsplit(stores.database_url).query)["host"][0]
    certificate = ours.server_context("127.0.0.1")
    async with proxy_to(Path(host) / ".s.PGSQL.5432", starttls=certificate) as opened:
        yield opened


async def read(
    stores: StoreUrls, proxy: Proxy, trusted: Authority, *, host: str = "127.0.0.1"
) -> int:
    account = urlsplit(stores.database_url).netloc
    query = f"sslmode=verify-full&sslrootcert={trusted.ca_file}"
    url = f"postgresql://{account}{host}:{proxy.port}/postgres?{query}"
    async with open_database(url) as database:
        (row,) = await database.fetch("SELECT 1 AS one")
        return int(row["one"])


async def test_server_with_the_right_certificate_is_read(
    stores: StoreUrls, proxy: Proxy, ours: Authority
) -> None:
    assert await read(stores, proxy, ours) == 1


async def test_certificate_of_another_authority_is_unavailable(
    stores: StoreUrls, proxy: Proxy, tmp_path: Path
) -> None:
    with pytest.raises(StoreUnavailable, match="SSLCertVerificationError"):
        await read(stores, proxy, Authority(tmp_path / "another"))


async def test_certificate_for_another_host_is_unavailable(
    stores: StoreUrls, proxy: Proxy, ours: Authority
) -> None:
    with pytest.raises(StoreUnavailable, match="SSLCertVerificationError"):
        await read(stores, proxy, ours, host="localhost")
