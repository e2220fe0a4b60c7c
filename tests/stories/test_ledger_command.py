"""`codestile ledger verify` as an operator runs it."""

from collections.abc import Callable
from typing import Any

import redis


async def test_an_honest_ledger_is_proved(
    browser: Any, codestile: Callable[..., Any], redis_url: str
) -> None:
    for value in ("I10", "I10", "J45.901"):
        await browser.open(value)

    code, output, errors = await codestile("ledger", "verify")

    assert (code, errors) == (0, "")
    assert output == (
        "3 events (0 archived), 1 viewers, 1 networks, 3 receipts: "
        "every balance equals the fold of the log.\n"
    )


async def test_one_edited_field_is_named_and_fails_the_command(
    browser: Any, codestile: Callable[..., Any], redis_url: str
) -> None:
    await browser.open("I10")
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        [viewer] = client.scan_iter("{*}:v:*")
        client.hset(viewer, "used", "0")

    code, output, errors = await codestile("ledger", "verify")

    assert (code, errors) == (1, "")
    assert output == (
        f"viewer used: viewer {viewer.partition(':v:')[2]}: used is 0, the log says 1 (1 in all)\n"
        "1 events (0 archived), 1 viewers, 1 networks, 1 receipts: NOT proved.\n"
    )
