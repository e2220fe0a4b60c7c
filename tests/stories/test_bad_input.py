"""Bad input over real HTTP: a clear answer, no charge, and a server that goes on."""

from typing import Any

import pytest
import redis

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"null", 400, "The body must be a JSON object."),
        (b"[" * 100_000, 413, "The body is longer than 20000 bytes."),
        (b"[" * 19_000, 400, "The body is not JSON in UTF-8."),
        (b'{"query": "\xff\xfe"}', 400, "The body is not JSON in UTF-8."),
        (b'{"query": 5}', 400, "query must be a string that is not empty."),
        (b"[]", 400, "Batches are not answered; send one operation a request."),
    ],
    ids=["null", "100k brackets", "19k brackets", "bad UTF-8", "number", "batch"],
)
async def test_body_that_is_no_question_is_refused(
    browser: Any, redis_url: str, body: bytes, status: int, message: str
) -> None:
    response = await browser.client.post("/graphql", content=body, headers=JSON)

    assert response.status_code == status
    assert [error["message"] for error in response.json()["errors"]] == [message]
    await nothing_happened(browser, redis_url)


@pytest.mark.parametrize("typed", ["j45.901", "J45901", " j45 901 ", "J45.901"])
async def test_code_is_found_however_it_is_typed(browser: Any, typed: str) -> None:
    page = await browser.open(typed)

    assert page["code"]["displayValue"] == "J45.901"


@pytest.mark.parametrize("typed", ["", "\x00", "'; DROP TABLE code", "I10" * 50, "I10\N{SNOWMAN}"])
async def test_text_that_is_no_code_is_invalid_input(
    browser: Any, redis_url: str, typed: str
) -> None:
    page = await browser.open(typed)

    assert (page["__typename"], page["problemCode"]) == ("InvalidInput", "INVALID_INPUT")
    assert [fault["rule"] for fault in page["fields"]] == ["CODE_FORM"]
    await nothing_happened(browser, redis_url)


async def test_unknown_system_is_a_validation_error(browser: Any, redis_url: str) -> None:
    query = '{codePage(ref: {key: {system: ICD11, value: "I10"}}) {__typename}}'
    response = await browser.client.post("/graphql", json={"query": query})

    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "data" not in response.json()
    await nothing_happened(browser, redis_url)


async def test_two_pages_in_one_operation_of_a_guest_are_refused_before_either_is_charged(
    browser: Any, redis_url: str
) -> None:
    query = """{ a: codePage(ref: {value: "I10"}) {__typename}
                 b: codePage(ref: {value: "J45"}) {__typename} }"""
    response = await browser.client.post("/graphql", json={"query": query})

    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "OPERATION_LIMIT_EXCEEDED"
    await nothing_happened(browser, redis_url)


async def test_bomb_of_60_fragments_is_refused(browser: Any, redis_url: str) -> None:
    chain = "".join(f"fragment f{n} on Query {{...f{n + 1} ...f{n + 1}}} " for n in range(60))
    query = f"{{...f0}} {chain} fragment f60 on Query {{viewer {{kind}}}}"
    response = await browser.client.post("/graphql", json={"query": query})

    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "OPERATION_LIMIT_EXCEEDED"
    await nothing_happened(browser, redis_url)


async def test_forged_token_is_a_new_guest(server: Any, browser: Any, new_browser: Any) -> None:
    await browser.open("I10")
    (name, token), *_ = browser.client.cookies.items()
    forger = new_browser(server, Cookie=f"{name}={token[:-4]}AAAA")

    answer = await forger.open("J45")

    assert answer["__typename"] == "CodePage"
    assert answer["view"]["wasCharged"] is True


async def nothing_happened(browser: Any, redis_url: str) -> None:
    """No event, no guest, and the server still answers. What was asked may have cost points."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert [key for key in client.scan_iter("*") if "}:g:" not in key] == []
    assert not browser.client.cookies
    assert (await browser.ask("{viewer {kind allowance {remaining}}}"))["viewer"] == {
        "kind": "GUEST",
        "allowance": {"remaining": 1},
    }
