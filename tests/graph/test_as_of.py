"""What the schema tells of a system in time: every read as of a day, and what changed between."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest

from db.embedded import StoreUrls
from db.load.listed import ICD10CM_ORDER
from db.load.map_writer import write_map
from db.load.rows import EdgeRow
from db.load.source import CodeMap, Edition, SourceFile
from db.load.transaction import load
from db.pool import Database, open_database
from graph import ids
from graph.context import Services
from schema.codes import CodeSystemKey
from schema.crosswalks import Relationship
from tests.conftest import _copied
from tests.graph.conftest import services_on
from tests.official.editions import NEW, load_list, load_tabular, zipped

CM = CodeSystemKey.ICD10CM
THEN, NOW = "2025-09-30", "2025-10-01"
LATER = datetime(2026, 11, 23, 12, tzinfo=UTC)
STALE = "FY2027, in force since 2026-10-01, is not loaded; this is FY2026."


async def _load_map(url: str, label: str, starts: date, target: str) -> None:
    code_map = CodeMap("GEM_I9_I10", "CROSSWALK", CodeSystemKey.ICD9CM_DX, CM)
    file = SourceFile("gem.txt", label.encode())
    edition = Edition(code_map, label, starts, "nobody", "generated", (file,))
    rows = [EdgeRow("0010", target, Relationship.EQUIVALENT)]
    await load(url, [partial(write_map, edition=edition, read=lambda: rows)])


@pytest.fixture(scope="module")
async def two_editions(
    stores: StoreUrls, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """FY2025-APR with its tabular list, FY2026 by its order file, and a map in two editions."""
    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        await load_tabular(url)
        folder = tmp_path_factory.mktemp("official")
        await load_list(url, ICD10CM_ORDER, zipped(folder, 2026, NEW))
        await _load_map(url, "GEM-1", date(2025, 4, 1), "A001")
        await _load_map(url, "GEM-2", date(2025, 10, 1), "A002")
        async with open_database(url) as database:
            yield database


@pytest.fixture
async def services(two_editions: Database, redis_url: str) -> AsyncIterator[Services]:
    """The parts that `ask_as` asks, on that database and a day in 2026."""
    async with services_on(two_editions, redis_url, lambda: LATER) as parts:
        yield parts


FACTS = """{ ... on Code { title status isBillable whyNotBillable release { label notesOf }
  isStale staleReason } ... on InvalidInput { message fields { rule } } }"""


def _ref(value: str) -> str:
    return f'{{key: {{system: ICD10CM, value: "{value}"}}}}'


async def test_a_code_is_told_as_of_a_day_of_either_edition(ask_as: Any) -> None:
    guest = ask_as("GUEST")

    data = await guest(
        f"""{{ then: code(ref: {_ref("A09")}, asOf: "{THEN}") {FACTS}
               now: code(ref: {_ref("A09")}, asOf: "{NOW}") {FACTS}
               today: code(ref: {_ref("A09")}) {FACTS}
               before: code(ref: {_ref("A09")}, asOf: "2025-03-31") {FACTS} }}"""
    )

    is_header = "A09 is a header: choose one of the codes below it."
    assert data["then"] == {
        "title": "Murrain",
        "status": "ACTIVE",
        "isBillable": True,
        "whyNotBillable": None,
        "release": {"label": "FY2025-APR", "notesOf": "FY2025-APR"},
        "isStale": False,
        "staleReason": None,
    }
    assert data["now"] == {
        **data["then"],
        "isBillable": False,
        "whyNotBillable": is_header,
        "release": {"label": "FY2026", "notesOf": "FY2025-APR"},
    }
    assert data["today"] == {**data["now"], "isStale": True, "staleReason": STALE}
    assert data["before"] == {
        "message": "No release of ICD-10-CM that had begun by 2025-03-31 is loaded.",
        "fields": [{"rule": "NOT_LOADED"}],
    }


async def test_codes_of_a_batch_are_told_as_of_a_day(ask_as: Any) -> None:
    guest = ask_as("GUEST")
    refs = ", ".join(_ref(value) for value in ("A000", "A001", "A002"))
    query = """{ codes(refs: [%s], asOf: "%s") { result { ... on Code { title status } } } }"""

    then = await guest(query % (refs, THEN))
    now = await guest(query % (refs, NOW))

    assert [tuple(item["result"].values()) for item in then["codes"]] == [
        ("Shaking ague", "ACTIVE"),
        ("Dumb ague", "ACTIVE"),
        ("Quartan ague", "FUTURE"),
    ]
    assert [tuple(item["result"].values()) for item in now["codes"]] == [
        ("Shaking ague, all kinds", "ACTIVE"),
        ("Dumb ague", "INACTIVE"),
        ("Quartan ague", "ACTIVE"),
    ]


async def test_the_tree_is_told_as_of_a_day(ask_as: Any) -> None:
    guest = ask_as("GUEST")
    query = """{ code(ref: %s, asOf: "%s") { ... on Code { breadcrumb { displayValue }
      children { totalCount edges { node { displayValue } } } } } }"""

    then = (await guest(query % (_ref("A00"), THEN)))["code"]
    now = (await guest(query % (_ref("A00"), NOW)))["code"]
    new = (await guest(query % (_ref("A05"), NOW)))["code"]

    def below(code: Any) -> list[str]:
        return [edge["node"]["displayValue"] for edge in code["children"]["edges"]]

    assert below(then) == ["A00.0", "A00.1"]
    assert below(now) == ["A00.0", "A00.2"]
    above = [{"displayValue": "CH01"}, {"displayValue": "A00-A09"}]
    assert then["breadcrumb"] == now["breadcrumb"] == new["breadcrumb"] == above


async def test_crosswalks_are_told_as_of_a_day(ask_as: Any) -> None:
    partner = ask_as("PARTNER")
    query = """{ crosswalks(sources: [{system: ICD9CM_DX, value: "001.0"}], asOf: "%s") {
      ... on Translations { items { status mapRelease { label } isStale staleReason
        crosswalks { edges { node { target { displayValue } } } } } } } }"""

    then = await partner(query % THEN)
    now = await partner(query % NOW)
    before = await partner(query % "2025-03-31")

    assert [_mapped(data) for data in (then, now)] == [
        ("GEM-1", ["A00.1"]),
        ("GEM-2", ["A00.2"]),
    ]
    assert [item["status"] for item in before["crosswalks"]["items"]] == ["NOT_LOADED"]


def _mapped(data: Any) -> tuple[str, list[str]]:
    (item,) = data["crosswalks"]["items"]
    edges = item["crosswalks"]["edges"]
    return item["mapRelease"]["label"], [edge["node"]["target"]["displayValue"] for edge in edges]


PAGE = """{ codePage(ref: %s, asOf: "%s") { ... on CodePage { sections {
  ... on OpenSection { kind introduction { text } content {
    ... on NotesContent { notes { text } }
    ... on HistoryContent { entries { change releaseLabel effectiveFrom effectiveTo title
      isBillable } } } }
  ... on EmptySection { kind state explanation } } } } }"""


async def _sections(reader: Any, value: str, on: str) -> dict[str, Any]:
    page = (await reader(PAGE % (_ref(value), on)))["codePage"]
    return {section["kind"]: section for section in page["sections"] if section}


async def test_the_notes_of_a_page_are_told_as_of_a_day_and_whose_they_are(ask_as: Any) -> None:
    reader = ask_as("REGISTERED")

    then = (await _sections(reader, "A000", THEN))["GUIDELINES"]
    now = (await _sections(reader, "A000", NOW))["GUIDELINES"]
    new = (await _sections(reader, "A090", NOW))["GUIDELINES"]

    assert (then["introduction"], then["content"]["notes"]) == (None, [{"text": "chill (B10)"}])
    assert now["content"] == then["content"]
    assert now["introduction"] == {
        "text": "The notes of FY2026 are not loaded here; these are those of FY2025-APR."
    }
    assert (new["state"], new["explanation"]) == (
        "NOT_LOADED",
        "The notes of FY2026 on A09.0 are not loaded here; those of FY2025-APR have none for it.",
    )


async def test_the_history_of_a_page_tells_first_release_titles_and_end(ask_as: Any) -> None:
    reader = ask_as("REGISTERED")

    entries = [
        (await _sections(reader, value, NOW))["HISTORY"]["content"]["entries"]
        for value in ("A000", "A001", "A002", "B10")
    ]

    def told(change: str, label: str, *rest: object) -> dict[str, object]:
        names = ("effectiveFrom", "effectiveTo", "title", "isBillable")
        return {"change": change, "releaseLabel": label, **dict(zip(names, rest, strict=True))}

    first = ("FIRST_LOADED", "FY2025-APR", "2025-04-01")
    assert entries == [
        [
            told("REVISED", "FY2026", NOW, None, "Shaking ague, all kinds", True),
            told(*first, THEN, "Shaking ague", True),
        ],
        [
            told("ENDED", "FY2026", NOW, None, None, None),
            told(*first, THEN, "Dumb ague", True),
        ],
        [told("ADDED", "FY2026", NOW, None, "Quartan ague", True)],
        [told(*first, None, "Ménière's falling", True)],
    ]


CHANGED = """{ changes(system: ICD10CM, %s) { __typename ... on InvalidInput { problemCode message }
  ... on CodeChanges { releaseBefore { label } releaseAfter { label } isStale staleReason
    counts { added ended revised billableAdded billableEnded billableRetitled }
    changes { totalCount pageInfo { hasNextPage endCursor } edges { node { kind effectiveOn
      code { displayValue status } before { title isBillable kind parent }
      after { title isBillable kind parent } } } } } } }"""


async def test_changes_tell_what_the_newer_edition_did(ask_as: Any) -> None:
    partner = ask_as("PARTNER")

    found = (await partner(CHANGED % f'from: "{THEN}", to: "{NOW}"'))["changes"]

    assert (found["releaseBefore"], found["releaseAfter"]) == (
        {"label": "FY2025-APR"},
        {"label": "FY2026"},
    )
    assert (found["isStale"], found["staleReason"]) == (False, None)
    assert found["counts"] == {
        "added": 3,
        "ended": 1,
        "revised": 2,
        "billableAdded": 3,
        "billableEnded": 2,
        "billableRetitled": 1,
    }
    assert found["changes"]["totalCount"] == 6
    nodes = [edge["node"] for edge in found["changes"]["edges"]]
    assert {node["effectiveOn"] for node in nodes} == {NOW}
    assert sorted((node["code"]["displayValue"], node["kind"]) for node in nodes) == [
        ("A00.0", "REVISED"),
        ("A00.1", "ENDED"),
        ("A00.2", "ADDED"),
        ("A05", "ADDED"),
        ("A09", "REVISED"),
        ("A09.0", "ADDED"),
    ]
    by_code = {node["code"]["displayValue"]: node for node in nodes}
    murrain = {"title": "Murrain", "isBillable": True, "kind": "CODE", "parent": "A00-A09"}
    assert by_code["A09"]["before"] == murrain
    assert by_code["A09"]["after"] == {**murrain, "isBillable": False, "kind": "HEADER"}
    assert by_code["A00.1"]["after"] is None
    assert by_code["A00.1"]["code"]["status"] == "INACTIVE"
    assert by_code["A09.0"]["before"] is None
    assert by_code["A09.0"]["after"]["parent"] == "A09"


async def test_changes_until_today_say_which_edition_is_missing(ask_as: Any) -> None:
    staff = ask_as("STAFF")

    found = (await staff(CHANGED % f'from: "{NOW}"'))["changes"]

    assert (found["isStale"], found["staleReason"]) == (True, STALE)
    assert found["changes"] == {
        "totalCount": 0,
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "edges": [],
    }


async def test_changes_come_in_parts_of_one_order(ask_as: Any) -> None:
    partner = ask_as("PARTNER")
    span = f'from: "2025-04-01", to: "{NOW}"'
    whole = (await partner(CHANGED % f"{span}, first: 100"))["changes"]["changes"]

    parts: list[Any] = []
    after, has_more = "null", True
    while has_more:
        asked = CHANGED % f"{span}, first: 4, after: {after}"
        part = (await partner(asked))["changes"]["changes"]
        parts.append([edge["node"] for edge in part["edges"]])
        has_more = part["pageInfo"]["hasNextPage"]
        after = f'"{part["pageInfo"]["endCursor"]}"'

    assert [len(part) for part in parts] == [4, 2]
    assert [*parts[0], *parts[1]] == [edge["node"] for edge in whole["edges"]]


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (
            f'from: "{NOW}", to: "{THEN}"',
            "INVALID_INPUT",
            "from, 2025-10-01, is after to, 2025-09-30.",
        ),
        (
            'from: "2025-03-31"',
            "NOT_LOADED",
            "No release of ICD-10-CM that had begun by 2025-03-31 is loaded.",
        ),
        (
            'from: "1825-03-31", to: "2825-03-31"',
            "INVALID_INPUT",
            "from must be from 1900-01-01 to 2199-12-31, not 1825-03-31. "
            "to must be from 1900-01-01 to 2199-12-31, not 2825-03-31.",
        ),
    ],
)
async def test_a_time_that_cannot_be_told_is_refused_as_data(
    ask_as: Any, asked: str, code: str, message: str
) -> None:
    partner = ask_as("PARTNER")

    found = (await partner(CHANGED % asked))["changes"]

    assert found == {"__typename": "InvalidInput", "problemCode": code, "message": message}


@pytest.mark.parametrize(
    "cursor",
    [
        ids.encode_cursor(3),
        ids.encode("change", "2025-10-01:x:1"),
        ids.encode("change", "2025-13-01:1:1"),
        ids.encode("change", f"2025-10-01:{2**31}:1"),
        ids.encode("change", f"2025-10-01:1:-{2**31 + 1}"),
        ids.encode("change", "2025-10-01:-1:1"),
        "nonsense",
    ],
)
async def test_a_cursor_of_another_list_is_refused(ask_as: Any, cursor: str) -> None:
    partner = ask_as("PARTNER")

    with pytest.raises(AssertionError, match="after is not a cursor of this list"):
        await partner(CHANGED % f'from: "{THEN}", after: "{cursor}"')


@pytest.mark.parametrize("kind", ["GUEST", "REGISTERED"])
async def test_changes_are_for_partners_subscribers_and_staff(ask_as: Any, kind: str) -> None:
    reader = ask_as(kind)

    found = await reader(CHANGED % f'from: "{THEN}"')

    assert found == {"changes": {"__typename": "Forbidden"}}


async def test_holdings_tell_systems_and_maps_with_what_is_missing_of_them(ask_as: Any) -> None:
    guest = ask_as("GUEST")

    data = await guest(
        "{ holdings { subject label effectiveFrom rowCount missingRelease { label effectiveFrom }"
        " sourcePage } }"
    )

    by_subject = {held["subject"]: held for held in data["holdings"]}
    assert by_subject["ICD10CM"] == {
        "subject": "ICD10CM",
        "label": "FY2026",
        "effectiveFrom": NOW,
        "rowCount": 4 + len(NEW),
        "missingRelease": {"label": "FY2027", "effectiveFrom": "2026-10-01"},
        "sourcePage": "https://www.cdc.gov/nchs/icd/icd-10-cm/files.html",
    }
    gem = by_subject["GEM_I9_I10"]
    assert (gem["label"], gem["rowCount"], gem["missingRelease"]) == ("GEM-2", 1, None)
    absent = by_subject["GEM_I10_I9"]
    assert (absent["label"], absent["missingRelease"]["label"]) == (None, "GEM-FY2018")


async def test_holdings_are_told_as_of_a_day(ask_as: Any) -> None:
    guest = ask_as("GUEST")
    asked = "{ holdings(asOf: %s) { subject label rowCount missingRelease { label } } }"

    told = [(await guest(asked % f'"{day}"'))["holdings"] for day in ("2020-01-01", THEN, NOW)]

    editions = []
    for holdings in told:
        (held,) = [held for held in holdings if held["subject"] == "ICD10CM"]
        editions.append((held["label"], held["missingRelease"]))
    assert editions == [
        (None, {"label": "FY2020"}),
        ("FY2025-APR", None),
        ("FY2026", None),
    ]


async def test_no_holdings_are_told_as_of_a_day_that_cannot_be(ask_as: Any) -> None:
    guest = ask_as("GUEST")

    with pytest.raises(AssertionError, match="asOf must be from 1900-01-01 to 2199-12-31"):
        await guest('{ holdings(asOf: "1066-10-14") { subject } }')


async def test_code_systems_tell_which_edition_is_missing_and_where_to_get_it(
    ask_as: Any,
) -> None:
    guest = ask_as("GUEST")

    systems = (
        await guest(
            "{ codeSystems { key isStale staleReason missingRelease { label effectiveFrom }"
            " sourcePage releases { edges { node { label notesOf } } } } }"
        )
    )["codeSystems"]

    by_key = {system.pop("key"): system for system in systems}
    missing = {"label": "FY2027", "effectiveFrom": "2026-10-01"}
    assert by_key["ICD10CM"] == {
        "isStale": True,
        "staleReason": STALE,
        "missingRelease": missing,
        "sourcePage": "https://www.cdc.gov/nchs/icd/icd-10-cm/files.html",
        "releases": {
            "edges": [
                {"node": {"label": "FY2026", "notesOf": "FY2025-APR"}},
                {"node": {"label": "FY2025-APR", "notesOf": "FY2025-APR"}},
            ]
        },
    }
    # Nothing of it is loaded, which is no staleness, but an edition is missing all the same.
    assert by_key["ICD10PCS"] == {
        "isStale": False,
        "staleReason": None,
        "missingRelease": missing,
        "sourcePage": "https://www.cms.gov/medicare/coding-billing/icd-10-codes",
        "releases": {"edges": []},
    }
    assert (by_key["DEMO"]["missingRelease"], by_key["DEMO"]["sourcePage"]) == (None, None)
