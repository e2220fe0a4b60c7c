"""ConceptMap/$translate: what the maps say, both ways, in the words of R4 and of R5."""

import random
from collections import Counter
from typing import Any

import pytest

from db.crosswalks import translations
from schema.codes import CodeKey, CodeSystemKey
from schema.crosswalks import TranslationDirection
from tests.graph.fhir.conftest import ICD9, ICD10, R5, by_name
from tests.graph.partners import NOON

TRANSLATE = "/ConceptMap/$translate"
I10_I9 = "urn:codestile:map:GEM_I10_I9|GEM-FY2013"
I9_I10 = "urn:codestile:map:GEM_I9_I10|GEM-FY2013"
OLD_MAP = "GEM-FY2018, in force since 2017-10-01, is not loaded; this is GEM-FY2013."
OLD_CODES = "FY2027, in force since 2026-10-01, is not loaded; this is FY2026-APR."
BILE_DUCT = "Obstruction of bile duct"
SAID = "urn:codestile:map-property"


def besides(match: dict[str, Any]) -> dict[str, Any]:
    """What a match of R4 says in extensions, by the end of their URI."""
    return {
        each.pop("url").removeprefix(f"{SAID}:"): next(iter(each.values()))
        for each in match.get("extension", [])
    }


def concepts(told: dict[str, Any]) -> list[str]:
    """The codes of the matches."""
    return [match["concept"]["code"] for match in told["match"]]


async def test_a_pair_that_the_map_calls_equivalent(partner: Any) -> None:
    old = await partner.told(TRANSLATE, system=ICD10, code="K831", targetsystem=ICD9)
    new = await partner.told(TRANSLATE, R5, system=ICD10, sourceCode="K831", targetSystem=ICD9)

    concept = {"system": ICD9, "code": "576.2", "version": "FY2015", "display": BILE_DUCT}
    message = f"GEM-FY2013 calls K83.1 and its target equivalent. {OLD_MAP} {OLD_CODES}"
    assert old == {
        "result": True,
        "message": message,
        "match": [{"equivalence": "equivalent", "concept": concept, "source": I10_I9}],
    }
    assert new == {
        "result": True,
        "message": message,
        "match": [{"relationship": "equivalent", "concept": concept, "originMap": I10_I9}],
    }


async def test_a_combination_names_the_codes_that_have_to_be_recorded_too(partner: Any) -> None:
    response = await partner.get(TRANSLATE, system=ICD10, code="I25111", targetsystem=ICD9)
    new = await partner.told(TRANSLATE, R5, system=ICD10, sourceCode="I25111", targetSystem=ICD9)

    old = by_name(response.json()["parameter"])
    product = {
        "system": ICD9,
        "code": "413.9",
        "version": "FY2015",
        "display": "Other and unspecified angina pectoris",
    }
    comment = (
        "Scenario 1, choice list 1 of I25.111: "
        "only together with one product of each other choice list."
    )
    assert old["message"].startswith("GEM-FY2013 needs several targets together for I25.111.")
    [match] = old["match"]
    assert (match["equivalence"], match["concept"]["code"]) == ("relatedto", "414.01")
    assert match["product"] == [{"element": f"{SAID}:choice-list:2", "concept": product}]
    assert besides(response.json()["parameter"][2]) == {
        "comment": comment,
        "scenario": 1,
        "choice-list": 1,
        "approximate": True,
    }
    [match] = new["match"]
    assert (match["relationship"], match["concept"]["code"]) == ("related-to", "414.01")
    assert match["product"] == [{"attribute": f"{SAID}:choice-list:2", "value": product}]
    assert match["property"] == [
        {"uri": f"{SAID}:comment", "value": comment},
        {"uri": f"{SAID}:scenario", "value": 1},
        {"uri": f"{SAID}:choice-list", "value": 1},
        {"uri": f"{SAID}:approximate", "value": True},
    ]


