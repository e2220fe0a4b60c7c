"""Documents by name: trusted ones for everybody, remembered ones for keyed clients."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from db.pool import Database
from db.trusted import add_documents, trusted_documents
from graph.trusted import document_id, names_of
from graph.trusted_files import read_documents
from schema.errors import FileRefused
from tests.graph.accounts import account_on, logged_in
from tests.graph.people.conftest import Browser, OpenSite, Site

VIEWER = "query Who { viewer { kind } }"
SHA256 = hashlib.sha256(VIEWER.encode()).hexdigest()
MD5 = hashlib.md5(VIEWER.encode()).hexdigest()
KIND = {"viewer": {"kind": "GUEST"}}
NEWER = {"Accept": "application/graphql-response+json"}


async def send(browser: Browser, body: dict[str, Any], **headers: str) -> httpx2.Response:
    return await browser.client.post("/graphql", json=body, headers=headers)


def apollo(text: str, digest: str | None = None) -> dict[str, Any]:
    """The extension by which Apollo's clients name a document."""
    digest = digest or hashlib.sha256(text.encode()).hexdigest()
    return {"persistedQuery": {"version": 1, "sha256Hash": digest}}


def codes(response: httpx2.Response) -> list[tuple[str, str]]:
    return [(e["extensions"]["code"], e["message"]) for e in response.json()["errors"]]


NOT_FOUND = [("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")]
NOT_SUPPORTED = [("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")]


async def a_key(site: Site) -> dict[str, str]:
    """The header of a partner with a key."""
    at = site.clock()
    account = await account_on(site.database, "partner", at=at)
    browser = await site.browser(
        Authorization=f"Bearer {await logged_in(site.database, account, at)}"
    )
    made = await browser.change(
        'createApiKey(name: "reader", scopes: [PAGES_READ]) '
        "{ ... on CreateApiKeySuccess { secret } }"
    )
    return {"Authorization": f"Bearer {made['secret']}"}


@pytest.fixture(autouse=True)
async def forgotten(request: pytest.FixtureRequest, catalogue: Database) -> AsyncIterator[None]:
    """Others use the catalogue too: what was added to it goes again."""
    yield
    await catalogue.fetch("DELETE FROM trusted_document")


@pytest.fixture
async def known(site: Site) -> Site:
    """A site that knows a document by its SHA-256 and its MD5."""
    names = names_of(VIEWER)
    await add_documents(site.database, {names["sha256"]: VIEWER, names["md5"]: VIEWER})
    return site


@pytest.mark.parametrize(
    ("text", "id"),
    [
        (SHA256, f"sha256:{SHA256}"),
        (f"sha256:{SHA256}", f"sha256:{SHA256}"),
        (f"SHA256:{SHA256.upper()}", f"sha256:{SHA256}"),
        (MD5, f"md5:{MD5}"),
        ("a" * 40, "sha1:" + "a" * 40),
        (f"md5:{SHA256}", None),
        ("", None),
        ("sha256:", None),
        (f"sha512:{SHA256}", None),
        (f" {SHA256}", None),
        (SHA256[:-1] + "g", None),
    ],
)
def test_a_name_is_a_digest_whose_length_tells_its_kind(text: str, id: str | None) -> None:
    assert document_id(text) == id


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": f"sha256:{SHA256}"},
        {"documentId": SHA256},
        {"id": SHA256},
        {"doc_id": MD5},
        {"extensions": apollo(VIEWER)},
        {"query": VIEWER, "extensions": apollo(VIEWER)},
    ],
)
async def test_a_trusted_document_is_answered_by_its_name(
    known: Site, body: dict[str, Any]
) -> None:
    response = await send(await known.browser(), body)

    assert (response.status_code, response.json()["data"]) == (200, KIND)


async def test_a_trusted_document_is_answered_to_a_get(known: Site) -> None:
    browser = await known.browser()

    response = await browser.client.get("/graphql", params={"documentId": f"sha256:{SHA256}"})

    assert response.json()["data"] == KIND


@pytest.mark.parametrize(
    "body", [{"documentId": "0" * 64}, {"doc_id": "0" * 32}, {"documentId": f"sha1:{'0' * 40}"}]
)
async def test_a_name_that_nobody_added_is_not_found(known: Site, body: dict[str, Any]) -> None:
    response = await send(await known.browser(), body, **NEWER)

    assert (response.status_code, codes(response)) == (200, NOT_FOUND)
    assert "data" not in response.json()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"documentId": "x"}, "documentId must be a SHA-256, SHA-1 or MD5 digest in hexadecimal."),
        ({"documentId": 5}, "documentId must be a SHA-256, SHA-1 or MD5 digest in hexadecimal."),
        ({"id": ""}, "id must be a SHA-256, SHA-1 or MD5 digest in hexadecimal."),
        ({"documentId": SHA256, "query": VIEWER}, "Send a document or its name, not both."),
        (
            {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": SHA256}}},
            "persistedQuery must be an object of version 1.",
        ),
        ({"extensions": {"persistedQuery": 1}}, "persistedQuery must be an object of version 1."),
        (
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": MD5}}},
            "sha256Hash must be a SHA-256 digest.",
        ),
        ({}, "query must be a string that is not empty."),
        ({"documentId": SHA256, "query": ""}, "query must be a string that is not empty."),
    ],
)
async def test_what_names_no_document_is_a_bad_request(
    known: Site, body: dict[str, Any], message: str
) -> None:
    response = await send(await known.browser(), body)

    assert (response.status_code, codes(response)) == (400, [("BAD_USER_INPUT", message)])


