"""A member of the staff at work, over HTTP, on two servers at once."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from db.pool import Database
from graph import ids
from tests.graph.accounts import account_on, logged_in

GIVE_BACK = """
mutation Give($input: GiveViewBackInput!) {
  giveViewBack(input: $input) { __typename ... on StaffActSuccess { eventId wasReplayed } }
}
"""
GRANT = """
mutation Grant($input: GrantViewsInput!) {
  grantViews(input: $input) { __typename ... on GrantViewsSuccess { eventId wasReplayed } }
}
"""
CREATE = """
mutation Create($input: CreatePlanVersionInput!) {
  createPlanVersion(input: $input) {
    __typename
    ... on CreatePlanVersionSuccess { plan { version } }
  }
}
"""
ALLOWANCE = "{ viewer { allowance { limit used } } }"


@pytest.fixture
async def servers(start_server: Any, redis_url: str) -> AsyncIterator[list[Any]]:
    """Two servers on the same stores."""
    async with start_server() as first, start_server() as second:
        yield [first, second]


@pytest.fixture
async def staff(
    servers: list[Any], catalogue: Database, new_browser: Callable[..., Any]
) -> list[Any]:
    """One member of the staff, at each server."""
    token = await logged_in(catalogue, await account_on(catalogue, "staff"))
    return [new_browser(server, Authorization=f"Bearer {token}") for server in servers]


@pytest.fixture
async def reader(
    servers: list[Any], catalogue: Database, new_browser: Callable[..., Any]
) -> tuple[str, Any]:
    """The id of a user who registered, and their application."""
    account = await account_on(catalogue, "registered")
    token = await logged_in(catalogue, account)
    app = new_browser(servers[1], Authorization=f"Bearer {token}")
    return str(ids.encode("user", account.id)), app


async def test_a_member_of_the_staff_gives_a_view_back(
    staff: list[Any], reader: tuple[str, Any]
) -> None:
    user, app = reader
    await app.open("I10")
    spent = await app.ask(ALLOWANCE)

    given = await staff[0].ask(
        GIVE_BACK,
        {
            "input": {
                "viewer": user,
                "reason": "The page was broken.",
                "code": {"system": "ICD10CM", "value": "i10"},
                "cause": "mistake",
            }
        },
    )

    assert spent["viewer"]["allowance"] == {"limit": 5, "used": 1}
    assert given["giveViewBack"]["__typename"] == "StaffActSuccess"
    after = await app.ask(ALLOWANCE)
    assert after["viewer"]["allowance"] == {"limit": 5, "used": 0}


async def test_one_key_at_once_on_two_servers_grants_once(
    staff: list[Any], reader: tuple[str, Any]
) -> None:
    user, app = reader
    given = {"viewer": user, "views": 3, "reason": "They asked for more."}
    key = secrets.token_hex(8)

    answers = await asyncio.gather(
        *(staff[n % 2].ask(GRANT, {"input": given}, **{"Idempotency-Key": key}) for n in range(20))
    )

    told = [answer["grantViews"] for answer in answers]
    assert len({answer["eventId"] for answer in told}) == 1
    assert sorted(answer["wasReplayed"] for answer in told) == [False] + [True] * 19
    allowance = await app.ask(ALLOWANCE)
    assert allowance["viewer"]["allowance"] == {"limit": 8, "used": 0}


async def test_plans_written_at_once_on_two_servers_get_consecutive_versions(
    staff: list[Any],
) -> None:
    terms = {
        "key": f"p{secrets.token_hex(8)}",
        "viewerKind": "PARTNER",
        "pageViewLimit": 10,
        "window": "MONTH",
        "openSections": ["HISTORY"],
        "reason": "A contract.",
    }

    answers = await asyncio.gather(*(staff[n % 2].ask(CREATE, {"input": terms}) for n in range(12)))

    versions = [answer["createPlanVersion"]["plan"]["version"] for answer in answers]
    assert sorted(versions) == list(range(1, 13))


async def test_a_plan_is_in_force_at_every_server_at_once(
    staff: list[Any], reader: tuple[str, Any]
) -> None:
    user, app = reader
    terms = {
        "key": f"p{secrets.token_hex(8)}",
        "viewerKind": "SUBSCRIBER",
        "pageViewLimit": 12,
        "window": "LIFETIME",
        "openSections": ["HISTORY"],
        "reason": "An offer.",
    }
    await staff[0].ask(CREATE, {"input": terms})

    await staff[0].ask(
        "mutation Move($input: AssignPlanInput!) { assignPlan(input: $input) { __typename } }",
        {"input": {"account": user, "planKey": terms["key"], "reason": "They took it."}},
    )

    allowance = await app.ask(ALLOWANCE)
    assert allowance["viewer"]["allowance"] == {"limit": 12, "used": 0}
