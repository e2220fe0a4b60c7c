"""What coders ask about edits and fees, and what a page shows of them, through the schema."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from db.embedded import StoreUrls
from db.load.add_on import AddOnRow
from db.load.demo import write_demo
from db.load.edits import add_on_step, fee_step, pair_step, unit_step
from db.load.gpci import LocalityRow
from db.load.mue import UnitRow
from db.load.rows import CodeRow, PairRow
from db.load.source import Edition, SourceFile
from db.load.transaction import load
from db.load.writer import write_codes
from db.pool import Database, open_database
from graph.context import Services
from schema.codes import CodeKind, CodeSystemKey
from schema.edits import EditSetting, UnitSetting
from tests.conftest import _copied
from tests.graph.conftest import Ask, services_on
from tests.official import add_on as add_on_file
from tests.official import gpci as gpci_file
from tests.official import mue as mue_file
from tests.official import ncci as ncci_file
from tests.official import pprrvu as pprrvu_file
from tests.official.ncci import rule
from tests.official.pprrvu import value_row

STARTS = date(2026, 10, 1)
DENIED = [f"{number}" for number in range(20_000, 20_060)]
PAYING = [f"{number}" for number in range(30_000, 30_060)]
SINCE = date(2020, 1, 1)
PAIRS = [
    *(PairRow("G0101", code, SINCE, None, 1, "Denied") for code in DENIED),
    *(PairRow(code, "G0101", SINCE, None, 0, "Paying") for code in PAYING),
    rule("G0101/20999", SINCE, date(2026, 9, 30), rationale="Ended"),
]
ADD_ONS = [AddOnRow("G0102", "G0101", 1, SINCE, None)]
ADD_ONS += [AddOnRow("G0101", code, 3, SINCE, None) for code in DENIED]
VALUES = [
    value_row(
        "G0101",
        work=Decimal("0.45"),
        non_facility_pe=Decimal("0.66"),
        facility_pe=Decimal("0.30"),
        malpractice=Decimal("0.06"),
        non_facility_total=Decimal("1.17"),
        facility_total=Decimal("0.81"),
    ),
    value_row("G0101", "TC", status="C"),
    value_row(status="J", code="20000"),
]
PLACE = LocalityRow("10112", "00", "AL", "ALABAMA", *map(Decimal, ("1.000", "0.869", "0.575")))
PARTNER, GUEST = "PARTNER", "GUEST"


@pytest.fixture(scope="module")
async def filled(
    stores: StoreUrls, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """A database with two codes of HCPCS, and generated edits and fees of them and others."""
    folder = tmp_path_factory.mktemp("edits")
    files = {
        "ccipra-v324r0-f1.txt": ncci_file.part(PAIRS),
        "MCR_MUE_P.csv": mue_file.table(
            UnitSetting.PRACTITIONER, [UnitRow("G0101", 1, 2, "An invented policy")]
        ),
        "AOC_V2026Q4-MCR.txt": add_on_file.as_text(ADD_ONS),
        "PPRRVU2026_Oct.txt": pprrvu_file.fixed_width(VALUES),
        "GPCI2026.csv": gpci_file.indices([PLACE]),
    }
    paths = [folder / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content)
    pairs, units, add_ons, *fees = paths
    rows = [
        CodeRow(code, CodeKind.CODE, f"Invented service {code}", True)
        for code in ("G0101", "G0102", "G0109")
    ]
    source = (SourceFile("generated", b"generated"),)
    hcpcs = Edition(CodeSystemKey.HCPCS, "2026-OCT", STARTS, "nobody", "generated", source)
    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        await load(
            url,
            [
                write_demo,
                partial(write_codes, edition=hcpcs, read=lambda: rows),
                pair_step([pairs], EditSetting.PRACTITIONER, "2026Q4", STARTS),
                unit_step(units, "2026Q4", STARTS),
                add_on_step(add_ons, "2026Q4", STARTS),
                fee_step(fees, "2026-OCT", STARTS),
            ],
        )
        async with open_database(url) as database:
            yield database


@pytest.fixture
async def services(filled: Database, redis_url: str) -> AsyncIterator[Services]:
    """The real parts on that database, in place of the whole catalogue."""
    async with services_on(filled, redis_url) as parts:
        yield parts


AskAs = Callable[[str], Ask]


def nodes(connection: Any) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


CHECKS = """
__typename
... on PairChecks { pairs { totalCount pageInfo { hasNextPage } edges { node {
  firstRequested secondRequested status reason first { displayValue } second { displayValue }
  edits { columnOne { displayValue } columnTwo { displayValue } modifier setting rationale }
  release { label kind isStale }
} } } }
... on InvalidInput { message fields { path rule } }
... on Forbidden { requiredScope }
"""


async def test_pairs_of_a_list_are_answered_with_columns_and_release(ask_as: AskAs) -> None:
    data = await ask_as(PARTNER)(
        """{pairEdits(codes: [{system: CPT, value: "20000"}, {system: HCPCS, value: "g0101"},
        {system: HCPCS, value: "G0101"}, {system: HCPCS, value: "no code"}]) {"""
        + CHECKS
        + "}}"
    )

    first, unknown, other = nodes(data["pairEdits"]["pairs"])
    assert first == {
        "firstRequested": "20000",
        "secondRequested": "g0101",
        "status": "APPLIES",
        "reason": "2026Q4 pays G0101 and denies 20000; a modifier lifts that where the record "
        "supports it.",
        "first": {"displayValue": "20000"},
        "second": {"displayValue": "G0101"},
        "edits": [
            {
                "columnOne": {"displayValue": "G0101"},
                "columnTwo": {"displayValue": "20000"},
                "modifier": "ALLOWED",
                "setting": "PRACTITIONER",
                "rationale": "Denied",
            }
        ],
        "release": {"label": "2026Q4", "kind": "NCCI_PTP_PRACTITIONER", "isStale": False},
    }
    assert [check["status"] for check in (unknown, other)] == ["UNKNOWN_CODE", "UNKNOWN_CODE"]
    assert unknown["secondRequested"] == "no code"


async def test_the_day_of_service_and_the_setting_decide(ask_as: AskAs) -> None:
    codes = '[{system: HCPCS, value: "G0101"}, {system: CPT, value: "20000"}]'
    data = await ask_as(PARTNER)(
        f"""{{
        before: pairEdits(codes: {codes}, dateOfService: "2026-09-30") {{ {CHECKS} }}
        hospital: pairEdits(codes: {codes}, setting: OUTPATIENT_HOSPITAL) {{ {CHECKS} }}
        later: pairEdits(codes: {codes}, dateOfService: "2027-01-01") {{ {CHECKS} }}
        }}"""
    )

    told = {name: nodes(answer["pairs"])[0] for name, answer in data.items()}
    assert {name: check["status"] for name, check in told.items()} == {
        "before": "NOT_LOADED",
        "hospital": "NOT_LOADED",
        "later": "APPLIES",
    }
    assert told["before"]["release"] is None
    assert told["later"]["release"]["isStale"]


async def test_the_longest_list_is_answered_in_parts(ask_as: AskAs) -> None:
    codes = ", ".join(f'{{system: CPT, value: "{20_000 + n}"}}' for n in range(25))

    data = await ask_as(PARTNER)(f"{{pairEdits(codes: [{codes}]) {{ {CHECKS} }}}}")

    pairs = data["pairEdits"]["pairs"]
    assert (pairs["totalCount"], len(pairs["edges"])) == (300, 20)
    assert pairs["pageInfo"] == {"hasNextPage": True}
    assert {node["status"] for node in nodes(pairs)} == {"NO_EDIT_IN_RELEASE"}


async def test_a_list_of_pairs_is_bounded(ask_as: AskAs) -> None:
    codes = ", ".join(f'{{system: CPT, value: "{20_000 + n}"}}' for n in range(26))

    data = await ask_as(PARTNER)(f"{{pairEdits(codes: [{codes}]) {{ {CHECKS} }}}}")

    assert data["pairEdits"] == {
        "__typename": "InvalidInput",
        "message": "codes has 26 items; at most 25 are answered at once.",
        "fields": [{"path": ["codes"], "rule": "TOO_MANY"}],
    }


async def test_a_day_that_nobody_can_mean_is_invalid(ask_as: AskAs) -> None:
    data = await ask_as(PARTNER)(
        f'{{pairEdits(codes: [], dateOfService: "0001-01-01") {{ {CHECKS} }}}}'
    )

    assert data["pairEdits"]["fields"] == [{"path": ["dateOfService"], "rule": "DATE_RANGE"}]


@pytest.mark.parametrize(
    "asked",
    [
        "pairEdits(codes: [])",
        "unitLimits(codes: [])",
        "addOns(codes: [])",
        "fees(services: [])",
        "feeLocalities",
    ],
)
async def test_readers_of_pages_are_sent_to_the_page(asked: str, ask_as: AskAs) -> None:
    data = await ask_as(GUEST)(
        f"{{answer: {asked} {{__typename ... on Forbidden {{message upgrade {{action}}}}}}}}"
    )

    assert data["answer"]["__typename"] == "Forbidden"
    assert "stands in the sections of its page" in data["answer"]["message"]


async def test_limits_of_units_are_answered_one_for_each_code(ask_as: AskAs) -> None:
    data = await ask_as(PARTNER)(
        """{unitLimits(codes: [{system: HCPCS, value: "G0101"}, {system: HCPCS, value: "G0102"},
        {system: ICD10CM, value: "I10"}]) { ... on UnitChecks {
        items { requested status limits { unitsPerDay setting adjudication } } } } }"""
    )

    assert data["unitLimits"]["items"] == [
        {
            "requested": "G0101",
            "status": "APPLIES",
            "limits": [
                {
                    "unitsPerDay": 1,
                    "setting": "Practitioner services",
                    "adjudication": "DATE_OF_SERVICE_POLICY",
                }
            ],
        },
        {"requested": "G0102", "status": "NO_EDIT_IN_RELEASE", "limits": []},
        {"requested": "I10", "status": "NOT_APPLICABLE", "limits": []},
    ]


async def test_add_on_codes_are_answered_part_by_part(ask_as: AskAs) -> None:
    asked = """query {addOns(codes: [{system: HCPCS, value: "G0101"}, {system: CPT, value: "1"}]) {
    ... on AddOnChecks { items { status
    rules(first: 2, after: %s) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { addOn { value } primary { value } type } } } } } } }"""
    ask = ask_as(PARTNER)

    data = await ask(asked % "null")

    known, unknown = data["addOns"]["items"]
    assert (known["status"], known["rules"]["totalCount"]) == ("APPLIES", 61)
    assert nodes(known["rules"])[0] == {
        "addOn": {"value": "G0101"},
        "primary": {"value": "20000"},
        "type": "LISTED_AND_CONTRACTOR_DEFINED",
    }
    assert (unknown["status"], unknown["rules"]["totalCount"]) == ("UNKNOWN_CODE", 0)
    after = known["rules"]["pageInfo"]["endCursor"]
    [further, _] = (await ask(asked % f'"{after}"'))["addOns"]["items"]
    assert [rule["primary"]["value"] for rule in nodes(further["rules"])] == ["20002", "20003"]


async def test_fees_come_with_their_formula_or_a_reason(ask_as: AskAs) -> None:
    data = await ask_as(PARTNER)(
        """{fees(services: [{system: HCPCS, value: "G0101"},
        {system: HCPCS, value: "G0101", modifier: "tc"}, {system: CPT, value: "20000"}],
        localities: [{number: "00", mac: "10112"}, {number: "1", mac: "\\u0000"}]) {
        ... on FeeAnswers { items { requested modifier values { status work }
        fees { locality { name workGpci } fee { status reason amount formula {
        work workGpci practiceExpense practiceExpenseGpci malpractice malpracticeGpci
        conversionFactor basis unrounded text } } } } } } }"""
    )

    priced, contractor, anesthesia = data["fees"]["items"]
    here, nowhere = priced["fees"]
    assert here["locality"] == {"name": "ALABAMA", "workGpci": "1.000"}
    assert here["fee"] == {
        "status": "PRICED",
        "reason": "(0.45 x 1.000 + 0.66 x 0.869 + 0.06 x 0.575) x 32.3465 = 34.22",
        "amount": "34.22",
        "formula": {
            "work": "0.45",
            "workGpci": "1.000",
            "practiceExpense": "0.66",
            "practiceExpenseGpci": "0.869",
            "malpractice": "0.06",
            "malpracticeGpci": "0.575",
            "conversionFactor": "32.3465",
            "basis": "FEE_SCHEDULE",
            "unrounded": "34.223890860",
            "text": "(0.45 x 1.000 + 0.66 x 0.869 + 0.06 x 0.575) x 32.3465",
        },
    }
    assert (nowhere["fee"]["status"], nowhere["locality"]) == ("UNKNOWN_LOCALITY", None)
    assert (contractor["modifier"], contractor["fees"][0]["fee"]["status"]) == (
        "tc",
        "CONTRACTOR_PRICED",
    )
    assert [answer["fee"]["status"] for answer in anesthesia["fees"]] == [
        "ANESTHESIA",
        "UNKNOWN_LOCALITY",
    ]


async def test_localities_are_listed(ask_as: AskAs) -> None:
    data = await ask_as(PARTNER)(
        """{feeLocalities(state: "al") { ... on FeeLocalities {
        release { label } items { mac number state peGpci anesthesiaConversionFactor } } }
        none: feeLocalities(state: "Alabama") { ... on FeeLocalities { items { mac } } } }"""
    )

    assert data["feeLocalities"] == {
        "release": {"label": "2026-OCT"},
        "items": [
            {
                "mac": "10112",
                "number": "00",
                "state": "AL",
                "peGpci": "0.869",
                "anesthesiaConversionFactor": None,
            }
        ],
    }
    assert data["none"] == {"items": []}


PAGE = """
{ codePage(ref: {key: {system: HCPCS, value: "%s"}}, asOf: %s) { ... on CodePage { sections {
  __typename kind
  ... on LockedSection { itemCount summary }
  ... on EmptySection { state explanation }
  ... on OpenSection { content {
    ... on CodeEditsContent {
      pairs(first: 70, after: %s) {
        totalCount pageInfo { hasNextPage endCursor }
        edges { node { columnOne { value } columnTwo { value } } }
      }
      addOns(first: 100) { totalCount edges { node { addOn { value } primary { value } } } }
      unitLimits { unitsPerDay adjudication }
      releases { kind label source isStale staleReason }
    }
    ... on CoverageAndPaymentContent { relativeValues {
      values { modifier status globalDays } nonFacilityFee { amount status }
      facilityFee { amount status }
    } releases { kind label isStale staleReason } }
  } }
} } } }
"""


async def section(
    ask: Ask, kind: str, code: str = "G0101", after: str | None = None, on: str | None = None
) -> Any:
    """One section of the page of a code, as of a day or today."""
    data = await ask(PAGE % (code, json.dumps(on), json.dumps(after)))
    return next(found for found in data["codePage"]["sections"] if found["kind"] == kind)


async def test_a_page_shows_the_first_edits_and_reads_further_ones(ask_as: AskAs) -> None:
    ask = ask_as(PARTNER)

    first = (await section(ask, "CODE_EDITS"))["content"]

    pairs = first["pairs"]
    assert pairs["totalCount"] == 120
    shown = nodes(pairs)
    assert [edit["columnTwo"]["value"] for edit in shown[:60]] == DENIED
    assert [edit["columnOne"]["value"] for edit in shown[60:]] == PAYING[:10]
    after = pairs["pageInfo"]["endCursor"]
    rest = (await section(ask, "CODE_EDITS", after=after))["content"]["pairs"]
    assert [edit["columnOne"]["value"] for edit in nodes(rest)] == PAYING[10:]
    assert not rest["pageInfo"]["hasNextPage"]
    assert first["unitLimits"] == [{"unitsPerDay": 1, "adjudication": "DATE_OF_SERVICE_POLICY"}]


async def test_a_page_shows_add_on_codes_both_ways(ask_as: AskAs) -> None:
    content = (await section(ask_as(PARTNER), "CODE_EDITS"))["content"]

    rules = nodes(content["addOns"])
    assert content["addOns"]["totalCount"] == 61
    assert [rule["primary"]["value"] for rule in rules[:60]] == DENIED
    assert rules[60] == {"addOn": {"value": "G0102"}, "primary": {"value": "G0101"}}


async def test_a_page_shows_relative_values_with_the_nations_fees(ask_as: AskAs) -> None:
    content = (await section(ask_as(PARTNER), "COVERAGE_AND_PAYMENT"))["content"]

    assert content["relativeValues"] == [
        {
            "values": {"modifier": None, "status": "A", "globalDays": "ZZZ"},
            "nonFacilityFee": {"amount": "37.85", "status": "PRICED"},
            "facilityFee": {"amount": "26.20", "status": "PRICED"},
        },
        {
            "values": {"modifier": "TC", "status": "C", "globalDays": "ZZZ"},
            "nonFacilityFee": {"amount": None, "status": "CONTRACTOR_PRICED"},
            "facilityFee": {"amount": None, "status": "CONTRACTOR_PRICED"},
        },
    ]


async def test_a_page_says_which_editions_its_edits_and_fees_are_of_and_whether_they_are_stale(
    ask_as: AskAs,
) -> None:
    ask = ask_as(PARTNER)

    edits = (await section(ask, "CODE_EDITS"))["content"]["releases"]
    payment = (await section(ask, "COVERAGE_AND_PAYMENT"))["content"]["releases"]
    later = (await section(ask, "COVERAGE_AND_PAYMENT", on="2027-02-01"))["content"]["releases"]

    assert [(one["kind"], one["label"], one["isStale"]) for one in edits] == [
        ("ADD_ON", "2026Q4", False),
        ("MUE_PRACTITIONER", "2026Q4", False),
        ("NCCI_PTP_PRACTITIONER", "2026Q4", False),
    ]
    assert payment == [
        {
            "kind": "PHYSICIAN_FEE_SCHEDULE",
            "label": "2026-OCT",
            "isStale": False,
            "staleReason": None,
        }
    ]
    assert [one["staleReason"] for one in later] == [
        "2027-JAN, in force since 2027-01-01, is not loaded; this is 2026-OCT."
    ]


async def test_a_locked_section_counts_every_rule_and_value(ask_as: AskAs) -> None:
    ask = ask_as(GUEST)

    edits = await section(ask, "CODE_EDITS")
    payment = await section(ask, "COVERAGE_AND_PAYMENT")

    assert (edits["itemCount"], edits["summary"]) == (182, "182 code edit rules.")
    assert (payment["itemCount"], payment["summary"]) == (2, "2 values.")


async def test_a_code_without_edits_or_fees_is_told_which_releases_have_none(
    ask_as: AskAs,
) -> None:
    ask = ask_as(PARTNER)

    edits = await section(ask, "CODE_EDITS", "G0109")
    payment = await section(ask, "COVERAGE_AND_PAYMENT", "G0109")

    assert (edits["state"], edits["explanation"]) == (
        "NONE",
        "G0109 has no code edits in 2026Q4.",
    )
    assert (payment["state"], payment["explanation"]) == (
        "NONE",
        "G0109 has no coverage and payment data in 2026-OCT.",
    )
