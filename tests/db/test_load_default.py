"""The default load, against the very files it reads and against the official ones beside us."""

import os
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from db.load import load_default
from db.load.rows import search_text
from db.load.source import package_folder
from db.pool import Database
from schema.codes import CodeKind

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def official_order() -> dict[str, tuple[bool, str]]:
    """Billable flag and long title of each code of the official ICD-10-CM order file."""
    folder = Path(os.environ.get("CODESTILE_OFFICIAL_FILES", ROOT.parent / "shared" / "data"))
    archive = folder / "icd10cm-code-descriptions-2026.zip"
    if not archive.exists():
        pytest.skip("the official ICD-10-CM files are not here; set CODESTILE_OFFICIAL_FILES")
    text = zipfile.ZipFile(archive).read("icd10cm-order-2026.txt").decode("ascii")
    lines = text.splitlines()
    return {line[6:13].rstrip(): (line[14] == "1", line[77:].rstrip()) for line in lines}


async def test_every_system_holds_exactly_the_codes_of_its_release(catalogue: Database) -> None:
    rows = await catalogue.fetch(
        "SELECT c.system, v.kind, v.is_billable, count(*) FROM code_version v"
        " JOIN code c ON c.id = v.code_id GROUP BY c.system, v.kind, v.is_billable"
    )

    counts = {tuple(row)[:3]: row["count"] for row in rows if row["system"] != "DEMO"}
    assert counts == {
        ("ICD10CM", "CHAPTER", False): 22,
        ("ICD10CM", "BLOCK", False): 297,
        ("ICD10CM", "HEADER", False): 23_467,
        ("ICD10CM", "CODE", True): 74_719,
        ("ICD10PCS", "CODE", True): 78_603,
        ("ICD9CM_DX", "CODE", True): 14_567,
        ("ICD9CM_PX", "CODE", True): 3_882,
    }


async def test_notes_are_those_that_a_plain_count_of_the_xml_finds(catalogue: Database) -> None:
    folder = package_folder("simple_icd_10_cm") / "data"
    xml = (folder / "icd10c-tabular-April-1-2026.xml").read_text(encoding="utf-8")
    counted: Counter[str] = Counter()
    for tag, body in re.findall(r"<(\w+)>((?:\s*<note>[^<]*</note>)+)\s*</\1>", xml):
        counted[tag] += body.count("<note>")

    rows = await catalogue.fetch(
        "SELECT n.kind, count(*) FROM code_note n JOIN code c ON c.id = n.code_id"
        " WHERE c.system = 'ICD10CM' GROUP BY n.kind"
    )

    assert {row["kind"]: row["count"] for row in rows} == {
        "INCLUSION_TERM": 12_574,
        "EXCLUDES1": 5_407,
        "EXCLUDES2": 2_520,
        "USE_ADDITIONAL": 1_485,
        "INCLUDES": 1_024,
        "CODE_FIRST": 809,
        "CODE_ALSO": 655,
        "NOTE": 180,
        "SEVENTH_CHARACTER_NOTE": 508,
        "SEVENTH_CHARACTER": xml.count("<extension char="),
    }
    assert counted["inclusionTerm"] == 12_574
    assert counted["excludes1"] == 5_407
    assert counted["excludes2"] == 2_520
    assert counted["useAdditionalCode"] == 1_485
    assert counted["includes"] == 1_024
    assert counted["codeFirst"] == 809
    assert counted["codeAlso"] == 655
    assert counted["notes"] == 180
    assert counted["sevenChrNote"] == 508


async def test_codes_titles_and_flags_equal_the_official_order_file(
    catalogue: Database, official_order: dict[str, tuple[bool, str]]
) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value, v.is_billable, v.title, v.search_text FROM code_version v"
        " JOIN code c ON c.id = v.code_id"
        " WHERE c.system = 'ICD10CM' AND v.kind IN ('HEADER', 'CODE')"
    )

    ours = {row["value"]: (row["is_billable"], row["search_text"]) for row in rows}
    assert len(ours) == 98_186
    assert ours == official_order
    assert all(search_text(row["title"]) == row["search_text"] for row in rows)


