"""Staff writes common language descriptions, and pages show them from that day on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.load.demo import write_demo
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database
from graph.context import Services
from graph.people.wording import faults_of_text, tidied
from schema.accounts import Account
from schema.codes import CodeSystemKey
from schema.pages import EmptyState, Page, SectionKind
from schema.sections import emptiness
from tests.graph.accounts import account_on, ask
from tests.graph.conftest import services_on

KIND = SectionKind.COMMON_LANGUAGE
VERSION = "version markdown writtenOn author reason copyright"
ANSWER = f"""
    __typename
    ... on CommonLanguageSuccess {{ wasReplayed code {{ value }} text {{ {VERSION} }} }}
    ... on InvalidInput {{ fields {{ path rule }} }}
    ... on Problem {{ problemCode message }}
"""
WRITE = f"""
mutation Write($input: WriteCommonLanguageInput!) {{
  writeCommonLanguage(input: $input) {{ {ANSWER} }}
}}
"""
WITHDRAW = f"""
mutation Withdraw($input: WithdrawCommonLanguageInput!) {{
  withdrawCommonLanguage(input: $input) {{ {ANSWER} }}
}}
"""
VERSIONS = f"""
query Versions($code: CodeKeyInput!) {{
  commonLanguageVersions(code: $code) {{
    __typename
    ... on CommonLanguageVersions {{ code {{ value }} items {{ {VERSION} }} }}
    ... on Problem {{ problemCode message }}
  }}
}}
"""
PAGE = """
{
  codePage(ref: {key: {system: DEMO, value: "DM-41"}}) {
    ... on CodePage {
      sections(kinds: [COMMON_LANGUAGE]) {
        __typename
        ... on OpenSection { copyright content { ... on TextContent { text format } } }
        ... on EmptySection { state explanation }
      }
    }
  }
}
"""
UNWRITTEN = {"system": "DEMO", "value": "DM-41"}
WRITTEN = {"system": "DEMO", "value": "DM-4120"}
TEXT = "What a wall needs **before** a stile.\n\nSee [the list](/list)."


@dataclass
class Clock:
    """A clock that a test moves."""

    at: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def parts(
    database: Database, database_url: str, redis_url: str, clock: Clock
) -> AsyncIterator[Services]:
    """The real parts on stores of the test's own, which hold the invented system."""
    await load(database_url, [write_demo])
    async with services_on(database, redis_url, clock) as opened:
        yield opened


@pytest.fixture
async def staff(database: Database, parts: Services) -> Account:
    return await account_on(database, "staff")


async def write(parts: Services, who: Account | None, key: str | None = None, **given: Any) -> Any:
    input = {
        "code": UNWRITTEN,
        "markdown": TEXT,
        "expectedVersion": 0,
        "reason": "It was asked for.",
        **given,
    }
    return (await ask(parts, who, WRITE, {"input": input}, key))["writeCommonLanguage"]


async def withdraw(parts: Services, who: Account | None, version: int, **given: Any) -> Any:
    input = {"code": UNWRITTEN, "expectedVersion": version, "reason": "It was wrong.", **given}
    return (await ask(parts, who, WITHDRAW, {"input": input}))["withdrawCommonLanguage"]


async def versions(parts: Services, who: Account | None, code: dict[str, str] = UNWRITTEN) -> Any:
    return (await ask(parts, who, VERSIONS, {"code": code}))["commonLanguageVersions"]


async def page_on(database: Database, on: date, value: str = "DM-41") -> Page:
    [page] = await pages_by_ref(database, [(CodeSystemKey.DEMO, value)], on)
    assert isinstance(page, Page)
    return page


def shown(page: Page) -> list[str]:
    return [text.markdown for text in page.texts if text.kind is KIND]


async def rows(database: Database) -> int:
    return len(await database.fetch("SELECT 1 FROM page_text WHERE author IS NOT NULL"))


async def test_a_text_is_written_with_its_author_reason_and_copyright(
    parts: Services, staff: Account
) -> None:
    answer = await write(parts, staff)

    assert answer == {
        "__typename": "CommonLanguageSuccess",
        "wasReplayed": False,
        "code": {"value": "DM-41"},
        "text": {
            "version": 1,
            "markdown": TEXT,
            "writtenOn": "2026-11-23",
            "author": staff.id,
            "reason": "It was asked for.",
            "copyright": "© 2026 Codestile",
        },
    }


async def test_the_line_of_copyright_names_whose_site_it_is(
    parts: Services, staff: Account
) -> None:
    named = replace(parts, office=replace(parts.office, site_name="A Clinic"))

    answer = await write(named, staff)

    assert answer["text"]["copyright"] == "© 2026 A Clinic"


