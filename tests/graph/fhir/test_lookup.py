"""CodeSystem/$lookup: the free facts of a code, in whichever way it is named."""

from typing import Any

import pytest

from tests.graph.fhir.conftest import ICD9, ICD10, R5, by_name

LOOKUP = "/CodeSystem/$lookup"
STALE = "FY2027, in force since 2026-10-01, is not loaded; this is FY2026-APR."


def properties(told: dict[str, Any]) -> dict[str, Any]:
    """The properties of an answer by code, several of one code as a list."""
    found: dict[str, Any] = {}
    for each in told.get("property", []):
        found.setdefault(each["code"], []).append(each["value"])
    return {code: given[0] if len(given) == 1 else given for code, given in found.items()}


async def test_a_code_is_told_with_its_system_release_title_and_properties(fhir: Any) -> None:
    told = await fhir.nobody.told(LOOKUP, system=ICD10, code="K83.1")

    assert told.pop("property") == [
        {"code": "kind", "value": "code"},
        {"code": "status", "value": "active"},
        {"code": "inactive", "value": False},
        {"code": "notSelectable", "value": False},
        {"code": "billable", "value": True},
        {"code": "effectiveFrom", "value": "2026-04-01"},
    ]
    assert told == {
        "name": "International Classification of Diseases, 10th Revision, Clinical Modification",
        "version": "FY2026-APR",
        "display": "Obstruction of bile duct",
    }


async def test_a_release_that_is_stale_says_so(fhir: Any) -> None:
    response = await fhir.nobody.get(LOOKUP, system=ICD10, code="K83.1")

    [version] = [part for part in response.json()["parameter"] if part["name"] == "version"]
    assert version["extension"] == [{"url": "urn:codestile:stale-reason", "valueString": STALE}]


@pytest.mark.parametrize("code", ["K831", "k83.1", " K83.1 ", "k 83 1"])
async def test_a_code_is_known_however_it_is_written(fhir: Any, code: str) -> None:
    told = await fhir.nobody.told(LOOKUP, system=ICD10, code=code, property="status")

    assert told["display"] == "Obstruction of bile duct"


@pytest.mark.parametrize(
    "system",
    [
        "http://hl7.org/fhir/sid/icd-10-cm",
        "https://hl7.org/fhir/sid/icd-10-cm",
        "http://hl7.org/fhir/sid/icd-10-cm|FY2026-APR",
        "urn:oid:2.16.840.1.113883.6.90",
        "urn:codestile:system:ICD10CM",
    ],
)
async def test_a_system_is_known_by_each_of_its_uris(fhir: Any, system: str) -> None:
    told = await fhir.nobody.told(LOOKUP, system=system, code="K83.1")

    assert told["display"] == "Obstruction of bile duct"


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("336.0", "Syringomyelia and syringobulbia"),
        ("33.6", "Combined heart-lung transplantation"),
        ("5762", "Obstruction of bile duct"),
        (
            "e8120",
            "Other motor vehicle traffic accident involving collision with motor vehicle injuring "
            "driver of motor vehicle other than motorcycle",
        ),
    ],
)
async def test_the_dot_tells_diagnoses_of_icd_9_from_procedures(
    fhir: Any, code: str, title: str
) -> None:
    told = await fhir.nobody.told(LOOKUP, system=ICD9, code=code)

    assert (told["version"], told["display"]) == ("FY2015", title)


async def test_a_text_that_is_a_diagnosis_and_a_procedure_is_not_guessed(fhir: Any) -> None:
    rows = await fhir.database.fetch(
        "SELECT value FROM code WHERE system LIKE 'ICD9CM%' AND length(value) = 4 "
        "GROUP BY value HAVING count(*) = 2 ORDER BY value LIMIT 1"
    )
    value = rows[0]["value"]
    both = {
        "urn:oid:2.16.840.1.113883.6.103": f"{value[:3]}.{value[3:]}",
        "urn:oid:2.16.840.1.113883.6.104": f"{value[:2]}.{value[2:]}",
    }

    undotted = await fhir.nobody.refused(LOOKUP, system=ICD9, code=value)
    by_oid = [(await fhir.nobody.told(LOOKUP, system=oid, code=value)) for oid in both]
    dotted = [(await fhir.nobody.told(LOOKUP, system=ICD9, code=code)) for code in both.values()]

    diagnosis, procedure = both.values()
    assert undotted == (
        422,
        "multiple-matches",
        f"'{value}' is {diagnosis} of ICD-9-CM and {procedure} of ICD-9-CM procedures: "
        "write it with its dot, or name the system by its OID.",
    )
    assert by_oid == dotted
    assert by_oid[0]["display"] != by_oid[1]["display"]