async def test_a_trusted_document_may_be_larger_than_a_strangers(site: Site) -> None:
    aliases = " ".join(f"a{n}: viewer {{ kind }}" for n in range(17))
    large = f"query Large {{ {aliases} }}"
    browser = await site.browser()
    refused = await send(browser, {"query": large})
    await add_documents(site.database, {names_of(large)["sha256"]: large})

    answered = await send(browser, {"documentId": names_of(large)["sha256"]})

    assert codes(refused) == [
        ("OPERATION_LIMIT_EXCEEDED", "The document has more than 15 aliases.")
    ]
    assert answered.json()["data"] == {f"a{n}": {"kind": "GUEST"} for n in range(17)}


async def test_nobody_without_a_key_has_documents_remembered(site: Site) -> None:
    text = "query Mine { viewer { kind } }"
    browser = await site.browser()

    first = await send(browser, {"extensions": apollo(text)}, **NEWER)
    second = await send(browser, {"query": text, "extensions": apollo(text)})
    third = await send(browser, {"extensions": apollo(text)})

    assert (first.status_code, codes(first)) == (200, NOT_SUPPORTED)
    assert second.json()["data"] == KIND
    assert codes(third) == NOT_SUPPORTED


async def test_a_keyed_client_sends_a_document_once(open_site: OpenSite) -> None:
    text = "query Mine { viewer { kind } }"
    async with open_site() as site:
        browser, bearer = await site.browser(), await a_key(site)

        unknown = await send(browser, {"extensions": apollo(text)}, **bearer)
        sent = await send(browser, {"query": text, "extensions": apollo(text)}, **bearer)
        named = await send(browser, {"extensions": apollo(text)}, **bearer)
        other = await send(browser, {"extensions": apollo(text)})

    assert codes(unknown) == NOT_FOUND
    assert sent.json()["data"] == named.json()["data"] == {"viewer": {"kind": "PARTNER"}}
    assert codes(other) == NOT_SUPPORTED


@pytest.mark.parametrize(
    "text", ["query Wrong { nothing }", "query Long { " + "viewer { kind } " * 700 + "}"]
)
async def test_what_is_not_answered_or_is_too_long_is_not_remembered(site: Site, text: str) -> None:
    browser, bearer = await site.browser(), await a_key(site)

    await send(browser, {"query": text, "extensions": apollo(text)}, **bearer)

    assert codes(await send(browser, {"extensions": apollo(text)}, **bearer)) == NOT_FOUND


async def test_a_digest_of_another_document_is_refused(site: Site) -> None:
    browser = await site.browser()

    response = await send(browser, {"query": "{ __typename }", "extensions": apollo(VIEWER)})

    assert codes(response) == [("BAD_USER_INPUT", "sha256Hash is not that of the query.")]


async def test_a_server_may_answer_trusted_documents_only(open_site: OpenSite) -> None:
    async with open_site(documents="trusted") as site:
        await add_documents(site.database, {f"sha256:{SHA256}": VIEWER})
        browser = await site.browser()

        trusted = await send(browser, {"documentId": SHA256})
        free = await send(browser, {"query": "{ viewer { kind } }"})
        other = "{ __typename }"
        unknown = await send(browser, {"query": other, "extensions": apollo(other)})

        assert trusted.json()["data"] == KIND
        assert codes(free) == NOT_SUPPORTED
        assert codes(unknown) == NOT_SUPPORTED


def written(folder: Path, name: str, told: object) -> Path:
    path = folder / name
    path.write_text(told if isinstance(told, str) else json.dumps(told), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "told",
    [
        {SHA256: VIEWER},
        {f"sha256:{SHA256}": VIEWER},
        {
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": [{"id": SHA256, "name": "Who", "type": "query", "body": VIEWER}],
        },
    ],
)
def test_files_of_every_client_are_read(tmp_path: Path, told: object) -> None:
    assert read_documents(written(tmp_path, "documents.json", told)) == {f"sha256:{SHA256}": VIEWER}


def test_a_document_goes_by_its_sha256_too(tmp_path: Path) -> None:
    assert read_documents(written(tmp_path, "relay.json", {MD5: VIEWER})) == {
        f"sha256:{SHA256}": VIEWER,
        f"md5:{MD5}": VIEWER,
    }
    assert read_documents(written(tmp_path, "who.graphql", VIEWER)) == {f"sha256:{SHA256}": VIEWER}


OTHER = hashlib.sha256(b"{ nothing }").hexdigest()


@pytest.mark.parametrize(
    ("name", "told", "sentence"),
    [
        ("d.json", "{", "d.json:1:2: is not JSON"),
        ("d.json", "[]", "d.json: is not a JSON object"),
        ("d.json", "{}", "d.json: lists no documents"),
        ("d.json", {SHA256: 5}, f"d.json: has no text for {SHA256}"),
        ("d.json", {"operations": "x"}, "d.json: has no text for None"),
        (
            "d.json",
            {OTHER: VIEWER},
            f"d.json: {OTHER} is not the SHA-256, SHA-1 or MD5 of its document",
        ),
        (
            "d.json",
            {OTHER: "{ nothing }"},
            f"d.json: sha256:{OTHER}: Cannot query field 'nothing' on type 'Query'. "
            "(line 1, column 3 of it)",
        ),
        ("d.graphql", "{ viewer {", "Syntax Error: Expected Name, found <EOF>."),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole(
    tmp_path: Path, name: str, told: object, sentence: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        read_documents(written(tmp_path, name, told))

    assert sentence in str(refused.value)


async def test_adding_documents_again_changes_nothing(database: Database) -> None:
    names = {"sha256:" + "a" * 64: "{ a }", "md5:" + "b" * 32: "{ b }"}

    first = await add_documents(database, names)
    second = await add_documents(database, names)

    assert (first, second) == (2, 0)
    assert {known.id: known.text for known in await trusted_documents(database)} == names
