"""Texts of CPT, invented here: what readers see whose plan a licence covers, and all others."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from db.licenses import record_license
from db.load.demo import write_demo
from db.load.transaction import load
from db.pool import Database
from graph.context import Services
from schema.accounts import Account
from schema.codes import CodeSystemKey
from schema.licenses import License
from tests.graph.accounts import account_on, ask
from tests.graph.conftest import services_on
from tests.official.cpt import NOTICE
from tests.official.licensed import LICENSE, licensed_steps

CODE = """
query Code($asOf: Date) {
  code(ref: {key: {system: CPT, value: "0000X"}}, asOf: $asOf) {
    ... on Code { title shortTitle titleCopyright isBillable }
  }
}
"""
PAGE = """
{
  codePage(ref: {key: {system: CPT, value: "0000X"}}) {
    ... on CodePage {
      code { title titleCopyright }
      sections(kinds: [OFFICIAL_DESCRIPTION, HISTORY]) {
        __typename
        kind
        ... on LockedSection { reason upgrade { text } }
        ... on OpenSection {
          copyright
          content { ... on TextContent { text } ... on HistoryContent { entries { title } } }
        }
      }
    }
  }
}
"""
TARGETS = """
{
  crosswalks(sources: [{system: DEMO, value: "DM-4120"}], to: [CPT]) {
    ... on Translations {
      items { crosswalks { edges { node { target { value title titleCopyright } } } } }
    }
  }
}
"""
NOTHING = {"title": None, "shortTitle": None, "titleCopyright": None, "isBillable": True}
AS_IT_IS, AS_IT_WAS = "invented text 1, as it is", "invented text 1, as it was"


@pytest.fixture
async def parts(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Services]:
    """The real parts on stores of the test's own, with licensed codes, on 2026-11-23."""
    await load(database_url, [write_demo, *licensed_steps()])
    async with services_on(database, redis_url) as opened:
        yield opened


@pytest.fixture
async def reader(database: Database, parts: Services) -> Account:
    return await account_on(database, "subscriber")


async def cover(database: Database, *plans: str, until: date | None = None) -> None:
    await record_license(
        database,
        License(
            id=LICENSE,
            system=CodeSystemKey.CPT,
            holder="A clinic",
            effective_from=date(2026, 1, 1),
            effective_to=until,
            plan_keys=plans,
        ),
    )


async def code(parts: Services, who: Account | None, as_of: str | None = None) -> Any:
    return (await ask(parts, who, CODE, {"asOf": as_of}))["code"]


async def test_without_a_licence_nobody_reads_a_text(parts: Services, reader: Account) -> None:
    told = await code(parts, reader)
    page = (await ask(parts, reader, PAGE))["codePage"]

    assert told == NOTHING
    assert page == {
        "code": {"title": None, "titleCopyright": None},
        "sections": [
            {
                "__typename": "LockedSection",
                "kind": "OFFICIAL_DESCRIPTION",
                "reason": "LICENSE_RESTRICTED",
                "upgrade": None,
            },
            {
                "__typename": "OpenSection",
                "kind": "HISTORY",
                "copyright": None,
                "content": {"entries": [{"title": None}, {"title": None}]},
            },
        ],
    }


async def test_a_reader_whose_plan_is_covered_reads_texts_with_their_notice(
    parts: Services, reader: Account, database: Database
) -> None:
    await cover(database, "subscriber")

    told = await code(parts, reader)
    page = (await ask(parts, reader, PAGE))["codePage"]

    assert told == {
        "title": AS_IT_IS,
        "shortTitle": "invented short text 1",
        "titleCopyright": NOTICE[0],
        "isBillable": True,
    }
    assert page == {
        "code": {"title": AS_IT_IS, "titleCopyright": NOTICE[0]},
        "sections": [
            {
                "__typename": "OpenSection",
                "kind": "OFFICIAL_DESCRIPTION",
                "copyright": NOTICE[0],
                "content": {"text": AS_IT_IS},
            },
            {
                "__typename": "OpenSection",
                "kind": "HISTORY",
                "copyright": NOTICE[0],
                "content": {"entries": [{"title": AS_IT_IS}, {"title": AS_IT_WAS}]},
            },
        ],
    }


async def test_a_text_is_worded_as_of_the_day_asked_about(
    parts: Services, reader: Account, database: Database
) -> None:
    await cover(database, "subscriber")

    assert (await code(parts, reader, "2025-06-01"))["title"] == AS_IT_WAS
    assert (await code(parts, reader, "2026-01-01"))["title"] == AS_IT_IS


async def test_a_licence_that_has_ended_covers_nobody_whatever_day_is_asked_about(
    parts: Services, reader: Account, database: Database
) -> None:
    await cover(database, "subscriber", until=date(2026, 11, 22))

    assert await code(parts, reader) == NOTHING
    assert await code(parts, reader, "2026-06-01") == NOTHING


async def test_readers_on_other_plans_read_nothing(parts: Services, database: Database) -> None:
    await cover(database, "subscriber")

    others = [await account_on(database, plan) for plan in ("registered", "partner", "staff")]
    for who in (None, *others):
        assert await code(parts, who) == NOTHING


async def test_the_code_at_the_other_end_of_a_crosswalk_follows_the_licence_too(
    parts: Services, reader: Account, database: Database
) -> None:
    async def target() -> Any:
        [item] = (await ask(parts, reader, TARGETS))["crosswalks"]["items"]
        [edge] = item["crosswalks"]["edges"]
        return edge["node"]["target"]

    before = await target()
    await cover(database, "subscriber")

    assert before == {"value": "0000X", "title": None, "titleCopyright": None}
    assert await target() == {
        "value": "0000X",
        "title": AS_IT_IS,
        "titleCopyright": NOTICE[0],
    }


async def test_texts_of_many_codes_are_read_at_once(
    parts: Services, reader: Account, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cover(database, "subscriber")
    both = """
    {
      codes(refs: [{key: {system: CPT, value: "0000X"}}, {key: {system: CPT, value: "0001X"}}]) {
        result { ... on Code { title shortTitle } }
      }
    }
    """
    asked = []
    fetch = Database.fetch

    async def counted(self: Database, statement: str, *arguments: object) -> Any:
        asked.append("content_license" in statement)
        return await fetch(self, statement, *arguments)

    monkeypatch.setattr(Database, "fetch", counted)

    told = await ask(parts, reader, both)

    assert [item["result"]["title"] for item in told["codes"]] == [AS_IT_IS, "invented text 2"]
    assert sum(asked) == 1