async def test_codes_come_in_tabular_order(
    catalogue: Database, official_order: dict[str, tuple[bool, str]]
) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value FROM code_version v JOIN code c ON c.id = v.code_id"
        " WHERE c.system = 'ICD10CM' AND v.kind IN ('HEADER', 'CODE') ORDER BY c.seq"
    )

    # C4A stands behind C49 in the tabular list, and before C50 in both.
    assert [row["value"] for row in rows] == list(official_order)


async def test_seventh_character_titles_use_the_extension_and_not_its_other_labels(
    catalogue: Database,
) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value, v.title FROM code c JOIN code_version v ON v.code_id = c.id"
        " WHERE c.system = 'ICD10CM' AND c.value = ANY ($1) ORDER BY c.value",
        ["H348112", "S52501B", "T360X1A"],
    )

    assert [tuple(row) for row in rows] == [
        ("H348112", "Central retinal vein occlusion, right eye, stable"),
        (
            "S52501B",
            "Unspecified fracture of the lower end of right radius, initial encounter for open"
            " fracture type I or II",
        ),
        (
            "T360X1A",
            "Poisoning by penicillins, accidental (unintentional), initial encounter",
        ),
    ]


async def test_accents_stay_in_titles_and_fold_in_search_text(catalogue: Database) -> None:
    row = await catalogue.fetch_one(
        "SELECT v.title, v.search_text FROM code c JOIN code_version v ON v.code_id = c.id"
        " WHERE c.system = 'ICD10CM' AND c.value = 'H8101'"
    )

    assert row is not None
    assert tuple(row) == ("Ménière's disease, right ear", "Meniere's disease, right ear")


async def test_both_maps_hold_every_row_and_name_codes_that_no_release_has(
    catalogue: Database,
) -> None:
    rows = await catalogue.fetch(
        "SELECT m.kind, m.label, m.row_count, count(*), count(*) FILTER (WHERE e.is_no_map)"
        " FROM map_release m JOIN edge e ON e.map_release_id = m.id"
        " WHERE m.kind LIKE 'GEM%' GROUP BY m.id ORDER BY m.id"
    )
    bare = await catalogue.fetch(
        "SELECT c.system, count(*) FROM code c"
        " WHERE NOT EXISTS (SELECT FROM code_version v WHERE v.code_id = c.id) GROUP BY c.system"
    )

    assert [tuple(row) for row in rows] == [
        ("GEM_I9_I10", "GEM-FY2013", 23_912, 23_912, 425),
        ("GEM_I10_I9", "GEM-FY2013", 78_838, 78_838, 669),
    ]
    assert [tuple(row) for row in bare] == [("ICD10CM", 612)]


async def test_loading_the_same_files_again_changes_nothing(catalogue_url: str) -> None:
    reports = await load_default(catalogue_url)

    assert [(report.release, report.skipped) for report in reports] == [
        ("ICD10CM FY2026-APR", True),
        ("ICD10PCS FY2024", True),
        ("ICD9CM_DX FY2015", True),
        ("ICD9CM_PX FY2015", True),
        ("GEM_I9_I10 GEM-FY2013", True),
        ("GEM_I10_I9 GEM-FY2013", True),
        ("DEMO DEMO-2026", True),
    ]
    assert {(r.added, r.changed, r.removed, r.rows) for r in reports} == {(0, 0, 0, 0)}


async def test_a_value_is_unique_in_its_system_because_blocks_are_ranges(
    catalogue: Database,
) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value, v.kind FROM code c JOIN code_version v ON v.code_id = c.id"
        " WHERE c.system = 'ICD10CM' AND c.value = ANY ($1) ORDER BY c.value",
        ["C50", "C50-C50", "CH02"],
    )

    assert [tuple(row) for row in rows] == [
        ("C50", CodeKind.HEADER),
        ("C50-C50", CodeKind.BLOCK),
        ("CH02", CodeKind.CHAPTER),
    ]
