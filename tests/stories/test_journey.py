"""The whole way of a reader, over HTTP, on private stores: guest, account, subscriber, gone."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.graph.test_webhooks import SECRET, message
from tests.stories.test_subscriptions import send

PASSWORD = "a long enough passphrase"


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the server; the first start loads the catalogue."""
    return tmp_path_factory.mktemp("journey") / "codestile"


@pytest.fixture
async def private_server(start_private_server: Any, data_folder: Path) -> AsyncIterator[Any]:
    """A server with private stores, as `./run serve` starts it."""
    async with start_private_server(data_folder, CODESTILE_WEBHOOK_SECRET=SECRET) as server:
        yield server


async def mailed(run: Any, data_folder: Path, email: str) -> tuple[str, str]:
    """(token, code) of the last letter to an address, as `codestile mail show` prints it."""
    for _ in range(100):
        code, output, _ = await run("mail", "show", "--to", email, "--data", str(data_folder))
        if code == 0 and (token := re.search(r"#token=(\S+)", output)):
            digits = re.search(r"\b\d{6}\b", output)
            return token[1], digits[0] if digits else ""
        await asyncio.sleep(0.1)
    raise AssertionError(f"no letter to {email} came")


async def change(browser: Any, mutation: str) -> Any:
    """The answer to a mutation."""
    [answer] = (await browser.ask(f"mutation {{ {mutation} }}")).values()
    return answer


async def test_a_reader_comes_registers_and_leaves(
    private_server: Any, new_browser: Any, run: Any, data_folder: Path
) -> None:
    reader, email = new_browser(private_server), "reader@codes.example"
    banners = [(await reader.open("I10"))["banner"]]
    spent = await reader.open("J45")
    sent = await change(
        reader, f'register(input: {{email: "{email}", password: "{PASSWORD}"}}) {{ __typename }}'
    )
    _, code = await mailed(run, data_folder, email)
    proof = f'{{mailed: {{email: "{email}", code: "{code}"}}}}'
    started = await change(reader, f"verifyEmail(input: {{proof: {proof}}}) {{ __typename }}")
    again = await reader.open("I10")
    pages = [await reader.open(value) for value in ("J45", "E11", "N17", "M54", "L20", "K50")]
    recent = await _recent(reader, 8)
    paid = await send(private_server, message(email, id="the-first-payment"))
    read = [await reader.open(value) for value in ("K50", "C50", "F32")]
    deleted = await change(reader, f'deleteAccount(password: "{PASSWORD}") {{ __typename }}')
    after = await reader.ask("{ viewer { kind user { email } } }")
    proof = await run("ledger", "verify", "--data", str(data_folder))

    assert banners == [
        "0 code page views remaining. Guest accounts are limited to 1 page view. "
        "Register free account to get 5 more views."
    ]
    assert spent["__typename"] == "ViewLimitReached"
    assert (sent, started) == ({"__typename": "VerificationSent"}, {"__typename": "SessionStarted"})
    assert (again["view"]["wasCharged"], again["banner"][:30]) == (
        False,
        "5 code page views remaining. R",
    )
    assert [page["__typename"] for page in pages] == ["CodePage"] * 5 + ["ViewLimitReached"]
    # What the guest opened is the guest's own; of the account there are seven views.
    assert recent == [
        ("K50", "LIMIT_REACHED"),
        *[(value, "UNLOCKED") for value in ("L20", "M54", "N17", "E11", "J45")],
        ("I10", "REPEATED"),
    ]
    assert paid == (200, {"outcome": "applied"})
    assert [(page["__typename"], page["banner"], page["view"]["wasCharged"]) for page in read] == [
        ("CodePage", None, False)
    ] * 3
    assert deleted == {"__typename": "AccountDeleted"}
    assert after["viewer"] == {"kind": "GUEST", "user": None}
    assert (proof[0], proof[2]) == (0, ""), proof


async def test_a_reader_with_two_devices_has_one_allowance(
    private_server: Any, new_browser: Any, run: Any, data_folder: Path
) -> None:
    laptop, phone = new_browser(private_server), new_browser(private_server)
    email = "two-devices@codes.example"
    await laptop.open("I10")
    await phone.open("J45")
    await change(
        laptop, f'register(input: {{email: "{email}", password: "{PASSWORD}"}}) {{ __typename }}'
    )
    token, _ = await mailed(run, data_folder, email)
    proof = f'{{token: "{token}"}}'
    await change(laptop, f"verifyEmail(input: {{proof: {proof}}}) {{ __typename }}")
    started = await change(
        phone, f'logIn(input: {{email: "{email}", password: "{PASSWORD}"}}) {{ __typename }}'
    )

    free = [await reader.open(value) for value in ("I10", "J45") for reader in (laptop, phone)]
    turns = zip((laptop, phone) * 3, ("E11", "N17", "M54", "L20", "K50", "C50"), strict=True)
    pages = [await reader.open(value) for reader, value in turns]

    assert started == {"__typename": "SessionStarted"}
    assert [page["view"]["wasCharged"] for page in free] == [False] * 4
    assert [page["__typename"] for page in pages] == ["CodePage"] * 5 + ["ViewLimitReached"]
    proved = await run("ledger", "verify", "--data", str(data_folder))
    assert (proved[0], proved[2]) == (0, ""), proved


async def _recent(reader: Any, seconds: int) -> list[tuple[str, str]]:
    """What the reader opened, once the archive has all seven views."""
    query = "{ viewer { recentViews { edges { node { outcome code { value } } } } } }"
    found: list[tuple[str, str]] = []
    for _ in range(10 * seconds):
        edges = (await reader.ask(query))["viewer"]["recentViews"]["edges"]
        found = [(e["node"]["code"]["value"], e["node"]["outcome"]) for e in edges]
        if len(found) == 7:
            break
        await asyncio.sleep(0.1)
    return found
