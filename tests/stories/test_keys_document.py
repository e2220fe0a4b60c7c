"""What docs/keys.md shows is what the server answers."""

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db.pool import Database
from tests.graph.partners import Person, add_account, remove_account

TEXT = (Path(__file__).parents[2] / "docs/keys.md").read_text(encoding="utf-8")
ADDRESS = "https://codestile.example"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
async def partner(catalogue: Database) -> AsyncIterator[Person]:
    person = await add_account(catalogue, at=datetime.now(UTC))
    yield person
    await remove_account(catalogue, person)


async def test_examples_of_the_document_are_answered(
    server: Any, browser: Any, partner: Person
) -> None:
    session = {"Authorization": f"Bearer {partner.session}"}
    create, rotate, revoke, used = blocks("graphql")

    made = (await browser.ask(create, **session))["createApiKey"]
    key, key_id = made["secret"], made["apiKey"]["id"]
    curl = await by_curl(browser, server.address, key)
    python = await by_python(server.address, key)
    turned = (await browser.ask(rotate, {"id": key_id}, **session))["rotateApiKey"]
    ended = (await browser.ask(revoke, {"id": key_id}, **session))["revokeApiKey"]
    listed = await browser.ask(used, **session)

    assert made["apiKey"]["scopes"] == ["PAGES_READ", "CROSSWALKS_READ"]
    assert {item["requested"] for item in curl["crosswalks"]["items"]} == {"I10"}
    assert python == "Essential (primary) hypertension - 9999 left\n"
    assert turned["apiKey"]["replaces"] == key_id
    assert ended["apiKey"]["prefix"] == made["apiKey"]["prefix"]
    prefixes = [edge["node"]["prefix"] for edge in listed["viewer"]["apiKeys"]["edges"]]
    assert prefixes == [turned["apiKey"]["prefix"], made["apiKey"]["prefix"]]


async def by_curl(browser: Any, address: str, key: str) -> Any:
    """The `data` that the command of the document is answered."""
    (text,) = blocks("bash")
    _, url, *rest = shlex.split(text.replace("\\\n", " ").replace("$PARTNER_KEY", key))
    given = list(zip(rest[::2], rest[1::2], strict=True))
    headers = dict(value.split(": ", 1) for name, value in given if name == "-H")
    (body,) = [value for name, value in given if name == "-d"]
    response = await browser.client.post(
        url.replace(ADDRESS, address), content=body, headers=headers
    )
    assert "errors" not in json.loads(response.text)
    return response.json()["data"]


async def by_python(address: str, key: str) -> str:
    """What the program of the document prints."""
    (text,) = blocks("python")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", text.replace(ADDRESS, address)),
        env={"PATH": os.environ["PATH"], "PARTNER_KEY": key},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return output.decode()
