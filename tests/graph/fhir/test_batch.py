"""A batch Bundle: every entry has its own answer, and all are read together."""

from typing import Any

import pytest

from db.queries import statements
from tests.graph.fhir.conftest import ICD9, ICD10, R5, by_name
from tests.graph.fhir.test_translate import concepts


def entry(url: Any, method: str = "GET", **more: Any) -> dict[str, Any]:
    """An entry that asks."""
    return {"request": {"method": method, "url": url}, **more}


def batch(*entries: Any, **more: Any) -> dict[str, Any]:
    """A Bundle of them."""
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries), **more}


def lookup(code: str) -> dict[str, Any]:
    return entry(f"CodeSystem/$lookup?system={ICD10}&code={code}")


def translate(code: str, uri: str = ICD10, more: str = "") -> dict[str, Any]:
    return entry(f"ConceptMap/$translate?system={uri}&code={code}{more}")


async def statuses(asker: Any, *entries: Any) -> list[str]:
    """What became of each entry."""
    answer = await asker.post("", batch(*entries))
    assert answer.status_code == 200, answer.text
    return [told["response"]["status"] for told in answer.json()["entry"]]


async def test_entries_are_answered_in_their_order_each_with_its_own_status(partner: Any) -> None:
    coding = {"name": "coding", "valueCoding": {"system": ICD10, "code": "K83.1"}}
    resource = {"resourceType": "Parameters", "parameter": [coding]}
    asked = batch(
        lookup("K831"),
        lookup("K8312345"),
        translate("I25111"),
        entry("CodeSystem/%24validate-code", "POST", resource=resource),
        translate("R402130"),
        entry("metadata"),
        entry("https://codes.example/fhir/CodeSystem/$lookup?code=K831"),
    )

    old, new = [(await partner.post("", asked, accept)).json() for accept in (None, R5)]

    assert (old["type"], new["type"]) == ("batch-response", "batch-response")
    assert [told["response"]["status"] for told in old["entry"]] == [
        *("200 OK", "404 Not Found", "200 OK", "200 OK", "200 OK", "200 OK"),
        "400 Bad Request",
    ]
    assert old["entry"][1]["response"]["outcome"]["issue"][0]["code"] == "not-found"
    told = [by_name(each["resource"]["parameter"]) for each in old["entry"][2:5]]
    assert concepts(told[0]) == ["414.01"]
    assert told[1]["result"] is True
    assert told[2]["match"][0]["equivalence"] == "unmatched"
    assert old["entry"][5]["resource"]["fhirVersion"] == "4.0.1"
    assert new["entry"][5]["resource"]["fhirVersion"] == "5.0.0"


NAMES = {
    statements(topic)[name]: name
    for topic in ("codes", "crosswalks", "keys", "plans")
    for name in statements(topic)
}


async def test_a_whole_batch_is_read_in_one_statement_of_each_kind(fhir: Any, partner: Any) -> None:
    rows = await fhir.database.fetch(
        "SELECT c.value FROM code c JOIN code_version v ON v.code_id = c.id "
        "WHERE c.system = 'ICD10CM' AND v.is_billable ORDER BY c.value LIMIT 45"
    )
    values = [row["value"] for row in rows]
    around = "&property=parent&property=child"
    entries = [
        *(lookup(value) for value in values),
        *(translate(value) for value in values),
        *(translate(value, ICD9, "&reverse=true") for value in ("5762", "414.01")),
        *(lookup(value + around) for value in ("K83", "E11")),
    ]
    await partner.get("/metadata")
    fhir.database.asked.clear()

    assert await statuses(partner, *entries) == ["200 OK"] * len(entries)

    assert sorted(NAMES[statement] for statement in fhir.database.asked) == [
        *("ancestors", "children", "codes_by_ref", "key_by_id", "map_releases", "systems"),
        *("translations", "translations"),
    ]


