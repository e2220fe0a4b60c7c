"""CodeSystem/$validate-code: whether a code is one, and what to know of it."""

from typing import Any

import pytest

from tests.graph.fhir.conftest import ICD9, ICD10, R5, by_name

VALIDATE = "/CodeSystem/$validate-code"
STALE = "FY2027, in force since 2026-10-01, is not loaded; this is FY2026-APR."


async def test_a_code_is_valid_and_told_with_its_title(fhir: Any) -> None:
    told = await fhir.nobody.told(VALIDATE, url=ICD10, code="k831")
    newer = await fhir.nobody.told(VALIDATE, R5, url=ICD10, code="k831")

    old = {"result": True, "message": STALE, "display": "Obstruction of bile duct"}
    assert told == old
    assert newer == {**old, "code": "K83.1", "system": ICD10, "version": "FY2026-APR"}


IS_HEADER = "E11 is a header: choose one of the codes below it."
IS_BLOCK = "E08-E13 is a block: choose one of the codes below it."
NO_CODE = "A code has 1 to 20 letters, digits and hyphens; dots and blanks are ignored."
UNKNOWN = (
    "ICD-10-CM FY2026-APR, the newest release loaded here, has no code K83.12345; "
    "FY2027 has been in force since 2026-10-01."
)


@pytest.mark.parametrize(
    ("asked", "result", "message"),
    [
        ({"url": ICD10, "code": "E11"}, True, f"{IS_HEADER} {STALE}"),
        ({"system": ICD10, "code": "K83.1"}, True, STALE),
        ({"url": ICD10, "code": "E08-E13"}, False,
         "E08-E13 is a block, which is no code: see abstract."),
        ({"url": ICD10, "code": "E08-E13", "abstract": "true"}, True, f"{IS_BLOCK} {STALE}"),
        ({"url": ICD9, "code": "576.2"}, True, "576.2 ended on 2015-09-30."),
        ({"url": ICD9, "code": "576.2", "date": "2015-01-01"}, True, None),
        ({"url": ICD10, "code": "K83.1", "display": "obstruction  of BILE duct"}, True, STALE),
        ({"url": ICD9, "code": "331.0", "display": "Gout"}, False,
         "331.0 is not called so: see display."),
        ({"url": ICD10, "code": "?"}, False, NO_CODE),
        ({"url": ICD10, "code": "K8312345"}, False, UNKNOWN),
    ],
)  # fmt: skip
async def test_a_verdict_has_its_reason(
    fhir: Any, asked: dict[str, str], result: bool, message: str | None
) -> None:
    told = await fhir.nobody.told(VALIDATE, **asked)

    assert (told["result"], told.get("message")) == (result, message)


async def test_of_a_day_before_the_first_release_nothing_is_judged(fhir: Any) -> None:
    demo = "urn:codestile:system:DEMO"
    refused = await fhir.nobody.refused(VALIDATE, url=demo, code="DM-4120", date="2024-01-01")

    assert refused == (
        404,
        "not-found",
        "No release of DEMO that had begun by 2024-01-01 is loaded.",
    )


async def test_a_code_that_only_a_map_names_is_not_valid(fhir: Any) -> None:
    [row] = await fhir.database.fetch(
        "SELECT c.value FROM code c LEFT JOIN code_version v ON v.code_id = c.id "
        "WHERE c.system = 'ICD10CM' AND v.id IS NULL ORDER BY c.value LIMIT 1"
    )

    told = await fhir.nobody.told(VALIDATE, url=ICD10, code=row["value"])

    assert told["result"] is False
    assert told["message"].endswith("only a map names it.")


def concept(*codings: dict[str, str], **more: Any) -> dict[str, Any]:
    """Parameters with a CodeableConcept."""
    listed = [{"name": "codeableConcept", "valueCodeableConcept": {"coding": list(codings)}}]
    listed += [{"name": name, "valueUri": given} for name, given in more.items()]
    return {"resourceType": "Parameters", "parameter": listed}


