"""The script of the pages that letters link to, run by Node: silent until a button is pressed."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SCRIPT = HERE.parents[1] / "graph/web/letters/letters.js"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


async def read(change: str, address: str, *answers: Any) -> Any:
    """What a reader meets who opens the page by that address and presses the button until the
    answers are told; None is an answer that never comes."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        *(NODE, "letters.mjs", SCRIPT, change, address, json.dumps(answers)),
        cwd=HERE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)


def step(form: str, told: str, focused: str | None = None, **more: Any) -> dict[str, Any]:
    return {"form": form, "told": told, "focused": focused, "asked": [], "invalid": None} | more


def refused(change: str, rule: str, message: str) -> Any:
    fields = [{"rule": rule, "message": message}]
    return {"data": {change: {"__typename": "InvalidInput", "fields": fields}}}


async def test_opening_the_page_asks_nothing_and_hides_the_token() -> None:
    met = await read("verifyEmail", "#token=cvl_a-b_c")

    assert met["shown"] == "/page"
    assert met["steps"] == [step("shown", ""), step("shown", "")]


async def test_without_a_token_there_is_nothing_to_press() -> None:
    missing = "Open the link of the letter again: its token is missing."

    first, another_letter = (await read("verifyEmail", ""))["steps"]

    assert (first, another_letter) == (step("hidden", missing), step("shown", ""))


async def test_an_address_is_proven_after_what_went_wrong_before() -> None:
    asked = [["POST", "graphql", {"proof": {"token": "cvl_a-b_c"}}]]
    viewer = {"user": {"email": "reader@codes.example"}, "allowance": {"banner": "5 remain."}}

    met = await read(
        "verifyEmail",
        "#token=cvl_a-b_c",
        None,
        {"data": {"verifyEmail": {"__typename": "RateLimited", "message": "Too many tries."}}},
        {"data": {"verifyEmail": {"__typename": "ServiceUnavailable", "retryAfterSeconds": 2}}},
        {"errors": [{"message": "Internal error"}]},
        {"data": {"verifyEmail": {"__typename": "SessionStarted", "viewer": viewer}}},
    )

    assert met["steps"][1:-1] == [
        step("shown", "The server did not answer. Try again in a moment.", "button", asked=asked),
        step("shown", "Too many tries.", "button", asked=asked),
        step("shown", "A part of the service is away. Try again in 2 s.", "button", asked=asked),
        step(
            "shown", "The server could not do this. Try again in a moment.", "button", asked=asked
        ),
        step(
            "hidden",
            "Your account is made, and you are logged in here as reader@codes.example. 5 remain.",
            "told",
            asked=asked,
        ),
    ]


async def test_a_link_that_is_over_is_not_tried_again() -> None:
    over = "The link or the code is wrong, used or over."

    met = await read("verifyEmail", "#token=cvl_a", refused("verifyEmail", "PROOF", over))

    asked = [["POST", "graphql", {"proof": {"token": "cvl_a"}}]]
    assert met["steps"][1] == step("hidden", over, "told", asked=asked)


async def test_a_password_that_is_refused_may_be_entered_again() -> None:
    short = "A password has 10 to 200 characters."
    asked = [["POST", "graphql", {"token": "cpr_a", "newPassword": "typed in"}]]

    met = await read(
        "resetPassword",
        "#token=cpr_a",
        refused("resetPassword", "PASSWORD", short),
        {"data": {"resetPassword": {"__typename": "PasswordSet"}}},
    )

    assert met["steps"][1:-1] == [
        step("shown", short, "password", asked=asked, invalid="true"),
        step(
            "hidden",
            "Your password is set. You are logged out everywhere: log in with the new one.",
            "told",
            asked=asked,
            invalid="false",
        ),
    ]