async def test_codes_of_two_systems_that_are_spelled_alike_are_told_apart(fhir: Any) -> None:
    nobody = fhir.nobody
    ten, nine = [await nobody.told(LOOKUP, system=s, code="E030") for s in (ICD10, ICD9)]

    assert ten["display"] == "Congenital hypothyroidism with diffuse goiter"
    assert nine["name"].endswith("diagnoses")
    assert nine["display"] != ten["display"]
    assert await nobody.refused(LOOKUP, code="E030") == (
        400,
        "required",
        "Name the system of the code by its URI. 'E030' is a code of ICD-10-CM "
        f"({ICD10}), ICD-9-CM ({ICD9}).",
    )


async def test_properties_are_told_that_are_asked_for(fhir: Any) -> None:
    told = await fhir.nobody.told(
        LOOKUP, system=ICD10, code="E11", property=["parent", "child", "whyNotBillable", "display"]
    )

    assert properties(told) == {
        "whyNotBillable": "E11 is a header: choose one of the codes below it.",
        "parent": "E08-E13",
        "child": [f"E11.{digit}" for digit in (0, 1, 2, 3, 4, 5, 6, 8, 9, "A")],
    }


async def test_every_property_is_told_where_all_are_asked_for(fhir: Any) -> None:
    told = await fhir.nobody.told(LOOKUP, system="urn:codestile:system:DEMO", code="DM-4120")
    everything = await fhir.nobody.told(
        LOOKUP, system="urn:codestile:system:DEMO", code="DM-4120", property="*"
    )

    assert properties(told)["copyright"].startswith("Demonstration codes are invented")
    assert properties(everything).keys() - properties(told).keys() == {"parent"}


async def test_a_code_that_ended_is_inactive_and_says_when(fhir: Any) -> None:
    told = await fhir.nobody.told(LOOKUP, system=ICD9, code="576.2")

    assert properties(told) == {
        "kind": "code",
        "status": "inactive",
        "inactive": True,
        "notSelectable": False,
        "billable": False,
        "whyNotBillable": "576.2 ended on 2015-09-30.",
        "effectiveFrom": "2014-10-01",
        "effectiveTo": "2015-09-30",
    }
    assert told["designation"] == [
        {
            "language": "en",
            "use": {"system": "urn:codestile:designation", "code": "short-title"},
            "value": "Obstruction of bile duct",
        }
    ]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, "inactive"),
        ({"date": "2015-01-31"}, "active"),
        ({"date": "2015-01-31T12:00:00Z"}, "active"),
        ({"version": "fy2015"}, "active"),
        ({"version": "FY2015", "date": "2015-09-30"}, "active"),
    ],
)
async def test_a_date_or_a_version_names_the_day_that_is_told_of(
    fhir: Any, asked: dict[str, str], status: str
) -> None:
    told = await fhir.nobody.told(LOOKUP, system=ICD9, code="5762", **asked)

    assert properties(told)["status"] == status


async def test_an_earlier_release_of_a_system_is_told_by_its_version(fhir: Any) -> None:
    titles = [
        (await fhir.nobody.told(LOOKUP, system="urn:codestile:system:DEMO", code=code, **asked))
        for code, asked in (("DM-4120", {}), ("DM-4120", {"version": "DEMO-2025"}))
    ]

    assert [told["version"] for told in titles] == ["DEMO-2026", "DEMO-2025"]
    assert titles[0]["display"] != titles[1]["display"]


