"""What a key may be used for: pages and crosswalks ask for a scope, what is free does not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from db.pool import Database
from tests.graph.partners import Clock, Person, Site, add_account, remove_account, site_on

PAGE = """
query($preview: Boolean! = false) {
  codePage(ref: {key: {system: ICD10CM, value: "I10"}}, preview: $preview) {
    __typename
    ... on CodePage { view { wasCharged allowance { used } } }
    ... on Forbidden { problemCode message requiredScope upgrade { text } }
  }
}
"""
CROSSWALKS = """
{
  crosswalks(sources: [{system: ICD10CM, value: "I10"}]) {
    __typename ... on Forbidden { problemCode requiredScope }
  }
}
"""
FREE = """
{
  viewer { kind allowance { used limit } }
  code(ref: {key: {system: ICD10CM, value: "I10"}}) { ... on Code { value } }
  codeSystems { key }
}
"""


@pytest.fixture
async def site(catalogue: Database, redis_url: str) -> AsyncIterator[Site]:
    async with site_on(catalogue, redis_url, Clock()) as opened:
        yield opened


@pytest.fixture
async def partner(catalogue: Database) -> AsyncIterator[Person]:
    person = await add_account(catalogue)
    yield person
    await remove_account(catalogue, person)


def logs(redis_url: str) -> list[dict[str, str]]:
    """Every event of the ledger."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        return [fields for log in client.scan_iter("{*}:log") for _, fields in client.xrange(log)]


@pytest.mark.parametrize("preview", [False, True])
async def test_page_is_refused_to_a_key_without_its_scope_and_nothing_is_charged(
    site: Site, partner: Person, redis_url: str, preview: bool
) -> None:
    _, key = await site.new_key(partner, "CROSSWALKS_READ", "USAGE_READ")

    data = await site.ask(PAGE, {"preview": preview}, bearer=key)

    assert data["codePage"] == {
        "__typename": "Forbidden",
        "problemCode": "FORBIDDEN",
        "message": "This key was not given the scope PAGES_READ.",
        "requiredScope": "PAGES_READ",
        "upgrade": None,
    }
    assert logs(redis_url) == []


async def test_page_is_opened_to_a_key_with_its_scope_and_the_event_names_the_key(
    site: Site, partner: Person, redis_url: str
) -> None:
    _, key = await site.new_key(partner, "PAGES_READ")

    shown = await site.ask(PAGE, {"preview": True}, bearer=key)
    opened = await site.ask(PAGE, bearer=key)

    assert shown["codePage"]["view"] == {"wasCharged": False, "allowance": {"used": 0}}
    assert opened["codePage"]["view"] == {"wasCharged": True, "allowance": {"used": 1}}
    (event,) = logs(redis_url)
    assert (event["viewer"], event["kind"]) == (partner.account_id, "P")
    assert event["context"] == f"p/{key[9:21]}"


async def test_crosswalks_are_refused_to_a_key_without_their_scope(
    site: Site, partner: Person
) -> None:
    _, without = await site.new_key(partner, "PAGES_READ", "USAGE_READ")
    _, having = await site.new_key(partner, "CROSSWALKS_READ")

    refused, answered = [await site.ask(CROSSWALKS, bearer=key) for key in (without, having)]

    assert refused["crosswalks"] == {
        "__typename": "Forbidden",
        "problemCode": "FORBIDDEN",
        "requiredScope": "CROSSWALKS_READ",
    }
    assert answered["crosswalks"] == {"__typename": "Translations"}


async def test_what_is_free_for_every_reader_needs_no_scope(site: Site, partner: Person) -> None:
    _, key = await site.new_key(partner, "USAGE_READ")

    data = await site.ask(FREE, bearer=key)

    assert data["viewer"] == {"kind": "PARTNER", "allowance": {"used": 0, "limit": 10000}}
    assert data["code"] == {"value": "I10"}


async def test_partner_who_is_logged_in_has_every_scope(site: Site, partner: Person) -> None:
    answers: list[Any] = [
        await site.ask(text, bearer=partner.session) for text in (PAGE, CROSSWALKS)
    ]

    assert answers[0]["codePage"]["__typename"] == "CodePage"
    assert answers[1]["crosswalks"]["__typename"] == "Translations"
