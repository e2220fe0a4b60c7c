"""PostgreSQL over TLS, verified. The wheel's server knows none, so a proxy speaks it for it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from db.embedded import StoreUrls
from db.pool import open_database
from schema.errors import StoreUnavailable


@pytest.fixture
async def tls_port(stores: StoreUrls, authorities: tuple[Path, Path]) -> AsyncIterator[int]:
    """The port of a proxy that speaks PostgreSQL's TLS with the right certificate."""
    host = parse_qs(urlsplit(stores.database_url).query)["host"][0]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authorities[0], authorities[0].with_suffix(".key"))

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        with suppress(ssl.SSLError, ConnectionError):
            await writer.start_tls(context)
            inward, outward = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.5432")
            await asyncio.gather(pump(reader, outward), pump(inward, writer))
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(65536):
            writer.write(part)
    writer.close()


async def read(account: str, host: str, port: int, authority: Path) -> int:
    query = f"sslmode=verify-full&sslrootcert={authority}"
    async with open_database(f"postgresql://{account}{host}:{port}/postgres?{query}") as database:
        (row,) = await database.fetch("SELECT 1 AS one")
        return int(row["one"])


async def test_server_with_the_right_certificate_is_read(
    stores: StoreUrls, authorities: tuple[Path, Path], tls_port: int
) -> None:
    account = urlsplit(stores.database_url).netloc

    assert await read(account, "127.0.0.1", tls_port, authorities[0]) == 1


@pytest.mark.parametrize(("host", "authority"), [("127.0.0.1", 1), ("localhost", 0)])
async def test_wrong_authority_and_wrong_host_are_unavailable(
    stores: StoreUrls, authorities: tuple[Path, Path], tls_port: int, host: str, authority: int
) -> None:
    account = urlsplit(stores.database_url).netloc

    with pytest.raises(StoreUnavailable, match="SSLCertVerificationError"):
        await read(account, host, tls_port, authorities[authority])
