"""What a guest meets, from the first page to the refusal, over real HTTP and real stores."""

from collections.abc import Callable
from typing import Any

import redis

SPENT = (
    "0 code page views remaining. Guest accounts are limited to 1 page view. "
    "Register free account to get 5 more views."
)
SIX_LOCKED = [
    ("GUIDELINES", "LockedSection"),
    ("MODIFIERS", "EmptySection"),
    ("CROSSWALKS", "LockedSection"),
    ("CODE_EDITS", "EmptySection"),
    ("COVERAGE_AND_PAYMENT", "LockedSection"),
    ("HISTORY", "LockedSection"),
]


def events_in(redis_url: str) -> list[tuple[str, dict[str, str]]]:
    """Every event of every shard."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        logs = sorted(client.scan_iter("{*}:log"))
        return [event for log in logs for event in client.xrange(log)]


async def test_guest_reads_one_page_and_is_refused_the_second(
    browser: Any, codestile: Callable[..., Any], redis_url: str
) -> None:
    first = await browser.open("I10")
    again = await browser.open("i10")
    second = await browser.open("J45.901")
    preview = await browser.open("J45.901", preview=True)
    unknown = await browser.open("I10.99")

    assert first["__typename"] == "CodePage"
    assert first["code"]["title"] == "Essential (primary) hypertension"
    assert first["banner"] == SPENT
    assert first["view"]["wasCharged"] is True
    assert first["view"]["allowance"] == {"limit": 1, "used": 1, "remaining": 0}
    assert [(part["kind"], part["__typename"]) for part in first["sections"]] == [
        ("OFFICIAL_DESCRIPTION", "OpenSection"),
        ("COMMON_LANGUAGE", "EmptySection"),
        *SIX_LOCKED,
    ]
    assert first["sections"][0]["content"] == {
        "__typename": "TextContent",
        "text": "Essential (primary) hypertension",
    }
    assert {part["reason"] for part in first["sections"] if "reason" in part} == {
        "REGISTRATION_REQUIRED"
    }

    assert (again["__typename"], again["view"]["wasCharged"]) == ("CodePage", False)
    assert again["view"]["eventId"] != first["view"]["eventId"]
    assert again["sections"] == first["sections"]

    assert second["__typename"] == "ViewLimitReached"
    assert (second["limitKind"], second["problemCode"]) == ("VIEWER", "VIEW_LIMIT_REACHED")
    assert second["message"] == SPENT
    assert second["allowance"] == {"limit": 1, "used": 1, "remaining": 0, "banner": SPENT}
    assert second["upgrade"] == {
        "action": "REGISTER",
        "text": "Register free account to get 5 more views.",
        "additionalViews": 5,
    }
    assert second["page"]["code"]["displayValue"] == "J45.901"
    assert not [part for part in second["page"]["sections"] if "content" in part]

    assert preview["__typename"] == "CodePage"
    assert preview["view"]["wasCharged"] is False
    assert preview["view"]["eventId"] is None
    assert not [part for part in preview["sections"] if "content" in part]

    assert unknown["__typename"] == "NotFound"

    assert len(events_in(redis_url)) == 3
    code, output, _ = await codestile("ledger", "verify")
    assert code == 0, output


async def test_second_browser_of_a_network_is_admitted_while_the_budget_lasts(
    start_server: Any, new_browser: Any, redis_url: str, codestile: Callable[..., Any]
) -> None:
    async with start_server(CODESTILE_NETWORK_BUDGET="2") as server:
        one, two, three = (new_browser(server) for _ in range(3))

        answers = [await who.open("I10") for who in (one, two, three)]
        preview = await three.open("I10", preview=True)
        reload = await one.open("I10")

    assert [answer["__typename"] for answer in answers] == [
        "CodePage",
        "CodePage",
        "ViewLimitReached",
    ]
    assert answers[2]["limitKind"] == "NETWORK"
    assert answers[2]["message"] == (
        "Many readers of your network have used the guest pages. "
        "Register free account to get 5 more views."
    )
    # The refused guest's own view is untouched.
    assert answers[2]["allowance"]["remaining"] == 1
    assert {part.get("reason") for part in answers[2]["page"]["sections"]} == {
        "NETWORK_LIMIT_REACHED",
        None,
    }
    assert preview["view"]["allowance"]["remaining"] == 1
    assert reload["view"]["wasCharged"] is False
    assert (await codestile("ledger", "verify"))[0] == 0


async def test_preview_makes_nobody_a_guest(browser: Any, redis_url: str) -> None:
    preview = await browser.open("I10", preview=True)

    assert preview["view"] == {
        "wasCharged": False,
        "eventId": None,
        "recordedAt": None,
        "allowance": {"limit": 1, "used": 0, "remaining": 1},
    }
    assert preview["banner"] == (
        "1 code page view remaining. Guest accounts are limited to 1 page view. "
        "Register free account to get 5 more views."
    )
    assert [part["reason"] for part in preview["sections"] if "reason" in part] == [
        "PREVIEW",
        *["REGISTRATION_REQUIRED"] * 4,
    ]
    assert not browser.client.cookies
    assert events_in(redis_url) == []


async def test_code_in_several_systems_answers_with_candidates_and_charges_nothing(
    browser: Any, redis_url: str
) -> None:
    answer = await browser.open("E03.0", system=None)

    assert answer["__typename"] == "CodeCandidates"
    assert [found["system"]["key"] for found in answer["candidates"]] == ["ICD10CM", "ICD9CM_DX"]
    assert events_in(redis_url) == []


async def test_date_before_every_release_is_not_loaded_rather_than_not_found(
    browser: Any, redis_url: str
) -> None:
    answer = await browser.open("I10", asOf="2001-01-01")

    assert (answer["__typename"], answer["problemCode"]) == ("InvalidInput", "NOT_LOADED")
    assert [fault["rule"] for fault in answer["fields"]] == ["NOT_LOADED"]
    assert events_in(redis_url) == []


async def test_default_icd_10_cm_says_that_it_is_stale(browser: Any) -> None:
    page = await browser.open("I10", asOf="2026-11-23")

    assert page["code"]["isStale"] is True
    assert page["code"]["staleReason"] == (
        "FY2027, in force since 2026-10-01, is not loaded; this is FY2026-APR."
    )


async def test_app_without_cookies_carries_the_token_in_a_header(
    server: Any, new_browser: Any, redis_url: str
) -> None:
    first = await new_browser(server).client.post(
        "/graphql", json={"query": '{codePage(ref: {value: "I10"}) {__typename}}'}
    )
    app = new_browser(server, **{"Codestile-Viewer": first.headers["Codestile-Viewer"]})

    again, other = await app.open("I10"), await app.open("J45")

    assert again["view"]["wasCharged"] is False
    assert other["__typename"] == "ViewLimitReached"
    assert len(events_in(redis_url)) == 3


async def test_crosswalk_batches_are_refused_to_guests_with_the_upgrade(browser: Any) -> None:
    data = await browser.ask(
        """{ crosswalks(sources: [{system: ICD10CM, value: "I10"}], to: [ICD9CM_DX]) {
               __typename ... on Forbidden { problemCode upgrade { action } } } }"""
    )

    assert data["crosswalks"] == {
        "__typename": "Forbidden",
        "problemCode": "FORBIDDEN",
        "upgrade": {"action": "SUBSCRIBE"},
    }