async def test_every_scenario_is_a_match_with_its_own_products(partner: Any) -> None:
    told = await partner.told(TRANSLATE, R5, system=ICD10, sourceCode="T42.2X1A")

    assert [
        (
            match["property"][1]["value"],
            match["concept"]["code"],
            [product["value"]["code"] for product in match["product"]],
        )
        for match in told["match"]
    ] == [(1, "966.2", ["E855.8"]), (2, "966.0", ["E855.8"])]


async def test_a_code_that_the_map_has_nothing_for_is_a_result(partner: Any) -> None:
    response = await partner.get(TRANSLATE, system=ICD10, code="R40.2130")
    new = await partner.told(TRANSLATE, R5, system=ICD10, sourceCode="R402130")
    nine = await partner.told(TRANSLATE, system=ICD9, code="36570")

    said = "GEM-FY2013 says that nothing corresponds to R40.2130."
    old = by_name(response.json()["parameter"])
    assert old == {
        "result": False,
        "message": f"{said} {OLD_MAP} {OLD_CODES}",
        "match": [{"equivalence": "unmatched", "source": I10_I9}],
    }
    assert besides(response.json()["parameter"][2]) == {"comment": said}
    assert new["match"] == [
        {
            "relationship": "not-related-to",
            "property": [{"uri": f"{SAID}:comment", "value": said}],
            "originMap": I10_I9,
        }
    ]
    assert (nine["result"], nine["match"]) == (
        False,
        [{"equivalence": "unmatched", "source": I9_I10}],
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"system": ICD9, "code": "5762", "reverse": "true", "targetsystem": ICD10},
        {"system": ICD9, "code": "576.2", "reverse": "true"},
        {"targetCode": "5762", "targetSystem": ICD9},
        {"targetCode": "5762", "system": ICD9},
        {"targetCode": "5762", "targetSystem": ICD9, "system": ICD10},
    ],
)
async def test_a_target_is_traced_to_its_sources(partner: Any, asked: dict[str, str]) -> None:
    told = await partner.told(TRANSLATE, **asked)

    assert told["result"] is True
    assert [(m["equivalence"], m["concept"]["code"], m["source"]) for m in told["match"]] == [
        ("equivalent", "K83.1", I10_I9)
    ]


async def test_a_target_of_a_combination_says_of_what_it_is_a_part(partner: Any) -> None:
    told = await partner.told(TRANSLATE, R5, targetCode="413.9", targetSystem=ICD9)

    part = next(m for m in told["match"] if m["concept"]["code"] == "I25.111")
    assert "product" not in part
    assert part["property"][0]["value"] == (
        "Scenario 1, choice list 2 of I25.111: "
        "413.9 stands for it only together with one code of each other list."
    )


async def test_all_hits_are_told_however_many(partner: Any) -> None:
    forward = await partner.told(TRANSLATE, system=ICD9, code="V54.12")
    backward = await partner.told(TRANSLATE, system=ICD9, code="V54.12", reverse="true")
    most = await partner.told(TRANSLATE, system=ICD9, code="V58.89", reverse="true")

    assert len(set(concepts(forward))) == len(forward["match"]) == 533
    assert "533 rows" in forward["message"]
    assert len(set(concepts(backward))) == len(backward["match"])
    assert len(set(concepts(most))) == len(most["match"]) == 7_747


async def test_codes_of_two_systems_that_are_spelled_alike_are_translated_apart(
    partner: Any,
) -> None:
    ten = await partner.told(TRANSLATE, system=ICD10, code="E030")
    nine = await partner.told(TRANSLATE, system=ICD9, code="E030")

    assert {m["source"] for m in ten["match"]} == {I10_I9}
    assert {m["source"] for m in nine["match"]} == {I9_I10}
    assert await partner.refused(TRANSLATE, code="E030") == (
        400,
        "required",
        "Name the system of the code by its URI. 'E030' is a code of ICD-10-CM "
        f"({ICD10}), ICD-9-CM ({ICD9}).",
    )


