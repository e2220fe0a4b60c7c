"""FHIR asked over HTTP in this process, on the whole catalogue, as any kind of viewer."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from fhir.resources import get_fhir_model_class as r5_class
from fhir.resources.R4B import get_fhir_model_class as r4_class

from graph import app, views
from graph.context import Services
from graph.networks import NetworkNames
from graph.people.visitors import Visitors
from graph.settings import Settings
from graph.turns import Turns
from metering.policy import AdmissionRule
from schema.accounts import ApiScope
from tests.db.counting import Counting, counting_on
from tests.graph.accounts import account_on, logged_in
from tests.graph.conftest import services_on
from tests.graph.partners import COOKIE, NOON, SECRET, Clock

R5 = "application/fhir+json; fhirVersion=5.0"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"


def values(part: dict[str, Any]) -> Any:
    """The value of a parameter, or its parts by name, several of one name as a list."""
    if "part" in part:
        return by_name(part["part"])
    return next((given for key, given in part.items() if key.startswith("value")), None)


def by_name(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The values of parameters by name; matches, properties and products always in a list."""
    found: dict[str, Any] = {}
    for part in parts:
        if part["name"] in ("match", "property", "product", "designation"):
            found.setdefault(part["name"], []).append(values(part))
        else:
            found[part["name"]] = values(part)
    return found


def checked(response: httpx2.Response) -> httpx2.Response:
    """A response that must hold a resource of the version that it says it is of."""
    body, media_type = response.json(), response.headers["content-type"]
    model = (r5_class if "fhirVersion=5.0" in media_type else r4_class)(body["resourceType"])
    model.model_validate(body)
    return response


@dataclass
class Asker:
    """Somebody who asks; `headers` say who. Every answer is checked for its shape."""

    client: httpx2.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, /, accept: str | None = None, **query: Any) -> httpx2.Response:
        """The response to a GET below /fhir."""
        headers = {**self.headers, **({"Accept": accept} if accept else {})}
        return checked(await self.client.get(f"/fhir{path}", params=query, headers=headers))

    async def post(
        self, path: str, body: Any, /, accept: str | None = None, **headers: str
    ) -> httpx2.Response:
        """The response to a POST of a resource below /fhir."""
        given = {**self.headers, **({"Accept": accept} if accept else {}), **headers}
        return checked(await self.client.post(f"/fhir{path}", json=body, headers=given))

    async def told(self, path: str, /, accept: str | None = None, **query: Any) -> dict[str, Any]:
        """The parameters of an answer, by name."""
        response = await self.get(path, accept, **query)
        assert response.status_code == 200, response.text
        return by_name(response.json()["parameter"])

    async def refused(self, path: str, /, **query: Any) -> tuple[int, str, str]:
        """(status, code, sentence) of a refusal."""
        return refusal(await self.get(path, **query))


def refusal(response: httpx2.Response) -> tuple[int, str, str]:
    """(status, code, sentence) of a response that must be an OperationOutcome."""
    body = response.json()
    assert body["resourceType"] == "OperationOutcome", body
    [issue] = body["issue"]
    return response.status_code, issue["code"], issue["diagnostics"]


@dataclass
class Fhir:
    """The address in this process, and whoever asks it."""

    services: Services
    client: httpx2.AsyncClient
    database: Counting
    clock: Clock

    async def somebody(self, plan: str) -> Asker:
        """Somebody who is logged in, on a plan."""
        account = await account_on(self.services.database, plan, at=NOON)
        token = await logged_in(self.services.database, account, NOON)
        return Asker(self.client, {"Authorization": f"Bearer {token}"})

    async def key(self, *scopes: ApiScope) -> Asker:
        """A partner's key with scopes."""
        account = await account_on(self.services.database, "partner", at=NOON)
        made = await self.services.keys.create(
            account, secrets.token_bytes(8), "a key", frozenset(scopes), None
        )
        return Asker(self.client, {"Authorization": f"Bearer {made.text}"})  # type: ignore[union-attr]

    @property
    def nobody(self) -> Asker:
        """A visitor without anything."""
        return Asker(self.client)


@pytest.fixture
async def fhir(catalogue_url: str, redis_url: str) -> AsyncIterator[Fhir]:
    """FHIR over the whole catalogue, at noon of a fixed day."""
    clock, settings = Clock(), Settings()
    async with (
        counting_on(catalogue_url) as database,
        services_on(database, redis_url, clock) as services,
    ):
        networks = NetworkNames(database, services.meter, AdmissionRule())
        guests = app._guests(settings, SECRET, services.plans, networks)
        visitors = Visitors(guests, database, COOKIE, clock, services.keys.holder)
        view = views.fhir_view(settings, services, visitors, Turns())
        transport = httpx2.ASGITransport(app=view)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://codestile.test", timeout=60
        ) as client:
            yield Fhir(services, client, database, clock)


@pytest.fixture
async def partner(fhir: Fhir) -> Asker:
    """A partner's program with a key for crosswalks."""
    return await fhir.key(ApiScope.CROSSWALKS_READ)