async def test_entries_with_many_rows_are_all_told_in_full(fhir: Any, partner: Any) -> None:
    ways = [(code, way) for code in ("V5412", "73382") for way in ("source_id", "target_id")]
    counts = [
        (
            await fhir.database.fetch(
                f"SELECT count(*) FROM edge e JOIN code c ON c.id = e.{way} "
                "WHERE c.system = 'ICD9CM_DX' AND c.value = $1",
                code,
            )
        )[0]["count"]
        for code, way in ways
    ]
    asked = [translate(code, ICD9, f"&reverse={way == 'target_id'}".lower()) for code, way in ways]

    answers = (await partner.post("", batch(*asked))).json()["entry"]

    told = [by_name(each["resource"]["parameter"])["match"] for each in answers]
    assert [len(matches) for matches in told] == counts
    assert (counts[0], counts[3]) == (533, 2_896)


async def test_more_rows_than_one_answer_holds_are_refused_entry_by_entry(
    fhir: Any, partner: Any
) -> None:
    subscriber = await fhir.somebody("subscriber")
    fat = translate("V5889", ICD9, "&reverse=true")

    both = await statuses(partner, fat, translate("K831"), fat)
    alone = await subscriber.get(
        "/ConceptMap/$translate", system=ICD9, code="V5889", reverse="true"
    )

    refused = "422 Unprocessable Entity"
    assert sorted(both) == ["200 OK", "200 OK", refused]
    assert both[1] == "200 OK"
    assert (alone.status_code, alone.json()["issue"][0]["code"]) == (422, "too-costly")
    assert alone.json()["issue"][0]["diagnostics"].startswith("The answer has more than 2,000 rows")


@pytest.mark.parametrize(
    ("plan", "most"), [("nobody", 20), ("registered", 50), ("subscriber", 50), ("partner", 100)]
)
async def test_a_batch_is_as_long_as_a_list_of_graphql_may_be(
    fhir: Any, plan: str, most: int
) -> None:
    asker = fhir.nobody if plan == "nobody" else await fhir.somebody(plan)

    assert await statuses(asker, *[lookup("K831")] * most) == ["200 OK"] * most
    refused = await asker.post("", batch(*[lookup("K831")] * (most + 1)))

    assert (refused.status_code, refused.json()["issue"][0]) == (
        413,
        {
            "severity": "error",
            "code": "too-costly",
            "diagnostics": f"There are {most + 1} entries; at most {most} are answered at once.",
        },
    )


async def test_an_entry_that_asks_for_nothing_spoils_no_other(partner: Any) -> None:
    odd = [
        *(None, 7, {}, {"request": {}}, {"request": "GET"}, entry(5), entry(""), entry("http://[")),
        entry("CodeSystem/$lookup", "DELETE"),
        entry("CodeSystem/$lookup", None),  # type: ignore[arg-type]
        entry("Patient/1"),
        entry("CodeSystem/$lookup", "POST"),
        entry("CodeSystem/$lookup", "POST", resource={"resourceType": "Patient"}),
        entry("metadata", "POST", resource={"resourceType": "Parameters"}),
        entry("CodeSystem/$lookup?" + "&".join("code=1" for _ in range(600))),
        entry("", "POST", resource=batch(lookup("K831"))),
    ]

    told = await statuses(partner, lookup("K831"), *odd, lookup("K831"))

    assert (told[0], told[-1]) == ("200 OK", "200 OK")
    assert [status[:3] for status in told[1:-1]] == [
        *("400", "400", "400", "400", "400", "400", "404", "400"),
        *("405", "405", "404", "400", "400", "405", "400", "404"),
    ]


async def test_an_empty_batch_is_answered_with_nothing(partner: Any) -> None:
    assert await statuses(partner) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (batch(type="transaction"), "not-supported"),
        (batch(type=None), "not-supported"),
        (batch(resourceType="Parameters"), "structure"),
        (batch(entry={"request": {}}), "structure"),
        ([], "structure"),
        ("Bundle", "structure"),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(partner: Any, body: Any, code: str) -> None:
    refused = await partner.post("", body)

    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, code)
