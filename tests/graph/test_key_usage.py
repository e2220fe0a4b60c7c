"""What a key was used for, as its partner reads it: from the archive, day by day."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from db.pool import Database
from graph.people.keys import read_key
from metering.shards import shard_of
from tests.graph.partners import Clock, Person, Site, add_account, put_on, site_on
from tests.metering.archives import Entry, Log, archive_all, archive_on, ms
from tests.metering.archives import view as view_entry

USAGE = """
query Usage($from: Date, $to: Date) {
  viewer {
    apiKeys {
      edges {
        node {
          id
          usage(from: $from, to: $to) {
            __typename
            ... on ApiKeyUsage {
              firstDay lastDay asOf waitingEvents days { day views charged repeated refused }
            }
            ... on InvalidInput { fields { path rule } }
            ... on Forbidden { problemCode requiredScope }
          }
          deprecatedFieldUse {
            __typename
            ... on DeprecatedFieldUseList { since items { coordinate reason uses lastDay } }
            ... on Forbidden { problemCode requiredScope }
          }
        }
      }
    }
  }
}
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def site(database: Database, redis_url: str, clock: Clock) -> AsyncIterator[Site]:
    async with site_on(database, redis_url, clock) as opened:
        yield opened


@pytest.fixture
async def partner(database: Database) -> Person:
    return await add_account(database)


def view(who: str, key: str, outcome: str, **more: str) -> Entry:
    """The entry of a view with a key."""
    parts = read_key(key)
    assert parts is not None
    return view_entry(who, outcome, kind="P", plan="partner.1", context=f"p/{parts[0]}", **more)


async def usage(site: Site, bearer: str, **span: str) -> dict[str, dict[str, Any]]:
    """The usage and the deprecated fields of every key that the bearer finds, by key."""
    data = await site.ask(USAGE, span, bearer=bearer)
    nodes = [edge["node"] for edge in data["viewer"]["apiKeys"]["edges"]]
    return {node.pop("id"): node for node in nodes}


async def test_usage_of_each_key_is_counted_by_day_and_outcome(
    site: Site, partner: Person, clock: Clock, database_url: str, redis_url: str
) -> None:
    who, shard = partner.account_id, shard_of(partner.account_id)
    one_id, one = await site.new_key(partner, "USAGE_READ")
    two_id, two = await site.new_key(partner, "PAGES_READ")
    async with archive_on(database_url, redis_url) as (archive, _, client):
        log = Log(client, shard, at_ms=ms("2026-11-21T23:59:59"))
        await log.add(view(who, one, "U"), step_ms=999)
        await log.add(
            view(who, one, "R", count=f"7@{log.at_ms}"), view(who, two, "U"), view(who, one, "L")
        )
        await log.add(view(who, two, "B"), view_entry(who, "U", context="be"))
        await archive_all(archive, shard)
        await log.add(view(who, one, "U"))

    found = await usage(site, partner.session, **{"from": "2026-11-20", "to": "2026-11-23"})

    alike = {
        "__typename": "ApiKeyUsage",
        "firstDay": "2026-11-20",
        "lastDay": "2026-11-23",
        "asOf": "2026-11-22T00:00:00.004000+00:00",
        "waitingEvents": 0,
    }
    assert found[one_id]["usage"] == alike | {
        "days": [
            {"day": "2026-11-21", "views": 1, "charged": 1, "repeated": 0, "refused": 0},
            {"day": "2026-11-22", "views": 8, "charged": 0, "repeated": 7, "refused": 1},
        ]
    }
    assert found[two_id]["usage"] == alike | {
        "days": [{"day": "2026-11-22", "views": 2, "charged": 1, "repeated": 0, "refused": 1}]
    }
    assert await usage(site, one, **{"from": "2026-11-20", "to": "2026-11-23"}) == found


