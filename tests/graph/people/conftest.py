"""People at a whole application, in process: browsers with cookies, and the letters they get."""

import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx2
import pytest

from db.embedded import StoreUrls
from db.pool import Database
from graph.app import build
from graph.settings import Settings

SECRET = b"a secret of the tests, 32 characters and more"
PASSWORD = "a long enough passphrase"
_hosts = count(1)


def new_email() -> str:
    """An address that nobody has."""
    return f"reader-{secrets.token_hex(8)}@codes.example"


def new_host() -> str:
    """The address of a network that nobody came from."""
    number = next(_hosts)
    return f"198.{18 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


@dataclass
class Clock:
    """The clock of an application, moved by hand."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **time: float) -> None:
        """Let so much time pass."""
        self.at += timedelta(**time)


@dataclass
class Browser:
    """Somebody with a cookie jar, or an app with headers, in a network of their own."""

    client: httpx2.AsyncClient

    async def post(self, query: str, variables: Any = None, **headers: str) -> httpx2.Response:
        """The response to an operation."""
        body = {"query": query, "variables": variables or {}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/graphql", json=body, headers=named)

    async def ask(self, query: str, variables: Any = None, **headers: str) -> Any:
        """The `data` of an answer without errors."""
        response = await self.post(query, variables, **headers)
        answer = response.json()
        assert response.status_code == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    async def change(self, name: str, **headers: str) -> Any:
        """The answer to a mutation, given as `name(arguments) { fields }`."""
        data = await self.ask(f"mutation {{ {name} }}", **headers)
        [answer] = data.values()
        return answer

    async def open(self, value: str, **headers: str) -> Any:
        """The answer to opening a page of ICD-10-CM."""
        query = """query ($value: String!) {
          codePage(ref: {key: {system: ICD10CM, value: $value}}) {
            __typename
            ... on CodePage { banner lockedSectionCount
              view { wasCharged allowance { limit used remaining } } }
            ... on ViewLimitReached { allowance { limit used remaining } }
          }
        }"""
        return (await self.ask(query, {"value": value}, **headers))["codePage"]

    async def viewer(self, fields: str = "kind user { email }", **headers: str) -> Any:
        """The viewer who asks."""
        return (await self.ask(f"{{ viewer {{ {fields} }} }}", **headers))["viewer"]


@dataclass
class Site:
    """An application on real stores."""

    app: Any
    database: Database
    clock: Clock
    stack: AsyncExitStack

    async def browser(self, host: str | None = None, **headers: str) -> Browser:
        """Somebody new, in a network of their own unless one is named."""
        transport = httpx2.ASGITransport(self.app, client=(host or new_host(), 5_000))
        client = httpx2.AsyncClient(
            transport=transport, base_url="http://codes.example", headers=headers
        )
        return Browser(await self.stack.enter_async_context(client))

    async def letters(self, email: str) -> list[Any]:
        """The letters on their way to an address, the oldest first."""
        return await self.database.fetch(
            "SELECT subject, body FROM letter WHERE recipient = $1 AND expires_at > $2 ORDER BY id",
            email,
            self.clock(),
        )

    async def proof(self, email: str) -> tuple[str, str]:
        """(token of the link, code) of the newest letter to an address."""
        body = (await self.letters(email))[-1]["body"]
        token = re.search(r"#token=(\S+)", body)
        code = re.search(r"\b\d{6}\b", body)
        assert token is not None
        return token[1], code[0] if code else ""

    async def member(self, browser: Browser, email: str | None = None) -> str:
        """Registers and proves an address in a browser; the address."""
        address = email or new_email()
        sent = await register(browser, address)
        assert sent["__typename"] == "VerificationSent", sent
        started = await verify(browser, (await self.proof(address))[0])
        assert started["__typename"] == "SessionStarted", started
        return address


async def register(browser: Browser, email: str, password: str = PASSWORD, **headers: str) -> Any:
    """The answer to registering."""
    query = """mutation ($input: RegisterInput!) { register(input: $input) { __typename
      ... on VerificationSent { sentTo expiresAt }
      ... on InvalidInput { fields { path rule message } }
      ... on RateLimited { retryAfterSeconds }
      ... on Conflict { problemCode } } }"""
    variables = {"input": {"email": email, "password": password}}
    return (await browser.ask(query, variables, **headers))["register"]


async def verify(browser: Browser, token: str, **headers: str) -> Any:
    """The answer to proving an address by a link."""
    return await browser.change(
        f'verifyEmail(input: {{proof: {{token: "{token}"}}}}) {{ __typename '
        "... on SessionStarted { accessToken viewer { kind } } "
        "... on InvalidInput { message fields { path rule } } "
        "... on RateLimited { retryAfterSeconds } }",
        **headers,
    )


async def log_in(
    browser: Browser,
    email: str,
    password: str = PASSWORD,
    *,
    as_token: bool = False,
    **headers: str,
) -> Any:
    """The answer to logging in."""
    query = """mutation ($input: LogInInput!) { logIn(input: $input) { __typename
      ... on SessionStarted { accessToken expiresAt viewer { kind user { email } } }
      ... on Unauthenticated { problemCode message }
      ... on RateLimited { retryAfterSeconds } } }"""
    given = {"email": email, "password": password, "asToken": as_token}
    return (await browser.ask(query, {"input": given}, **headers))["logIn"]


OpenSite = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def open_site(catalogue_url: str, redis_url: str, catalogue: Database) -> OpenSite:
    """Opens applications on the session's catalogue and an empty ledger."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Site]:
        urls = StoreUrls(catalogue_url, redis_url)
        known = {
            "database_url": catalogue_url,
            "redis_url": redis_url,
            "store_timeout_seconds": 1.0,
            "site_url": "https://codes.example",
        }
        clock = Clock()
        async with (
            build(Settings(**(known | settings)), urls, SECRET, now=clock) as app,
            AsyncExitStack() as stack,
        ):
            yield Site(app, catalogue, clock, stack)

    return opened


@pytest.fixture
async def site(open_site: OpenSite) -> AsyncIterator[Site]:
    """The application as it is set by default."""
    async with open_site() as opened:
        yield opened
