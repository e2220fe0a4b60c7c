"""Whatever is asked, the answer is a resource and no fault of ours."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graph.fhir.conftest import ICD9, ICD10, R5, checked

NAMES = st.sampled_from(
    ["code", "system", "version", "coding", "codeableConcept", "date", "property", "url", "display",
     "abstract", "source", "target", "targetsystem", "reverse", "sourceCode", "sourceCoding",
     "targetCode", "targetSystem", "sourceScope", "targetScope", "conceptMapVersion", "_format",
     "mode", "useSupplement", "conceptMap", "dependency"]
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(
        ["K831", "K83.1", "I25111", "R402130", "5762", "V5412", "E030", "E11", "33.6", "", " ", "0",
         ICD9, ICD10, f"{ICD10}|FY2026-APR", "urn:codestile:system:DEMO", "FY2015", "2015-01-01",
         "true", "GEM-FY2013", "urn:codestile:map:GEM_I10_I9", "urn:oid:2.16.840.1.113883.6.104",
         "json", "|", "\x00", "DM-4120", "9999-99-99", "2026-11-25T10:00:00Z"]
    ),
    st.text(max_size=60),
)  # fmt: skip
PATHS = st.sampled_from(
    ["CodeSystem/$lookup", "CodeSystem/$validate-code", "ConceptMap/$translate", "metadata", ""]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["coding", "code", "system", "version", "text"]), inner)
    ),
    max_leaves=6,
)
VALUES = st.sampled_from(
    ["valueCode", "valueUri", "valueString", "valueCoding", "valueCodeableConcept", "valueBoolean",
     "valueInteger", "resource", "part", "value"]
)  # fmt: skip
PARAMETERS = st.lists(
    st.builds(lambda name, kind, given: {"name": name, kind: given}, NAMES, VALUES, JSON | TEXTS)
    | JSON,
    max_size=5,
)
RESOURCES = (
    st.builds(lambda listed: {"resourceType": "Parameters", "parameter": listed}, PARAMETERS) | JSON
)
QUERIES = st.lists(st.tuples(NAMES, TEXTS), max_size=5)
FORMS = st.sampled_from([None, R5, "application/json", "text/html"])
MANY = settings(
    max_examples=150,
    deadline=None,
    # A server answers one request after the other, and keeps nothing of them.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def is_ours_to_answer(response: Any) -> bool:
    """Whether a response is a resource in the right shape and no fault."""
    return checked(response).status_code < 500


@MANY
@given(path=PATHS, query=QUERIES, accept=FORMS)
async def test_any_query_is_answered(partner: Any, path: str, query: Any, accept: Any) -> None:
    headers = {**partner.headers, **({"Accept": accept} if accept else {})}

    response = await partner.client.get(f"/fhir/{path}", params=query, headers=headers)

    assert is_ours_to_answer(response)


@MANY
@given(path=PATHS, body=RESOURCES, accept=FORMS)
async def test_any_parameters_are_answered(partner: Any, path: str, body: Any, accept: Any) -> None:
    assert is_ours_to_answer(await partner.post(f"/{path}", body, accept))


ENTRIES = st.builds(
    lambda method, url, resource: {
        "request": {"method": method, "url": url},
        "resource": resource,
    },
    st.sampled_from(["GET", "POST", "PUT", None]) | JSON,
    st.builds(lambda path, name, text: f"{path}?{name}={text}", PATHS, NAMES, TEXTS) | JSON,
    RESOURCES,
)


@MANY
@given(entries=st.lists(ENTRIES | JSON, max_size=4))
async def test_any_batch_is_answered(partner: Any, entries: Any) -> None:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}

    response = await partner.post("", bundle)

    assert is_ours_to_answer(response)
    told = response.json()["entry"]
    assert len(told) == len(entries)
    assert [each for each in told if each["response"]["status"].startswith("5")] == []
