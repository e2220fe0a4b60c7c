"""A thousand requests at once against two server processes on one store, 500 open at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import redis

OPEN = """query ($value: String!) {
  codePage(ref: {key: {system: ICD10CM, value: $value}}) {
    __typename
    ... on CodePage { view { wasCharged eventId recordedAt allowance { used remaining } } }
    ... on ViewLimitReached { allowance { used } }
  }
}"""


@pytest.fixture(scope="module")
async def two_servers(start_server: Any) -> AsyncIterator[list[str]]:
    """The addresses of two server processes that share their stores."""
    async with start_server() as one, start_server() as other:
        yield [one.address, other.address]


async def guest_token(address: str) -> str:
    """A guest made by opening nothing yet: the network admits it at its first page."""
    async with httpx2.AsyncClient(base_url=address) as client:
        answer = await client.post("/graphql", json={"query": OPEN, "variables": {"value": "A00"}})
        return answer.headers["Codestile-Viewer"]


async def thousand(
    addresses: list[str], token: str, value_of: Callable[[int], str], key: str | None = None
) -> list[dict[str, Any]]:
    """The answers to a thousand requests of one guest, spread over the servers."""
    headers = {"Codestile-Viewer": token} | ({"Idempotency-Key": key} if key else {})

    async def ask(client: httpx2.AsyncClient, number: int) -> dict[str, Any]:
        body = {"query": OPEN, "variables": {"value": value_of(number)}}
        response = await client.post("/graphql", json=body, headers=headers)
        assert response.status_code == 200
        return response.json()["data"]["codePage"]

    # More connections than this wait in the client: a busy machine would answer them 503.
    limits = httpx2.Limits(max_connections=250)
    clients = [httpx2.AsyncClient(base_url=at, limits=limits, timeout=120) for at in addresses]
    try:
        return await asyncio.gather(*(ask(clients[n % len(clients)], n) for n in range(1000)))
    finally:
        for client in clients:
            await client.aclose()


@pytest.fixture(scope="session")
async def thousand_codes(catalogue: Any) -> list[str]:
    """A thousand different codes of ICD-10-CM."""
    rows = await catalogue.fetch(
        "SELECT value FROM code WHERE system = 'ICD10CM' AND length(value) = 5 "
        "ORDER BY value LIMIT 1000"
    )
    assert len(rows) == 1000
    return [row["value"] for row in rows]


def views_of(redis_url: str) -> int:
    """The views that were recorded, or are counted and wait to be."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        waiting = [
            int(held.split()[0])
            for flood in client.scan_iter("{*}:f:*")
            for name, held in client.hgetall(flood).items()
            if name.startswith("+")
        ]
    counted = [int(event.get("count", "1@").split("@")[0]) for event in events_of(redis_url)]
    return sum(counted) + sum(waiting)


def events_of(redis_url: str) -> list[dict[str, str]]:
    """The fields of every event."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        return [fields for log in client.scan_iter("{*}:log") for _, fields in client.xrange(log)]


async def fresh_guest(addresses: list[str], redis_url: str) -> str:
    """The token of a guest whose allowance is whole again."""
    token = await guest_token(addresses[0])
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return token


async def test_thousand_codes_at_once_unlock_exactly_one(
    two_servers: list[str], redis_url: str, thousand_codes: list[str], codestile: Any
) -> None:
    token = await fresh_guest(two_servers, redis_url)

    answers = await thousand(two_servers, token, thousand_codes.__getitem__)

    kinds = Counter(answer["__typename"] for answer in answers)
    assert kinds == {"CodePage": 1, "ViewLimitReached": 999}
    assert {a["allowance"]["used"] for a in answers if "allowance" in a} == {1}
    assert views_of(redis_url) == 1000
    assert (await codestile("ledger", "verify"))[0] == 0


async def test_one_code_a_thousand_times_at_once_is_charged_once(
    two_servers: list[str], redis_url: str, codestile: Any
) -> None:
    token = await fresh_guest(two_servers, redis_url)

    answers = await thousand(two_servers, token, lambda _: "I10")

    charged = Counter(answer["view"]["wasCharged"] for answer in answers)
    assert charged == {True: 1, False: 999}
    assert {answer["view"]["allowance"]["remaining"] for answer in answers} == {0}
    assert views_of(redis_url) == 1000
    assert (await codestile("ledger", "verify"))[0] == 0


async def test_one_idempotency_key_a_thousand_times_is_one_event_and_one_answer(
    two_servers: list[str], redis_url: str
) -> None:
    token = await fresh_guest(two_servers, redis_url)

    answers = await thousand(two_servers, token, lambda _: "I10", key="the-same-key")

    assert len(events_of(redis_url)) == 1
    assert answers == [answers[0]] * 1000
    assert answers[0]["view"]["wasCharged"] is True


async def test_idempotency_key_of_one_code_does_not_open_another(
    two_servers: list[str], redis_url: str, new_browser: Any
) -> None:
    token = await fresh_guest(two_servers, redis_url)

    first = await thousand(two_servers, token, lambda _: "I10", key="the-same-key")
    other = await thousand(two_servers, token, lambda _: "J45", key="the-same-key")

    assert first[0]["__typename"] == "CodePage"
    assert {answer["__typename"] for answer in other} == {"ViewLimitReached"}
    assert len(events_of(redis_url)) == 2