async def test_usage_says_what_was_seen_and_is_not_counted_yet(
    site: Site, partner: Person, database: Database
) -> None:
    key_id, _ = await site.new_key(partner)
    await database.fetch(
        "UPDATE usage_cursor SET seq = 4, head_seq = 9 WHERE shard = $1",
        shard_of(partner.account_id),
    )

    found = await usage(site, partner.session)

    assert found[key_id]["usage"] == {
        "__typename": "ApiKeyUsage",
        "firstDay": "2026-10-25",
        "lastDay": "2026-11-23",
        "asOf": None,
        "waitingEvents": 5,
        "days": [],
    }


@pytest.mark.parametrize(
    ("span", "path"),
    [
        ({"from": "2026-08-23", "to": "2026-11-23"}, ["from"]),
        ({"from": "2026-11-24"}, ["from"]),
        ({"from": "0001-01-01", "to": "9999-12-31"}, ["from"]),
        ({"to": "0001-01-02"}, ["to"]),
    ],
)
async def test_span_that_cannot_be_is_told_by_path(
    site: Site, partner: Person, span: dict[str, str], path: list[str]
) -> None:
    key_id, _ = await site.new_key(partner)

    found = await usage(site, partner.session, **span)

    assert found[key_id]["usage"] == {
        "__typename": "InvalidInput",
        "fields": [{"path": path, "rule": "RANGE"}],
    }


async def test_ninety_two_days_are_told_at_once(site: Site, partner: Person) -> None:
    key_id, _ = await site.new_key(partner)

    found = await usage(site, partner.session, **{"from": "2026-08-24", "to": "2026-11-23"})

    assert found[key_id]["usage"]["__typename"] == "ApiKeyUsage"


async def test_key_without_usage_read_is_told_which_scope_it_lacks(
    site: Site, partner: Person
) -> None:
    key_id, key = await site.new_key(partner, "PAGES_READ", "CROSSWALKS_READ")

    found = await usage(site, key)

    refused = {
        "__typename": "Forbidden",
        "problemCode": "FORBIDDEN",
        "requiredScope": "USAGE_READ",
    }
    assert found == {key_id: {"usage": refused, "deprecatedFieldUse": refused}}


async def test_usage_of_many_keys_is_read_at_once(
    site: Site, partner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await site.new_key(partner)
    read: list[str] = []
    fetch = Database.fetch

    async def counted(self: Database, statement: str, *arguments: Any) -> Any:
        read.append(statement.splitlines()[0])
        return await fetch(self, statement, *arguments)

    monkeypatch.setattr(Database, "fetch", counted)
    found = await usage(site, partner.session)

    assert len(found) == 5
    assert len(read) == 5, read  # session, keys, how far, days, deprecated fields


async def test_deprecated_fields_are_told_for_thirty_days(
    site: Site, partner: Person, clock: Clock, database: Database
) -> None:
    key_id, key = await site.new_key(partner, "USAGE_READ")
    today = clock.at.date()
    for field, days_ago, uses in (
        ("Code.gone", 0, 2),
        ("Code.gone", 29, 3),
        ("Code.gone", 30, 100),
        ("Code.old", 30, 100),
        ("Query.code(asOf:)", 3, 1),
    ):
        await database.fetch(
            "INSERT INTO deprecated_use (key_id, field, day, uses) VALUES ($1, $2, $3, $4)",
            *((read_key(key) or ("",))[0], field, today - timedelta(days=days_ago), uses),
        )

    found = await usage(site, key)

    assert found[key_id]["deprecatedFieldUse"] == {
        "__typename": "DeprecatedFieldUseList",
        "since": "2026-10-25",
        "items": [
            {"coordinate": "Code.gone", "reason": None, "uses": 5, "lastDay": "2026-11-23"},
            {"coordinate": "Query.code(asOf:)", "reason": None, "uses": 1, "lastDay": "2026-11-20"},
        ],
    }


async def test_account_that_is_no_partner_any_more_reads_no_usage(
    site: Site, partner: Person, database: Database
) -> None:
    await site.new_key(partner)
    await put_on(database, partner, "registered", 1)

    data = await site.ask(USAGE, bearer=partner.session)

    assert data == {"viewer": {"apiKeys": None}}
