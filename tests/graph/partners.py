"""Partners who are logged in, and a site in this process that they ask over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from db.pool import Database
from graph import app, views
from graph.context import Services
from graph.networks import NetworkNames
from graph.people.tokens import session_cookie
from graph.people.visitors import Visitors
from graph.settings import Settings
from metering.policy import AdmissionRule
from tests.graph.accounts import account_on, logged_in
from tests.graph.conftest import services_on

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = b"a secret of the tests, 32 characters and more"
SEED = b"a seed of the tests, thirty-two b"
COOKIE = session_cookie(is_https=False)

CREATE = """
mutation Create($name: String! = "reader", $scopes: [ApiScope!]! = [PAGES_READ],
                $expiresAt: DateTime) {
  createApiKey(name: $name, scopes: $scopes, expiresAt: $expiresAt) {
    __typename
    ... on CreateApiKeySuccess { apiKey { ...Key } secret viewer { kind } }
    ... on InvalidInput { problemCode message fields { path rule } }
    ... on Problem { problemCode message }
  }
}
"""
ROTATE = """
mutation Rotate($id: ID!, $overlapHours: Int! = 24) {
  rotateApiKey(id: $id, overlapHours: $overlapHours) {
    __typename
    ... on RotateApiKeySuccess { apiKey { ...Key } secret viewer { kind } }
    ... on InvalidInput { problemCode message fields { path rule } }
    ... on Problem { problemCode message }
  }
}
"""
REVOKE = """
mutation Revoke($id: ID!) {
  revokeApiKey(id: $id) {
    __typename
    ... on RevokeApiKeySuccess { apiKey { ...Key } viewer { kind } }
    ... on Problem { problemCode message }
  }
}
"""
KEY = """
fragment Key on ApiKey {
  id prefix name scopes createdAt expiresAt lastUsedAt revokedAt replaces
}
"""
LIST = """
query Keys($first: Int! = 20, $after: String) {
  viewer {
    kind
    apiKeys(first: $first, after: $after) {
      totalCount edges { node { ...Key } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""


@dataclass
class Clock:
    """A clock that a test moves."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **how_long: float) -> None:
        self.at += timedelta(**how_long)


@dataclass(frozen=True)
class Person:
    """An account, and the token of one of its sessions."""

    account_id: str
    session: str


async def add_account(database: Database, plan: str = "partner", at: datetime = NOON) -> Person:
    """Somebody who is logged in, on a plan."""
    account = await account_on(database, plan, at=at)
    return Person(account.id, await logged_in(database, account, at))


async def remove_account(database: Database, person: Person) -> None:
    """Takes an account out of a database that others read."""
    await database.fetch("DELETE FROM account WHERE id = $1", person.account_id)


async def put_on(database: Database, person: Person, plan: str, number: int) -> None:
    """Puts an account on version 1 of another plan."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO assignment (account_id, number, plan_key, plan_version, actor, reason) "
            "VALUES ($1, $2, $3, 1, 'system', 'test')",
            *(person.account_id, number, plan),
        )
        await connection.execute(
            "UPDATE account SET assignment = $2 WHERE id = $1", person.account_id, number
        )


@dataclass
class Site:
    """A site that answers in this process."""

    services: Services
    client: httpx2.AsyncClient
    clock: Clock
    database: Database
    headers: dict[str, str] = field(default_factory=dict)

    async def post(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        bearer: str | None = None,
        key: str | None = None,
    ) -> httpx2.Response:
        """The response to a bearer, with an Idempotency-Key if one is given."""
        headers = dict(self.headers)
        headers |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
        headers |= {"Idempotency-Key": key} if key else {}
        text = query + (KEY if "...Key" in query else "")
        body = {"query": text, "variables": variables or {}}
        return await self.client.post("/graphql", json=body, headers=headers)

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, **who: str | None
    ) -> Any:
        """The `data` of an answer without errors."""
        response = await self.post(query, variables, **who)
        answer = response.json()
        assert response.status_code == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    async def change(self, query: str, person: Person, key: str | None = None, **input: Any) -> Any:
        """The answer to one mutation of somebody who is logged in."""
        data = await self.ask(query, input, bearer=person.session, key=key)
        (answer,) = data.values()
        return answer

    async def new_key(self, person: Person, *scopes: str, **input: Any) -> tuple[str, str]:
        """A new key of a partner: its published id, and the key itself."""
        given = {"scopes": list(scopes)} if scopes else {}
        made = await self.change(CREATE, person, **given, **input)
        assert made["__typename"] == "CreateApiKeySuccess", made
        return made["apiKey"]["id"], made["secret"]

    async def keys_of(self, person: Person) -> list[dict[str, Any]]:
        """The partner's keys as the partner sees them."""
        data = await self.ask(LIST, {"first": 100}, bearer=person.session)
        return [edge["node"] for edge in data["viewer"]["apiKeys"]["edges"]]


@asynccontextmanager
async def site_on(database: Database, redis_url: str, clock: Clock) -> AsyncIterator[Site]:
    """The real parts, plugged together as graph/app.py does, with a clock of the test's."""
    settings = Settings()
    async with services_on(database, redis_url, clock) as services:
        networks = NetworkNames(database, services.meter, AdmissionRule())
        guests = app._guests(settings, SECRET, services.plans, networks)
        visitors = Visitors(guests, database, COOKIE, clock, services.keys.holder)
        view = views.graphql_view(settings, services, visitors)
        transport = httpx2.ASGITransport(app=view)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://codestile.test", timeout=60
        ) as client:
            yield Site(services, client, clock, database)
