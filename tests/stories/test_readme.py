"""What the README shows is what the server answers."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from graph.serve import welcome
from graph.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one fenced block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return found


async def test_example_of_the_readme_is_answered_as_it_says(browser: Any) -> None:
    first = await browser.client.post("/graphql", json={"query": block("graphql")})

    assert first.json()["data"] == json.loads(block("json"))["data"]


async def test_line_that_the_server_prints_works_as_pasted(server: Any, browser: Any) -> None:
    (line,) = re.findall(
        r"^  curl .*", welcome(server.address, Settings()).replace("\\\n", " "), re.MULTILINE
    )
    _, _, address, _, header, _, body = shlex.split(line)
    name, value = header.split(": ")

    response = await browser.client.post(address, content=body, headers={name: value})

    page = response.json()["data"]["codePage"]
    assert page["code"] == {"displayValue": "I10", "title": "Essential (primary) hypertension"}
    assert len(page["sections"]) == 8
