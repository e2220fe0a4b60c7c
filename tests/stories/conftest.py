"""Real servers over real stores, and the browsers and apps that ask them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from db.embedded import StoreUrls

PAGE = """
query Page($ref: CodeRef!, $asOf: Date, $preview: Boolean! = false) {
  codePage(ref: $ref, asOf: $asOf, preview: $preview) {
    __typename
    ... on CodePage { ...Page }
    ... on ViewLimitReached {
      problemCode message limitKind
      allowance { limit used remaining banner }
      upgrade { action text additionalViews }
      page { ...Page }
    }
    ... on CodeCandidates { candidates { system { key } value title } }
    ... on NotFound { problemCode message }
    ... on InvalidInput { problemCode message fields { path rule message } }
    ... on Forbidden { problemCode message }
    ... on ServiceUnavailable { problemCode message retryAfterSeconds }
  }
}
fragment Page on CodePage {
  code { displayValue title isStale staleReason }
  banner
  lockedSectionCount
  view { wasCharged eventId recordedAt allowance { limit used remaining } }
  sections {
    __typename kind title position
    ... on OpenSection { copyright content { __typename ... on TextContent { text } } }
    ... on LockedSection { reason itemCount summary upgrade { action text } }
    ... on EmptySection { state explanation }
  }
}
"""


@dataclass
class Server:
    """A server process that answers."""

    address: str
    process: asyncio.subprocess.Process


Start = Callable[..., AbstractAsyncContextManager[Server]]


STORE_TIMEOUT_SECONDS = 0.75
"""Of the servers here: the machine that runs the tests may stall for longer than readers wait."""


@asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[Server]:
    """`codestile serve` with those arguments and settings, told to stop at the end."""
    # The stories ask more in a moment than any reader may; what is paid is a story of its own.
    patience = {
        "CODESTILE_STORE_TIMEOUT_SECONDS": str(STORE_TIMEOUT_SECONDS),
        "CODESTILE_API_POINTS": "false",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "serve", "--port", "0", *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **patience, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Server(await _address(process), process)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(90):
        async for line in process.stdout:
            words = line.decode().split()
            if words[:3] == ["Codestile", "answers", "at"]:
                return words[3].removesuffix("/graphql")
    raise AssertionError(f"the server ended with {await process.wait()} before it answered")


@pytest.fixture(scope="session")
def start_server(catalogue_url: str, ledger_url: str) -> Start:
    """Starts a server on the session's catalogue and the ledger of `redis_url`."""

    def start(**environment: str) -> AbstractAsyncContextManager[Server]:
        return started(
            DATABASE_URL=catalogue_url,
            REDIS_URL=ledger_url,
            CODESTILE_GUEST_SECRET="a secret of the tests, 32 characters and more",
            **environment,
        )

    return start


@pytest.fixture(scope="session")
async def shared_server(start_server: Start) -> AsyncIterator[Server]:
    """One server for the whole session: what it knows of anybody is in its stores."""
    async with start_server() as running:
        yield running


@pytest.fixture
def server(shared_server: Server, redis_url: str) -> Server:
    """A server on the session's catalogue and a ledger that is empty when the test begins."""
    return shared_server


@dataclass
class Browser:
    """Somebody with a cookie jar of their own."""

    client: httpx2.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        """The `data` of an answer without errors."""
        response = await self.client.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={**self.headers, **headers},
        )
        answer = response.json()
        assert response.status_code == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    async def open(
        self, value: str, system: str | None = "ICD10CM", key: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """The answer to opening a page, with an Idempotency-Key if one is given."""
        ref = {"key": {"system": system, "value": value}} if system else {"value": value}
        headers = {"Idempotency-Key": key} if key else {}
        data = await self.ask(PAGE, {"ref": ref, **options}, **headers)
        return data["codePage"]


NewBrowser = Callable[..., Browser]


@pytest.fixture
async def new_browser() -> AsyncIterator[NewBrowser]:
    """Opens browsers, each with its own cookies, at a server."""
    clients: list[httpx2.AsyncClient] = []

    def open_browser(server: Server, **headers: str) -> Browser:
        client = httpx2.AsyncClient(base_url=server.address, timeout=30)
        clients.append(client)
        return Browser(client, headers)

    yield open_browser
    for client in clients:
        await client.aclose()


@pytest.fixture
def browser(server: Server, new_browser: NewBrowser) -> Browser:
    """Somebody new at `server`."""
    return new_browser(server)


async def run_codestile(
    urls: StoreUrls | None, *arguments: str, **more: str
) -> tuple[int, str, str]:
    """Exit code, output and errors of a command of the console script; `more` are settings."""
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"} | more
    if urls:
        environment |= {
            "DATABASE_URL": urls.database_url,
            "REDIS_URL": urls.redis_url,
            "CODESTILE_GUEST_SECRET": "a secret of the tests, 32 characters and more",
        }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return await process.wait(), output.decode(), errors.decode()


@pytest.fixture(scope="session")
def start_private_server() -> Start:
    """Starts a server with private stores on a data folder."""

    def start(data_folder: Path, **environment: str) -> AbstractAsyncContextManager[Server]:
        return started("--data", str(data_folder), **environment)

    return start


@pytest.fixture(scope="session")
def start_server_on() -> Start:
    """Starts a server on stores of the test's own, whose guests are outside every budget."""

    def start(database_url: str, redis_url: str) -> AbstractAsyncContextManager[Server]:
        return started(
            DATABASE_URL=database_url,
            REDIS_URL=redis_url,
            CODESTILE_GUEST_SECRET="a secret of the tests, 32 characters and more",
            CODESTILE_EXEMPT_NETWORKS="127.0.0.0/8",
        )

    return start


@pytest.fixture
def run() -> Callable[..., Any]:
    """Runs a command of the console script without settings."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        return await run_codestile(None, *arguments)

    return command


@pytest.fixture
def codestile(catalogue_url: str, redis_url: str) -> Callable[..., Any]:
    """Runs a command of the console script on the stores of `server`."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        return await run_codestile(StoreUrls(catalogue_url, redis_url), *arguments)

    return command