async def test_the_page_shows_it_with_the_line_of_copyright(
    parts: Services, staff: Account
) -> None:
    before = await ask(parts, staff, PAGE)

    await write(parts, staff)

    after = await ask(parts, staff, PAGE)
    assert before["codePage"]["sections"] == [
        {
            "__typename": "EmptySection",
            "state": "NOT_WRITTEN",
            "explanation": "Nobody has written a plain-language description of this code yet.",
        }
    ]
    assert after["codePage"]["sections"] == [
        {
            "__typename": "OpenSection",
            "copyright": "© 2026 Codestile",
            "content": {"text": TEXT, "format": "MARKDOWN"},
        }
    ]


async def test_a_text_is_shown_as_of_the_day_asked_about(
    parts: Services, staff: Account, database: Database, clock: Clock
) -> None:
    today = clock.at.date()
    await write(parts, staff, markdown="The first wording.")
    clock.at += timedelta(days=2)
    await write(parts, staff, markdown="The second wording.", expectedVersion=1)

    told = [shown(await page_on(database, today + timedelta(days=n))) for n in (-1, 0, 1, 2)]

    assert told == [
        [],
        ["The first wording."],
        ["The first wording."],
        ["The second wording."],
    ]


async def test_a_withdrawn_text_is_not_written_and_its_versions_stay(
    parts: Services, staff: Account, database: Database, clock: Clock
) -> None:
    await write(parts, staff)

    answer = await withdraw(parts, staff, 1)

    page = await page_on(database, clock.at.date())
    assert (answer["text"]["version"], answer["text"]["markdown"]) == (2, None)
    assert answer["text"]["copyright"] is None
    assert shown(page) == []
    assert emptiness(KIND, page) == (
        EmptyState.NOT_WRITTEN,
        "Nobody has written a plain-language description of this code yet.",
    )
    told = await versions(parts, staff)
    assert [(item["version"], item["markdown"], item["reason"]) for item in told["items"]] == [
        (2, None, "It was wrong."),
        (1, TEXT, "It was asked for."),
    ]


async def test_a_text_may_be_written_again_after_it_was_withdrawn(
    parts: Services, staff: Account, database: Database, clock: Clock
) -> None:
    await write(parts, staff)
    await withdraw(parts, staff, 1)

    answer = await write(parts, staff, markdown="Better.", expectedVersion=2)

    assert answer["text"]["version"] == 3
    assert shown(await page_on(database, clock.at.date())) == ["Better."]


async def test_nobody_writes_over_a_version_they_have_not_read(
    parts: Services, staff: Account, database: Database, clock: Clock
) -> None:
    await write(parts, staff)

    answer = await write(parts, staff, markdown="Blind.")

    assert answer == {
        "__typename": "Conflict",
        "problemCode": "CONFLICT",
        "message": "Of the text of DM-41 version 1 is the newest, not 0: read it, then write.",
    }
    assert shown(await page_on(database, clock.at.date())) == [TEXT]


async def test_of_two_who_write_at_once_one_is_told_of_the_other(
    parts: Services, staff: Account, database: Database
) -> None:
    both = await asyncio.gather(*(write(parts, staff, markdown=f"Wording {n}.") for n in range(2)))

    assert sorted(answer["__typename"] for answer in both) == ["CommonLanguageSuccess", "Conflict"]
    assert await rows(database) == 1


@pytest.mark.parametrize("version", [0, 2])
async def test_there_has_to_be_a_text_to_withdraw(
    parts: Services, staff: Account, database: Database, version: int
) -> None:
    if version:
        await write(parts, staff)
        await withdraw(parts, staff, 1)
    kept = await rows(database)

    answer = await withdraw(parts, staff, version)

    assert answer["__typename"] == "Conflict"
    assert answer["message"] == "There is no text of DM-41 to withdraw."
    assert await rows(database) == kept


async def test_the_same_request_again_finds_it_written(
    parts: Services, staff: Account, database: Database
) -> None:
    first = await write(parts, staff, "request-1")

    again = await write(parts, staff, "request-1")

    assert again == {**first, "wasReplayed": True}
    assert await rows(database) == 1


async def test_another_text_under_the_same_name_is_refused(
    parts: Services, staff: Account, database: Database
) -> None:
    await write(parts, staff, "request-1")

    answer = await write(parts, staff, "request-1", markdown="Another.", expectedVersion=1)

    assert (answer["__typename"], answer["problemCode"]) == ("Conflict", "IDEMPOTENCY_MISMATCH")
    assert await rows(database) == 1


