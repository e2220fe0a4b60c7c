"""FHIR at a running server: what docs/fhir.md shows is what a partner's program is answered."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db.pool import Database
from tests.graph.partners import CREATE, KEY, Person, add_account, remove_account

TEXT = (Path(__file__).parents[2] / "docs/fhir.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```http\n(.*?)^```\n\n```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture
async def partner(catalogue: Database) -> AsyncIterator[Person]:
    person = await add_account(catalogue, at=datetime.now(UTC))
    yield person
    await remove_account(catalogue, person)


async def key_of(browser: Any, person: Person, scope: str) -> dict[str, str]:
    """The header that a key of the partner is sent in."""
    session = {"Authorization": f"Bearer {person.session}"}
    made = await browser.ask(CREATE + KEY, {"scopes": [scope]}, **session)
    return {"Authorization": f"Bearer {made['createApiKey']['secret']}"}


@pytest.mark.parametrize(("request_", "answer"), SHOWN, ids=["lookup", "translate", "batch"])
async def test_examples_of_the_document_are_answered(
    browser: Any, partner: Person, request_: str, answer: str
) -> None:
    key = await key_of(browser, partner, "CROSSWALKS_READ")
    head, _, body = request_.partition("\n\n")
    first, *headers = head.strip().splitlines()
    method, path = first.split(" ")

    response = await browser.client.request(
        method,
        path,
        content=body.strip() or None,
        headers={**key, **dict(line.split(": ", 1) for line in headers)},
    )

    assert (response.status_code, response.json()) == (200, json.loads(answer))


async def test_a_program_of_a_partner_finds_its_way(browser: Any, partner: Person) -> None:
    client = browser.client
    statement = (await client.get("/fhir/metadata")).json()
    offered = {
        f"{resource['type']}/${operation['name']}"
        for resource in statement["rest"][0]["resource"]
        for operation in resource["operation"]
    }
    reader = await key_of(browser, partner, "PAGES_READ")
    translator = await key_of(browser, partner, "CROSSWALKS_READ")
    question = {"system": ICD10, "code": "k831"}

    looked_up = await client.get("/fhir/CodeSystem/$lookup", params=question)
    translations = [
        await client.get("/fhir/ConceptMap/$translate", params=question, headers=headers)
        for headers in ({}, reader, translator)
    ]
    posted = await client.post("/fhir/", json={"resourceType": "Bundle", "type": "batch"})
    asked = await browser.ask("{ viewer { kind } }")

    assert offered == {
        *("CodeSystem/$lookup", "CodeSystem/$validate-code", "ConceptMap/$translate"),
    }
    assert looked_up.status_code == 200
    assert [response.status_code for response in translations] == [403, 403, 200]
    assert posted.json() == {"resourceType": "Bundle", "type": "batch-response", "entry": []}
    assert asked == {"viewer": {"kind": "GUEST"}}
    assert list(client.cookies) == []