async def test_of_a_concept_one_coding_that_is_right_is_enough(fhir: Any) -> None:
    foreign = {"system": "http://snomed.info/sct", "code": "38341003"}
    wrong, right = {"system": ICD10, "code": "K83.15"}, {"system": ICD10, "code": "K83.1"}

    answers = [
        await fhir.nobody.post(VALIDATE, concept(*codings))
        for codings in ((foreign, wrong, right), (foreign, wrong), (foreign,))
    ]

    results = [by_name(answer.json()["parameter"])["result"] for answer in answers[:2]]
    assert results == [True, False]
    assert answers[2].status_code == 404


async def test_of_a_concept_only_codings_of_the_named_system_count(fhir: Any) -> None:
    right, other = {"system": ICD10, "code": "K83.1"}, {"system": ICD9, "code": "999999"}

    answers = [
        await fhir.nobody.post(VALIDATE, concept(right, other, url=url))
        for url in (ICD10, ICD9, "urn:codestile:system:MDC")
    ]

    told = [by_name(answer.json().get("parameter", [])).get("result") for answer in answers]
    assert told == [True, False, None]
    assert answers[2].status_code == 400


async def test_a_title_in_a_coding_is_checked(fhir: Any) -> None:
    coding = {"system": ICD10, "code": "K83.1", "display": "Gout"}
    body = {"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": coding}]}

    answer = await fhir.nobody.post(VALIDATE, body)

    assert by_name(answer.json()["parameter"]) == {
        "result": False,
        "message": "K83.1 is not called so: see display.",
        "display": "Obstruction of bile duct",
    }


CODE = {"name": "code", "valueCode": "E11"}
CODING = {"name": "coding", "valueCoding": {"system": ICD10, "code": "E11"}}
CONCEPT = {"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"code": "E11"}]}}
URL = {"name": "url", "valueUri": ICD10}


@pytest.mark.parametrize(
    ("listed", "status", "code"),
    [
        ([], 400, "required"),
        ([{"name": "codeableConcept", "valueCodeableConcept": {"coding": []}}], 400, "structure"),
        ([{"name": "codeableConcept", "valueCodeableConcept": {"text": "x"}}], 400, "structure"),
        ([{"name": "codeableConcept", "valueString": "x"}], 400, "structure"),
        ([{"name": "coding", "valueCoding": {"system": ICD10}}], 400, "structure"),
        ([{"name": "coding", "valueCoding": {"system": 1, "code": "E11"}}], 400, "structure"),
        ([CODE], 400, "required"),
        ([{"name": "code", "valueInteger": 11}], 400, "structure"),
        ([{**CODE, "valueString": "E11"}], 400, "structure"),
        ([{"name": "codeSystem", "resource": {"id": "x"}}], 422, "not-supported"),
        ([{"name": "url", "valueUri": ICD9}, CODING], 400, "invalid"),
        ([CODE, CONCEPT], 400, "invalid"),
        ([URL, CODE, {"name": "abstract", "valueString": "maybe"}], 400, "structure"),
        ([{"valueCode": "E11"}], 400, "structure"),
        (["code"], 400, "structure"),
        ({"name": "code"}, 400, "structure"),
    ],
)
async def test_parameters_that_cannot_be_read_are_refused(
    fhir: Any, listed: Any, status: int, code: str
) -> None:
    answer = await fhir.nobody.post(VALIDATE, {"resourceType": "Parameters", "parameter": listed})

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code)


async def test_more_codings_than_a_viewer_may_send_are_refused(fhir: Any) -> None:
    coding = {"system": ICD10, "code": "K83.1"}

    most = await fhir.nobody.post(VALIDATE, concept(*[coding] * 20))
    more = await fhir.nobody.post(VALIDATE, concept(*[coding] * 21))

    assert (most.status_code, more.status_code) == (200, 413)
    assert more.json()["issue"][0]["code"] == "too-costly"