async def test_a_code_that_only_a_map_names_has_no_title_to_show(fhir: Any) -> None:
    [row] = await fhir.database.fetch(
        "SELECT c.value FROM code c LEFT JOIN code_version v ON v.code_id = c.id "
        "WHERE c.system = 'ICD10CM' AND v.id IS NULL ORDER BY c.value LIMIT 1"
    )

    response = await fhir.nobody.get(LOOKUP, system=ICD10, code=row["value"])

    reason = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    [display] = [part for part in response.json()["parameter"] if part["name"] == "display"]
    assert display["_valueString"] == {"extension": [{"url": reason, "valueCode": "unknown"}]}
    assert properties(by_name(response.json()["parameter"]))["status"] == "inactive"


async def test_a_coding_names_a_code_with_its_version(fhir: Any) -> None:
    coding = {"system": ICD9, "code": "576.2", "version": "FY2015"}
    body = {"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": coding}]}

    answers = [await fhir.nobody.post(LOOKUP, body, accept) for accept in (None, R5)]

    for answer in answers:
        assert properties(by_name(answer.json()["parameter"]))["status"] == "active"


DEMO_URI = "urn:codestile:system:DEMO"
REFUSED = [
    ({"system": ICD10, "code": "K83.12345"}, 404, "not-found"),
    ({"system": ICD10, "code": "?!"}, 400, "code-invalid"),
    ({"system": ICD10, "code": "x" * 500}, 400, "code-invalid"),
    ({"system": "http://snomed.info/sct", "code": "1"}, 404, "not-found"),
    ({"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}, 404, "not-found"),
    ({"system": ICD10}, 400, "required"),
    ({"code": "?"}, 400, "code-invalid"),
    ({"code": "ZZZZZ"}, 400, "required"),
    ({}, 400, "required"),
    ({"system": ICD10, "code": "E11", "coding": "E11"}, 400, "structure"),
    ({"system": ICD10, "code": ["E11", "E12"]}, 400, "invalid"),
    ({"system": ICD10, "code": "E11", "property": "colour"}, 400, "value"),
    ({"system": ICD10, "code": "E11", "version": "2019"}, 404, "not-found"),
    ({"system": ICD10, "code": "E11", "date": "2026"}, 400, "value"),
    ({"system": ICD10, "code": "E11", "date": "2026-13-01"}, 400, "value"),
    ({"system": ICD10, "code": "E11", "date": "1066-10-14"}, 400, "value"),
    ({"system": ICD10, "code": "E11", "date": "2020-01-01"}, 404, "not-found"),
    ({"system": DEMO_URI, "code": "DM-4120", "version": "DEMO-2025", "date": "2026-05-01"}, 400,
     "value"),
    ({"system": ICD10, "code": "E11", "colour": "red"}, 400, "invalid"),
    ({"system": ICD10, "code": "E11", "useSupplement": "x"}, 422, "not-supported"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "status", "code"), REFUSED, ids=[str(r[0]) for r in REFUSED])
async def test_what_cannot_be_told_is_refused_with_a_sentence(
    fhir: Any, asked: dict[str, Any], status: int, code: str
) -> None:
    refused = await fhir.nobody.refused(LOOKUP, **asked)

    assert refused[:2] == (status, code)
    assert refused[2].endswith(".")
    assert len(refused[2]) < 400


HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"


async def test_what_is_not_loaded_is_told_apart_from_what_does_not_exist(fhir: Any) -> None:
    unknown = await fhir.nobody.get(LOOKUP, system=ICD10, code="K83.12345")
    absent = await fhir.nobody.get(LOOKUP, system=HCPCS, code="A0021")

    def problem(response: Any) -> Any:
        return response.json()["issue"][0]["details"]["coding"][0]["code"]

    assert (unknown.status_code, problem(unknown)) == (404, "UNKNOWN")
    assert (absent.status_code, problem(absent)) == (404, "NOT_LOADED")


async def test_parameters_that_change_nothing_here_are_ignored(fhir: Any) -> None:
    told = await fhir.nobody.told(
        LOOKUP, system=ICD10, code="K83.1", displayLanguage="de", _pretty="true", _format="json"
    )

    assert told["display"] == "Obstruction of bile duct"
