"""A server whose stores are reached over TLS only, as docs/operations.md says to set it up."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis

from tests.faults.authority import Authority
from tests.faults.proxy import proxy_to
from tests.stories.conftest import started


async def test_server_with_both_stores_behind_tls_opens_a_page(
    new_browser: Any, catalogue_url: str, redis_url: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    certificate = authority.server_context("127.0.0.1")
    database, ledger = urlsplit(catalogue_url), urlsplit(redis_url)
    database_socket = Path(parse_qs(database.query)["host"][0]) / ".s.PGSQL.5432"
    async with (
        proxy_to(database_socket, starttls=certificate) as postgres,
        proxy_to(Path(unquote(ledger.path)), tls=certificate) as valkey,
        started(
            DATABASE_URL=f"postgresql://{database.netloc}127.0.0.1:{postgres.port}{database.path}"
            f"?sslmode=verify-full&sslrootcert={authority.ca_file}",
            REDIS_URL=f"rediss://127.0.0.1:{valkey.port}/{parse_qs(ledger.query)['db'][0]}"
            f"?ssl_ca_certs={authority.ca_file}",
            CODESTILE_GUEST_SECRET="a secret of the tests, 32 characters and more",
        ) as server,
    ):
        page = await new_browser(server).open("I10")

    assert page["__typename"] == "CodePage"
    assert page["code"]["title"] == "Essential (primary) hypertension"
    assert page["view"]["wasCharged"] is True
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        [log] = client.scan_iter("{*}:log")
        [(_, event)] = client.xrange(log)
    assert (event["code"], event["outcome"]) == ("ICD10CM:I10", "U")
    assert postgres.connections > 0
    assert valkey.connections > 0
