"""The schema asked in process, over real stores, as any kind of viewer."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from graphql import execute, parse

from db.loaded import Loaded
from db.plans import PlanBook
from db.pool import Database
from graph import ids
from graph.api import api
from graph.context import Context, Services
from graph.identity import Visit
from graph.limits import LIMITS
from graph.people.keys import Keys
from graph.people.office import BackOffice
from graph.people.parts import People
from graph.people.passwords import Passwords
from graph.people.plans import PlanChanges
from graph.people.tokens import session_cookie
from graph.people.tries import Tries
from metering.carryover import CarryOver
from metering.erasures import Erasures
from metering.meter import LedgerMeter, open_ledger
from metering.rates import Rates
from metering.shards import shard_of
from schema.people import Assignment, Viewer, ViewerKind

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Ask = Callable[[str], Awaitable[Any]]


@asynccontextmanager
async def services_on(
    database: Database, redis_url: str, now: Callable[[], datetime] = lambda: NOW
) -> AsyncIterator[Services]:
    """The real parts, at a fixed hour unless the test says otherwise."""
    plans = PlanBook(database)
    await plans.read()
    # The machine that runs the tests may stall for longer than a page may wait.
    async with open_ledger(redis_url, plans.plan_of, timeout_seconds=5.0) as meter:
        yield Services(
            database=database,
            meter=meter,
            plans=plans,
            now=now,
            event_id=partial(ids.encode_event, b"a secret of the tests"),
            people=people_on(database, meter),
            office=BackOffice(PlanChanges(database, meter, plans, now), meter.store),
            loaded=Loaded(database, lambda: None),
            keys=Keys(database, b"a seed of the tests", now),
        )


@pytest.fixture
async def services(catalogue: Database, redis_url: str) -> AsyncIterator[Services]:
    """The real parts, on the whole catalogue and an empty ledger."""
    async with services_on(catalogue, redis_url) as parts:
        yield parts


@pytest.fixture
def ask_as(services: Services) -> Callable[[str], Ask]:
    """Makes somebody of a kind, who asks without the limits of HTTP and gets `data`."""
    return partial(asking, services)


def asking(services: Services, kind: str) -> Ask:
    """Somebody new of a kind on those parts, who asks without the limits of HTTP."""
    viewer = viewer_of(ViewerKind(kind))

    async def ask(query: str) -> Any:
        visit = Visit(viewer=viewer, may_charge=True)
        limits = LIMITS[viewer.kind]
        context = Context(services, visit, secrets.token_hex(8), services.now(), limits)
        schema = api()
        result = await execute(  # type: ignore[misc]
            schema._schema,
            parse(query),
            context_value=context,
            executor_class=schema.execution_context_class,
        )
        assert result.errors is None, result.errors
        return result.data

    return ask


def people_on(database: Database, meter: LedgerMeter) -> People:
    """The parts of people's acts on those stores, as graph/app.py makes them."""
    return People(
        passwords=Passwords(2),
        tries=Tries(Rates(meter.store)),
        carry_over=CarryOver(database, meter, lambda: 1, lambda: NOW),
        erase=Erasures(database, meter, meter.store).erase,
        cookie=session_cookie(is_https=False),
        no_guest=("Set-Cookie", "codestile_guest=; Max-Age=0"),
        secret=b"a secret of the tests",
        site="https://codes.example",
        accounts_a_day=20,
    )


def viewer_of(kind: ViewerKind) -> Viewer:
    """Somebody new of that kind, outside every network's budget."""
    id = ("g" if kind is ViewerKind.GUEST else "u") + secrets.token_urlsafe(16)
    assignment = Assignment(plan_key=kind.lower(), plan_version=1, number=1)
    return Viewer(id=id, kind=kind, shard=shard_of(id), assignment=assignment, network=None)
