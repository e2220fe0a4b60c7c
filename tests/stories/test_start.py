"""What keeps the server from starting is said in a sentence, and nothing is served."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.faults.valkey import valkey_in

SECRET = "a secret of the tests, 32 characters and more"


async def refusal(**environment: str) -> str:
    """The one line that `codestile serve` ends with, exit code 1."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "serve"),
        env={"PATH": os.environ["PATH"], "CODESTILE_PORT": "0", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, output) == (1, b"")
    (line,) = errors.decode().splitlines()
    return line


@asynccontextmanager
async def running_with(redis_url: str, option: str, value: str) -> AsyncIterator[None]:
    """The session's store with one option changed for a while."""
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        before = (await client.config_get(option))[option]
        await client.config_set(option, value)
        try:
            yield
        finally:
            await client.config_set(option, before)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        (
            "appendfsync",
            "everysec",
            "codestile: The store runs with appendfsync everysec: a power cut loses acknowledged "
            "events. Set appendfsync to always.",
        ),
        (
            "maxmemory-policy",
            "allkeys-lru",
            "codestile: The store runs with maxmemory-policy allkeys-lru: balances vanish when "
            "memory is short. Set maxmemory-policy to noeviction.",
        ),
    ],
)
async def test_unsafe_store_keeps_the_server_from_starting(
    catalogue_url: str, redis_url: str, option: str, value: str, sentence: str
) -> None:
    async with running_with(redis_url, option, value):
        line = await refusal(
            DATABASE_URL=catalogue_url, REDIS_URL=redis_url, CODESTILE_GUEST_SECRET=SECRET
        )

    assert line == sentence


async def test_unsafe_store_is_only_warned_of_when_told_so(
    start_server: Any, new_browser: Any, redis_url: str
) -> None:
    async with (
        running_with(redis_url, "appendfsync", "everysec"),
        start_server(CODESTILE_ON_UNSAFE_STORE="warn") as server,
    ):
        page = await new_browser(server).open("I10")

    assert page["__typename"] == "CodePage"


async def test_store_that_is_not_there_keeps_a_server_from_starting_that_may_not_do_without(
    catalogue_url: str,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        line = await refusal(
            DATABASE_URL=catalogue_url,
            REDIS_URL=f"redis://127.0.0.1:{port}",
            CODESTILE_GUEST_SECRET=SECRET,
            CODESTILE_ON_STORE_LOSS="refuse",
        )

    assert line.startswith("codestile: valkey is unavailable: ConnectionError: ")
    assert line.endswith(
        "; CODESTILE_ON_STORE_LOSS=refuse opens no page without it: start it first"
    )


async def test_store_that_does_not_let_the_server_in_keeps_it_from_starting(
    catalogue_url: str,
) -> None:
    with tempfile.TemporaryDirectory(prefix="ledger-") as path:
        async with valkey_in(Path(path), password="of-others"):
            line = await refusal(
                DATABASE_URL=catalogue_url,
                REDIS_URL=f"unix://{path}/s",
                CODESTILE_GUEST_SECRET=SECRET,
            )

    assert line == "codestile: valkey is unavailable: ConnectionError: Authentication required."


async def test_address_that_is_taken_is_named(catalogue_url: str, redis_url: str) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        line = await refusal(
            DATABASE_URL=catalogue_url,
            REDIS_URL=redis_url,
            CODESTILE_GUEST_SECRET=SECRET,
            CODESTILE_PORT=str(port),
        )

    assert line == f"codestile: cannot listen on 127.0.0.1 port {port}: Address already in use"


async def test_misspelt_setting_is_named() -> None:
    line = await refusal(CODESTILE_PROXIES="10.0.0.0/8")

    assert line == "codestile: unknown setting CODESTILE_PROXIES; see docs/operations.md"


async def test_servers_with_common_stores_must_share_a_secret(
    catalogue_url: str, redis_url: str
) -> None:
    line = await refusal(DATABASE_URL=catalogue_url, REDIS_URL=redis_url)

    assert line == "codestile: set CODESTILE_GUEST_SECRET: servers with common stores share it"


async def test_proof_of_a_ledger_that_is_not_there_is_refused_and_makes_none(
    run: Any, tmp_path: Any
) -> None:
    folder = tmp_path / "typo"

    code, output, errors = await run("ledger", "verify", "--data", str(folder))

    assert (code, output) == (1, "")
    assert errors == (f"codestile: there are no stores in {folder}; name their folder by --data\n")
    assert not folder.exists()


async def test_store_made_unsafe_while_the_server_runs_is_told_by_readiness(
    start_server: Any, new_browser: Any, redis_url: str
) -> None:
    async with start_server() as server, running_with(redis_url, "appendfsync", "everysec"):
        ready = await new_browser(server).client.get("/readyz")

    assert ready.status_code == 503
    assert ready.json() == {
        "catalogue": "ok",
        "meter": "The store runs with appendfsync everysec: a power cut loses acknowledged "
        "events. Set appendfsync to always.",
    }
