"""A partner's keys over HTTP: one quota for all of them, and no way into an address or a log."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from db.pool import Database
from tests.graph.partners import (
    CREATE,
    KEY,
    Person,
    add_account,
    remove_account,
)

LIMIT = 10
VIEWS = 40


@pytest.fixture
async def small_plan(catalogue: Database) -> AsyncIterator[str]:
    """A partner's plan with a quota of 10 a month, as a contract would have it."""
    name = f"contract-{secrets.token_hex(4)}"
    await catalogue.fetch(
        "INSERT INTO plan (key, version, page_view_limit, window_kind, can_list_crosswalks, "
        "open_sections, viewer_kind) "
        "SELECT $1, 1, $2, 'MONTH', true, open_sections, 'PARTNER' FROM plan "
        "WHERE key = 'partner' AND version = 1",
        *(name, LIMIT),
    )
    yield name
    await catalogue.fetch("DELETE FROM plan WHERE key = $1", name)


@pytest.fixture
async def partner(catalogue: Database, small_plan: str) -> AsyncIterator[Person]:
    """A partner on the small plan, logged in."""
    person = await add_account(catalogue, small_plan, at=datetime.now(UTC))
    yield person
    await remove_account(catalogue, person)


async def codes(catalogue: Database, count: int) -> list[str]:
    """So many codes that have pages."""
    rows = await catalogue.fetch(
        "SELECT DISTINCT c.value FROM code c JOIN code_version v ON v.code_id = c.id "
        "WHERE c.system = 'ICD10CM' AND v.valid @> CURRENT_DATE ORDER BY c.value LIMIT $1",
        count,
    )
    assert len(rows) == count
    return [row["value"] for row in rows]


async def new_key(browser: Any, person: Person, scopes: str = "PAGES_READ") -> str:
    """A key that the partner makes while logged in."""
    data = await browser.ask(
        CREATE + KEY, {"scopes": [scopes]}, Authorization=f"Bearer {person.session}"
    )
    secret: str = data["createApiKey"]["secret"]
    return secret


def events_of(redis_url: str, viewer: str) -> list[dict[str, str]]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        logs = [client.xrange(log) for log in client.scan_iter("{*}:log")]
    return [fields for log in logs for _, fields in log if fields["viewer"] == viewer]


async def test_two_keys_share_one_quota_over_two_servers(
    start_server: Any, new_browser: Any, catalogue: Database, partner: Person, redis_url: str
) -> None:
    wanted = await codes(catalogue, VIEWS)
    async with start_server() as first, start_server() as second:
        browsers = [new_browser(server) for server in (first, second)]
        keys = [await new_key(browsers[0], partner) for _ in range(2)]
        for browser in browsers:
            browser.client.timeout = 120

        async def open_one(number: int) -> dict[str, Any]:
            browser, key = browsers[number % 2], keys[number // 2 % 2]
            return await browser.ask(
                """
                query($ref: CodeRef!) {
                  codePage(ref: $ref) {
                    __typename
                    ... on CodePage { view { wasCharged } }
                    ... on ViewLimitReached {
                      limitKind allowance { limit used remaining } upgrade { action }
                    }
                  }
                }
                """,
                {"ref": {"key": {"system": "ICD10CM", "value": wanted[number]}}},
                Authorization=f"Bearer {key}",
            )

        answers = await asyncio.gather(*(open_one(number) for number in range(VIEWS)))

    pages = [answer["codePage"] for answer in answers]
    opened = [page for page in pages if page["__typename"] == "CodePage"]
    refused = [page for page in pages if page["__typename"] == "ViewLimitReached"]
    assert [page["view"] for page in opened] == [{"wasCharged": True}] * LIMIT
    assert refused == [
        {
            "__typename": "ViewLimitReached",
            "limitKind": "VIEWER",
            "allowance": {"limit": LIMIT, "used": LIMIT, "remaining": 0},
            "upgrade": {"action": "CONTACT_SALES"},
        }
    ] * (VIEWS - LIMIT)

    events = events_of(redis_url, partner.account_id)
    # The first 20 refusals of an hour are events of their own; the rest are counted together.
    assert Counter(event["outcome"] for event in events) == {"U": LIMIT, "L": 20}
    by_code = {f"ICD10CM:{code}": keys[n // 2 % 2][9:21] for n, code in enumerate(wanted)}
    assert {event["kind"] for event in events} == {"P"}
    assert [event["context"] for event in events] == [
        f"p/{by_code[event['code']]}" for event in events
    ]


async def test_key_in_an_address_is_refused_however_it_is_written(
    server: Any, browser: Any, partner: Person, redis_url: str
) -> None:
    key = await new_key(browser, partner)
    good = {"Authorization": f"Bearer {key}"}
    query = "query=%7Bviewer%7Bkind%7D%7D"
    body = {"query": "{ viewer { kind } }"}

    answers = [
        await browser.client.get(f"/graphql?{query}&api_key={key}"),
        await browser.client.get(f"/graphql?{query}&api_key={key}", headers=good),
        await browser.client.get(f"/graphql?{query}&k={key.replace('_', '%5F')}"),
        await browser.client.get(f"/graphql?{query}&{key}"),
        await browser.client.post(f"/graphql?access_token={key}", json=body, headers=good),
    ]

    assert [answer.status_code for answer in answers] == [400] * 5
    assert [key in answer.text for answer in answers] == [False] * 5
    assert events_of(redis_url, partner.account_id) == []
    asked = await browser.client.post("/graphql", json=body, headers=good)
    assert asked.json()["data"] == {"viewer": {"kind": "PARTNER"}}
    wrong = await browser.client.post(
        "/graphql", json=body, headers={"Authorization": f"Bearer {key[:-1]}"}
    )
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, "Bearer")
    assert wrong.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("form", ["json", "console"])
async def test_server_writes_no_key_into_its_log(
    start_server: Any,
    new_browser: Any,
    partner: Person,
    redis_url: str,
    capfd: pytest.CaptureFixture[str],
    form: str,
) -> None:
    async with start_server(CODESTILE_LOG_FORMAT=form) as running:
        browser = new_browser(running)
        key = await new_key(browser, partner)
        good = {"Authorization": f"Bearer {key}"}
        statuses = [
            (await browser.client.get(f"/graphql?k={key}")).status_code,
            (await browser.client.get(f"/{key}?k={key}")).status_code,
            (await browser.client.post("/graphql", content=key, headers=good)).status_code,
            (
                await browser.client.post(
                    "/graphql", json={"query": f'{{ node(id: "{key}") {{ id }} }}'}, headers=good
                )
            ).status_code,
            (
                await browser.client.post(
                    "/graphql", json={"query": key}, headers={**good, "Idempotency-Key": key[:64]}
                )
            ).status_code,
        ]

    written = "".join(capfd.readouterr())
    assert statuses == [400, 404, 415, 200, 200]
    assert "Finished server process" in written
    assert key not in written
    assert key[22:] not in written
    assert json.dumps(partner.session) not in written