async def test_the_target_may_tell_which_of_two_codes_is_meant(partner: Any) -> None:
    dotted = await partner.told(TRANSLATE, system=ICD9, code="413.9", targetsystem=ICD10)
    undotted = await partner.told(TRANSLATE, system=ICD9, code="4139", targetsystem=ICD10)

    assert concepts(undotted) == concepts(dotted) == ["I20.8", "I20.9"]
    assert await partner.refused(TRANSLATE, system=ICD9, code="4139") == (
        422,
        "multiple-matches",
        "'4139' is 413.9 of ICD-9-CM and 41.39 of ICD-9-CM procedures: "
        "write it with its dot, or name the system by its OID.",
    )


async def test_several_targets_of_which_the_record_decides(partner: Any) -> None:
    told = await partner.told(TRANSLATE, system=ICD9, code="94233")

    assert Counter(m["equivalence"] for m in told["match"]) == {"inexact": 2}
    assert told["message"].startswith("GEM-FY2013 offers 2 rows for 942.33")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"system": ICD10, "code": "K83"}, "K83 is a header; GEM-FY2013 names complete codes."),
        ({"system": ICD10, "code": "K83.19"}, "ICD-10-CM has no code K83.19."),
        ({"system": ICD10, "code": "??"}, "The text cannot be a code of any system."),
    ],
)
async def test_a_code_that_the_map_does_not_name_is_told_with_the_reason(
    partner: Any, asked: dict[str, str], sentence: str
) -> None:
    told = await partner.told(TRANSLATE, targetsystem=ICD9, **asked)

    assert (told["result"], "match" in told) == (False, False)
    assert told["message"].startswith(sentence)


@pytest.mark.parametrize(
    "asked",
    [
        {"url": "urn:codestile:map:GEM_I10_I9"},
        {"url": I10_I9},
        {"url": "urn:codestile:map:GEM_I10_I9", "conceptMapVersion": "GEM-FY2013"},
        {"conceptMapVersion": "GEM-FY2013"},
        {"source": f"{ICD10}?fhir_vs", "target": f"{ICD9}/vs"},
        {"sourceScope": ICD10, "targetScope": ICD9},
        {"targetsystem": "urn:oid:2.16.840.1.113883.6.103"},
        {"date": "2015-06-01"},
    ],
)
async def test_a_map_may_be_named_in_several_ways(partner: Any, asked: dict[str, str]) -> None:
    told = await partner.told(TRANSLATE, system=ICD10, code="K831", **asked)

    assert [m["source"] for m in told["match"]] == [I10_I9]


async def test_a_concept_is_translated_by_each_of_its_codings(partner: Any) -> None:
    codings = [
        {"system": "http://snomed.info/sct", "code": "38341003"},
        {"system": ICD10, "code": "K83.1"},
        {"system": ICD9, "code": "576.2"},
    ]
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "sourceCodeableConcept", "valueCodeableConcept": {"coding": codings}}
        ],
    }

    answer = await partner.post(TRANSLATE, body, R5)

    assert concepts(by_name(answer.json()["parameter"])) == ["576.2", "K83.1"]


PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
REFUSED = [
    ({"system": ICD10, "code": "K831", "targetsystem": PCS}, 404, "not-found"),
    ({"system": PCS, "code": "0016070"}, 404, "not-found"),
    ({"system": ICD10, "code": "K831", "date": "2001-01-01"}, 404, "not-found"),
    ({"system": ICD10, "code": "K831", "url": "urn:codestile:map:OTHER"}, 404, "not-found"),
    ({"system": ICD10, "code": "K831", "url": "urn:codestile:map:GEM_I9_I10"}, 404, "not-found"),
    ({"system": ICD10, "code": "K831", "conceptMapVersion": "GEM-FY2018"}, 404, "not-found"),
    ({"system": ICD10, "code": "K831", "url": f"{I10_I9}", "date": "2001-01-01"}, 400, "value"),
    ({"system": ICD10, "code": "K831", "targetsystem": "urn:x"}, 404, "not-found"),
    ({"system": ICD10, "code": "K831", "target": "http://hl7.org/fhir/ValueSet/x"}, 404,
     "not-found"),
    ({"system": ICD10, "code": "K831", "source": ICD9}, 400, "invalid"),
    ({"system": ICD10, "code": "K831", "target": ICD9, "targetsystem": ICD10}, 400, "invalid"),
    ({"system": ICD10, "code": "K831", "sourceCode": "K831"}, 400, "invalid"),
    ({"system": ICD10, "code": "K831", "reverse": "maybe"}, 400, "structure"),
    ({"targetSystem": ICD9, "targetCode": "5762", "reverse": "true"}, 400, "invalid"),
    ({"system": ICD10}, 400, "required"),
    ({"system": ICD10, "code": "K831", "dependency": "x"}, 422, "not-supported"),
    ({"system": ICD10, "code": "K831", "targetSytem": ICD9}, 400, "invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "status", "code"), REFUSED, ids=[str(r[0]) for r in REFUSED])
async def test_what_cannot_be_translated_is_refused_with_a_sentence(
    partner: Any, asked: dict[str, str], status: int, code: str
) -> None:
    refused = await partner.refused(TRANSLATE, **asked)

    assert refused[:2] == (status, code)
    assert refused[2].endswith(".")


async def test_a_map_that_is_not_loaded_is_told_apart_from_a_code_it_has_nothing_for(
    partner: Any,
) -> None:
    response = await partner.get(TRANSLATE, system=ICD10, code="K831", targetsystem=PCS)

    [issue] = response.json()["issue"]
    assert issue["details"]["coding"] == [{"system": "urn:codestile:problem", "code": "NOT_LOADED"}]
    assert issue["diagnostics"] == (
        "No map from ICD-10-CM to ICD-10-PCS in force on 2026-11-23 is loaded."
    )


async def test_matches_are_the_rows_of_the_map(fhir: Any, partner: Any) -> None:
    """For a hundred codes of each system, drawn anew each time: every row is told once."""
    for system, uri, kind in (
        (CodeSystemKey.ICD10CM, ICD10, "GEM_I10_I9"),
        (CodeSystemKey.ICD9CM_DX, "urn:oid:2.16.840.1.113883.6.103", "GEM_I9_I10"),
    ):
        rows = await fhir.database.fetch(
            "SELECT DISTINCT c.value FROM edge e JOIN map_release m ON m.id = e.map_release_id "
            "JOIN code c ON c.id = e.source_id WHERE m.kind = $1",
            kind,
        )
        values = random.sample(sorted(row["value"] for row in rows), 100)
        entries = [
            {
                "request": {
                    "method": "GET",
                    "url": f"ConceptMap/$translate?system={uri}&code={value}"
                    f"&url=urn:codestile:map:{kind}",
                }
            }
            for value in values
        ]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}

        answer = (await partner.post("", bundle, R5)).json()["entry"]
        keys = [CodeKey(system, value) for value in values]
        found = await translations(
            fhir.database, keys, None, TranslationDirection.FORWARD, NOON.date(), 1_000
        )

        for told, of_source in zip(answer, found, strict=True):
            [expected] = [each for each in of_source if each.map_release.kind == kind]
            parts = by_name(told["resource"]["parameter"])
            assert said(parts) == rowwise(expected.crosswalks)


def said(told: dict[str, Any]) -> set[tuple[str | None, str, int | None, int | None]]:
    """(target, relationship, scenario, choice list) of all matches and products."""
    rows = set()
    for match in told.get("match", []):
        besides = {each["uri"]: each["value"] for each in match.get("property", [])}
        scenario, place = (besides.get(f"{SAID}:{name}") for name in ("scenario", "choice-list"))
        rows.add((match.get("concept", {}).get("code"), match["relationship"], scenario, place))
        for product in match.get("product", []):
            number = int(product["attribute"].rpartition(":")[2])
            rows.add((product["value"]["code"], "related-to", scenario, number))
    return rows


def rowwise(crosswalks: Any) -> set[tuple[str | None, str, int | None, int | None]]:
    """The same of the rows of a map."""
    names = {
        "EQUIVALENT": "equivalent",
        "RELATED_TO": "related-to",
        "NOT_RELATED": "not-related-to",
    }
    return {
        (row.target and row.target.display, names[row.relationship], row.scenario, row.choice_list)
        for row in crosswalks
    }
