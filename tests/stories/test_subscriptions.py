"""A subscription from its message to the reader's pages, over HTTP, on several servers."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from db.pool import Database
from tests.graph.accounts import account_on, logged_in
from tests.graph.test_webhooks import SECRET, message, signed

WHO = "{ viewer { kind user { planKey planEndsAt } allowance { limit remaining } } }"


@pytest.fixture
async def servers(start_server: Any, redis_url: str) -> AsyncIterator[list[Any]]:
    """Two servers that hear of subscriptions, on the same stores."""
    async with (
        start_server(CODESTILE_WEBHOOK_SECRET=SECRET) as first,
        start_server(CODESTILE_WEBHOOK_SECRET=SECRET) as second,
    ):
        yield [first, second]


async def send(server: Any, told: dict[str, Any]) -> tuple[int, Any]:
    """Status and answer of a message, sent again while a store has no time for it."""
    body = json.dumps(told).encode()
    async with httpx2.AsyncClient(base_url=server.address, timeout=60) as client:
        async with asyncio.timeout(120):
            while True:
                answer = await client.post(
                    "/webhooks/subscriptions", content=body, headers=signed(SECRET, body)
                )
                if answer.status_code != 503:
                    return answer.status_code, answer.json()
                await asyncio.sleep(0.5)


async def test_the_same_message_at_once_on_two_servers_makes_one_assignment(
    servers: list[Any], catalogue: Database
) -> None:
    reader = await account_on(catalogue, "registered")
    told = message(reader.email, id=secrets.token_hex(8))

    answers = await asyncio.gather(*(send(servers[n % 2], told) for n in range(50)))

    assert sorted(answer["outcome"] for _, answer in answers) == ["applied"] + ["replayed"] * 49
    rows = await catalogue.fetch(
        "SELECT number, plan_key FROM assignment WHERE account_id = $1 ORDER BY number", reader.id
    )
    assert [tuple(row) for row in rows] == [(0, "registered"), (1, "subscriber")]


async def test_a_subscriber_reads_without_limit_until_the_end(
    servers: list[Any], catalogue: Database, new_browser: Any
) -> None:
    reader = await account_on(catalogue, "registered")
    token = await logged_in(catalogue, reader)
    app = new_browser(servers[0], Authorization=f"Bearer {token}")
    elsewhere = new_browser(servers[1], Authorization=f"Bearer {token}")
    ends = datetime.now(UTC) + timedelta(seconds=8)

    before = await app.open("I10")
    sent = message(reader.email, id=secrets.token_hex(8), endsAt=ends.isoformat())
    answer = await send(servers[1], sent)
    during = await elsewhere.ask(WHO)
    unmetered = await app.open("J45.901")
    await asyncio.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 0.5)
    after = await elsewhere.ask(WHO)

    assert before["view"]["wasCharged"] is True
    assert answer == (200, {"outcome": "applied"})
    assert (during["viewer"]["kind"], during["viewer"]["user"]["planKey"]) == (
        *("SUBSCRIBER", "subscriber"),
    )
    assert unmetered["view"]["wasCharged"] is False
    assert after["viewer"] == {
        "kind": "REGISTERED",
        "user": {"planKey": "registered", "planEndsAt": None},
        "allowance": {"limit": 5, "remaining": 4},
    }


async def test_without_a_secret_there_is_no_such_address(server: Any) -> None:
    body = b"{}"

    async with httpx2.AsyncClient(base_url=server.address) as client:
        answer = await client.post(
            "/webhooks/subscriptions", content=body, headers=signed(SECRET, body)
        )

    assert answer.status_code == 404