@pytest.mark.parametrize("plan", [None, "registered", "subscriber", "partner"])
async def test_only_staff_writes_withdraws_and_reads_versions(
    parts: Services, database: Database, plan: str | None
) -> None:
    who = await account_on(database, plan) if plan else None

    answers = [
        await write(parts, who),
        await withdraw(parts, who, 1, code=WRITTEN),
        await versions(parts, who, WRITTEN),
    ]

    expected = "Forbidden" if plan else "Unauthenticated"
    assert [answer["__typename"] for answer in answers] == [expected] * 3
    assert await rows(database) == 0


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (
            {"system": "DEMO", "value": "DM-9999"},
            "NotFound",
            "DEMO DEMO-2026, the newest release loaded here, has no code DM-9999.",
        ),
        (
            {"system": "HCPCS", "value": "A0021"},
            "InvalidInput",
            "No release of HCPCS that had begun by 2026-11-23 is loaded.",
        ),
        (
            {"system": "ICD10CM", "value": "S93.401A"},
            "InvalidInput",
            "No release of ICD-10-CM that had begun by 2026-11-23 is loaded.",
        ),
    ],
)
async def test_a_text_stands_on_the_page_of_a_code(
    parts: Services,
    staff: Account,
    database: Database,
    code: dict[str, str],
    kind: str,
    message: str,
) -> None:
    answers = [await write(parts, staff, code=code), await versions(parts, staff, code)]

    assert [(answer["__typename"], answer["message"]) for answer in answers] == [
        (kind, message)
    ] * 2
    assert await rows(database) == 0


@pytest.mark.parametrize(
    ("given", "path", "rule"),
    [
        ({"markdown": " \n"}, "markdown", "LENGTH"),
        ({"markdown": "x" * 10_001}, "markdown", "LENGTH"),
        ({"markdown": "a\x07b"}, "markdown", "CONTROL"),
        ({"markdown": "a <b>bold</b> word"}, "markdown", "HTML"),
        ({"markdown": "<!-- nothing -->"}, "markdown", "HTML"),
        ({"markdown": "[here](javascript:alert(1))"}, "markdown", "LINK"),
        ({"markdown": "[here]( java&#115;cript:alert(1))"}, "markdown", "LINK"),
        ({"markdown": "![x](data:image/png;base64,AA)"}, "markdown", "LINK"),
        ({"markdown": "[here]\n\n[here]: javascript:alert(1)"}, "markdown", "LINK"),
        ({"markdown": "> [here]\n>\n> [here]: javascript:alert(1)"}, "markdown", "LINK"),
        ({"markdown": "[a\\]b]\n\n[a\\]b]: javascript:alert(1)"}, "markdown", "LINK"),
        ({"markdown": "[here](//other.example)"}, "markdown", "LINK"),
        ({"reason": "two\nlines"}, "reason", "REASON"),
    ],
)
async def test_a_text_that_cannot_be_is_refused(
    parts: Services,
    staff: Account,
    database: Database,
    given: dict[str, str],
    path: str,
    rule: str,
) -> None:
    answer = await write(parts, staff, **given)

    assert answer["__typename"] == "InvalidInput"
    assert answer["fields"] == [{"path": ["input", path], "rule": rule}]
    assert await rows(database) == 0


@pytest.mark.parametrize(
    "text",
    [
        "A value < 5 or <5 is low.",
        "[a](https://codes.example/x) [b](mailto:us@codes.example) [c](#top) [d](/a)",
        "An *emphasis*, a `code` and a list:\n\n- one\n- two",
        "x" * 10_000,
        "see [1] and [2]",
    ],
)
def test_a_text_in_plain_markdown_is_taken(text: str) -> None:
    assert list(faults_of_text(text)) == []


@given(st.text())
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert tidied(tidied(text)) == tidied(text)
    assert "\r" not in tidied(text)


async def test_a_load_of_the_invented_system_leaves_an_editors_wording_alone(
    parts: Services, staff: Account, database: Database, database_url: str, clock: Clock
) -> None:
    await write(parts, staff, code=WRITTEN, expectedVersion=1)

    await load(database_url, [write_demo])

    page = await page_on(database, clock.at.date(), "DM-4120")
    assert shown(page) == [TEXT]


async def test_versions_tell_what_came_with_a_file(parts: Services, staff: Account) -> None:
    told = await versions(parts, staff, WRITTEN)

    [first] = told["items"]
    assert (first["version"], first["author"], first["reason"]) == (1, None, None)
    assert first["copyright"] == "Plain-language text © 2026 the Codestile authors."
