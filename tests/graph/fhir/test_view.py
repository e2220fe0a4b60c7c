"""FHIR over HTTP: forms, statuses, sizes, who may ask what, and what is never done."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import redis

from db.pool import Database
from graph.fhir.systems import Systems
from schema.accounts import ApiScope
from schema.errors import StoreUnavailable
from tests.graph.fhir.conftest import ICD9, ICD10, R5, checked, refusal
from tests.graph.partners import NOON

R4_TYPE = "application/fhir+json; fhirVersion=4.0; charset=utf-8"
R5_TYPE = "application/fhir+json; fhirVersion=5.0; charset=utf-8"
LOOKUP = "/CodeSystem/$lookup"
FORBIDDEN = (
    "Questions to the catalogue in batches are for partners, subscribers and staff. "
    "What is known of one code stands in the sections of its page."
)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/fhir+json", R4_TYPE),
        ("application/fhir+json; fhirVersion=4.0", R4_TYPE),
        ("application/fhir+json;fhirVersion=4.0.1", R4_TYPE),
        ('application/fhir+json; fhirVersion="5.0"', R5_TYPE),
        ("application/json; fhirVersion=5.0", "application/json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("text/json", "text/json; charset=utf-8"),
        ("*/*", R4_TYPE),
        ("application/*;q=0.1", R4_TYPE),
        ("application/fhir+xml, application/fhir+json;q=0.5", R4_TYPE),
        ("text/html,application/xhtml+xml,*/*;q=0.8", R4_TYPE),
    ],
)
async def test_an_answer_is_of_the_type_and_version_that_is_accepted(
    fhir: Any, accept: str, content_type: str
) -> None:
    response = await fhir.client.get("/fhir/metadata", headers={"Accept": accept})

    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    version = "5.0.0" if "5.0" in accept else "4.0.1"
    assert response.json()["fhirVersion"] == version


@pytest.mark.parametrize(
    "accept",
    ["application/fhir+xml", "text/html", "application/fhir+json;q=0", "application/json;q=x",
     "application/fhir+json; fhirVersion=3.0", "application/fhir+json; fhirVersion=6.0"],
)  # fmt: skip
async def test_another_type_or_version_is_refused_in_the_one_that_is_written(
    fhir: Any, accept: str
) -> None:
    response = await fhir.nobody.get("/metadata", accept)

    assert refusal(response)[:2] == (406, "not-supported")
    assert response.headers["content-type"] == R4_TYPE


@pytest.mark.parametrize(
    ("form", "status"),
    [("json", 200), ("application/json", 200), ("application/fhir+json", 200), ("JSON", 200),
     ("application/fhir+json; fhirVersion=5.0", 200), ("xml", 406), ("application/fhir+xml", 406),
     ("ttl", 406), ("", 406)],
)  # fmt: skip
async def test_a_format_in_the_address_wins(fhir: Any, form: str, status: int) -> None:
    response = await fhir.nobody.get("/metadata", "application/fhir+xml", _format=form)

    assert response.status_code == status


async def test_a_plus_of_a_format_may_arrive_as_a_blank(fhir: Any) -> None:
    response = await fhir.client.get("/fhir/metadata?_format=application/fhir+json")

    assert response.status_code == 200


async def test_a_body_says_its_version_where_accept_does_not(fhir: Any) -> None:
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "coding", "valueCoding": {"system": ICD10, "code": "K831"}}
    ]}  # fmt: skip

    response = await fhir.nobody.post(LOOKUP, body, None, **{"Content-Type": R5})

    assert response.headers["content-type"] == R5_TYPE


@pytest.mark.parametrize(
    "content_type",
    ["application/fhir+xml", "text/plain", "application/x-www-form-urlencoded", "",
     "application/json; charset=latin-1", "application/fhir+json; fhirVersion=3.0"],
)  # fmt: skip
async def test_a_body_that_is_not_json_of_fhir_is_refused(fhir: Any, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    response = checked(await fhir.client.post(f"/fhir{LOOKUP}", content=b"{}", headers=headers))

    assert refusal(response)[:2] == (415, "not-supported")
    assert "XML" in refusal(response)[2] or "fhirVersion" in refusal(response)[2]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'"\\ud800"', b"[]", b"null"])
async def test_a_body_that_cannot_be_read_is_refused(partner: Any, body: bytes) -> None:
    headers = {**partner.headers, "Content-Type": "application/fhir+json"}

    for path in ("", LOOKUP):
        url = f"/fhir{path}"
        response = checked(await partner.client.post(url, content=body, headers=headers))

        assert refusal(response)[:2] == (400, "structure")


async def test_bodies_and_addresses_are_as_long_as_those_of_graphql(fhir: Any) -> None:
    filler = {"resourceType": "Parameters", "parameter": [{"name": "x" * 20_000}]}
    member = await fhir.somebody("registered")

    long_body = await fhir.nobody.post(LOOKUP, filler)
    long_address = await fhir.nobody.get(LOOKUP, code="x" * 20_000)
    of_member = await member.post(LOOKUP, filler)

    assert refusal(long_body)[:2] == (413, "too-long")
    assert refusal(long_address)[:2] == (414, "too-long")
    assert refusal(of_member)[:2] == (400, "invalid")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "", 405, "POST"),
        ("GET", "/", 405, "POST"),
        ("DELETE", "/metadata", 405, "GET"),
        ("PUT", LOOKUP, 405, "GET, POST"),
        ("HEAD", LOOKUP, 405, "GET, POST"),
        ("GET", "/Patient/1", 404, None),
        ("GET", "/CodeSystem", 404, None),
        ("GET", "/CodeSystem/$lookup/x", 404, None),
        ("GET", "/ConceptMap/GEM_I10_I9/$translate", 404, None),
    ],
)
async def test_what_is_not_offered_is_refused(
    fhir: Any, method: str, path: str, status: int, allow: str | None
) -> None:
    response = await fhir.client.request(method, f"/fhir{path}")

    assert (response.status_code, response.headers.get("allow")) == (status, allow)
    if method != "HEAD":
        assert refusal(response)[1] == "not-supported"


async def test_an_answer_is_private_and_names_its_request(fhir: Any) -> None:
    first, second = [await fhir.nobody.get(LOOKUP, system=ICD10, code="K831") for _ in range(2)]

    assert first.headers["cache-control"] == "private, no-store"
    assert "Authorization" in first.headers["vary"]
    assert len(first.headers["x-request-id"]) == 24
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_page_of_another_site_asks_nothing(
    fhir: Any, partner: Any, headers: dict[str, str]
) -> None:
    fhir.database.asked.clear()
    partner.headers |= headers

    got = await partner.get(LOOKUP, system=ICD10, code="K831")
    posted = await partner.post("", {"resourceType": "Bundle", "type": "batch"})

    assert [refusal(got)[:2], refusal(posted)[:2]] == [(403, "forbidden")] * 2
    assert fhir.database.asked == []


SCOPES = [scope.value for scope in ApiScope]
EVERYBODY = ["nobody", "registered", "subscriber", "partner", "staff", *SCOPES]


@pytest.mark.parametrize("who", EVERYBODY)
async def test_who_may_ask_what_is_as_with_graphql(fhir: Any, who: str) -> None:
    asker = (
        fhir.nobody
        if who == "nobody"
        else await (fhir.key(ApiScope(who)) if who in SCOPES else fhir.somebody(who))
    )

    free = [
        (await asker.get("/metadata")).status_code,
        (await asker.get(LOOKUP, system=ICD10, code="K831")).status_code,
        (await asker.get("/CodeSystem/$validate-code", url=ICD10, code="K831")).status_code,
    ]
    translated = await asker.get("/ConceptMap/$translate", system=ICD10, code="K831")

    assert free == [200, 200, 200]
    if who in ("subscriber", "partner", "staff", "CROSSWALKS_READ"):
        assert translated.status_code == 200
    elif who in SCOPES:
        sentence = "This key was not given the scope CROSSWALKS_READ."
        assert refusal(translated) == (403, "forbidden", sentence)
    else:
        assert refusal(translated) == (403, "forbidden", FORBIDDEN)


async def test_of_a_batch_only_the_entries_are_refused_that_are_not_for_everybody(
    fhir: Any,
) -> None:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": f"CodeSystem/$lookup?system={ICD10}&code=K831"}},
        {"request": {"method": "GET", "url": f"ConceptMap/$translate?system={ICD10}&code=K831"}},
    ]}  # fmt: skip

    answer = await fhir.nobody.post("", bundle)

    statuses = [told["response"]["status"] for told in answer.json()["entry"]]
    assert statuses == ["200 OK", "403 Forbidden"]


async def test_a_key_that_is_no_good_is_told_so(fhir: Any, partner: Any) -> None:
    bad = {"Authorization": partner.headers["Authorization"][:-1] + "-"}
    response = checked(await fhir.client.get("/fhir/metadata", headers=bad))

    assert refusal(response)[:2] == (401, "login")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_key_in_an_address_is_refused(partner: Any) -> None:
    key = partner.headers["Authorization"].removeprefix("Bearer ")

    refused = await partner.refused(LOOKUP, system=ICD10, code="K831", api_key=key)

    assert refused[:2] == (400, "invalid")
    assert key not in refused[2]


async def test_a_key_notes_that_it_was_used(fhir: Any, partner: Any) -> None:
    fhir.clock.advance(hours=1)

    await partner.get(LOOKUP, system=ICD10, code="K831")

    key_id = partner.headers["Authorization"].removeprefix("Bearer csk_live_")[:12]
    [row] = await fhir.database.fetch("SELECT last_used_at FROM api_key WHERE id = $1", key_id)
    assert row["last_used_at"] == fhir.clock()


async def test_nothing_is_charged_and_nobody_becomes_a_guest(
    fhir: Any, partner: Any, redis_url: str
) -> None:
    for asker in (fhir.nobody, partner):
        for path, query in (
            (LOOKUP, {"system": ICD10, "code": "K831"}),
            ("/ConceptMap/$translate", {"system": ICD9, "code": "5762"}),
        ):
            response = await asker.get(path, **query)
            assert "set-cookie" not in response.headers
            assert "codestile-viewer" not in response.headers

    with redis.Redis.from_url(redis_url) as client:
        assert client.keys("*:log") == []


async def test_a_catalogue_that_is_away_is_told_with_when_to_ask_again(
    fhir: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise StoreUnavailable("postgres", "hunter2", retry_after_seconds=7)

    monkeypatch.setattr(Database, "fetch", away)
    query = f"system={ICD10}&code=K831"
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": f"CodeSystem/$lookup?{query}"}}
    ]}  # fmt: skip

    for response in (await fhir.nobody.get("/metadata"), await fhir.nobody.post("", bundle)):
        assert refusal(response) == (
            503,
            "transient",
            "The catalogue is away at the moment. Please ask again.",
        )
        assert response.headers["retry-after"] == "7"


async def test_a_fault_of_ours_tells_nothing_of_itself(
    fhir: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("hunter2")

    monkeypatch.setattr("graph.fhir.view.Systems", broken)

    response = await fhir.nobody.get("/metadata")

    assert refusal(response) == (500, "exception", "Internal error")


async def test_statements_tell_the_operations_and_what_is_loaded(fhir: Any) -> None:
    capability = (await fhir.nobody.get("/metadata")).json()
    terminology = (await fhir.nobody.get("/metadata", R5, mode="terminology")).json()

    resources = capability["rest"][0]["resource"]
    operations = {
        resource["type"]: [each["name"] for each in resource["operation"]] for resource in resources
    }
    assert operations == {"CodeSystem": ["lookup", "validate-code"], "ConceptMap": ["translate"]}
    assert "`urn:codestile:map:GEM_I10_I9|GEM-FY2013`" in resources[1]["documentation"]
    assert {
        system["uri"]: [(each["code"], each["isDefault"]) for each in system["version"]]
        for system in terminology["codeSystem"]
    } == {
        ICD10: [("FY2026-APR", True)],
        "http://www.cms.gov/Medicare/Coding/ICD10": [("FY2024", True)],
        ICD9: [("FY2015", False)],
        "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/"
        "MS-DRG-Classifications-and-Software": [("v43.1", True)],
        "urn:codestile:system:MDC": [("v43.1", True)],
        "urn:codestile:system:HCC": [("PY2026", True)],
        "urn:codestile:system:DEMO": [("DEMO-2026", True), ("DEMO-2025", False)],
    }
    assert json.dumps(terminology).count("Demonstration codes are invented") == 1
    assert (await fhir.nobody.refused("/metadata", mode="x"))[:2] == (400, "value")


async def test_the_document_names_every_system_as_answers_do(fhir: Any) -> None:
    text = (Path(__file__).parents[3] / "docs/fhir.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([A-Z0-9_, ]+) \| `(\S+)` \| ([\d.]*)", text, re.MULTILINE)
    systems = Systems(await fhir.services.loaded.systems(NOON.date()), ())
    written = {key: (uri, oid) for keys, uri, oid in table for key in keys.split(", ")}

    for system in systems.systems:
        uri, oid = written.get(system.key, (f"urn:codestile:system:{system.key}", ""))
        assert systems.uri_of(system.key) == uri
        assert system in systems.named(uri)
        if oid and system.key != "HCPCS_MODIFIER":
            assert systems.named(f"urn:oid:{oid}") == (system,)
    assert len(written) == 8
