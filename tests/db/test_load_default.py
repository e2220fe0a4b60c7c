"""The default load, against the very files it reads and against the official ones beside us."""

import os
import re
import zipfile
from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from db.load import demo, load_default
from db.load.demo import write_demo
from db.load.map_writer import write_map
from db.load.rows import CodeRow, EdgeRow, search_text
from db.load.source import CodeMap, Edition, SourceFile, Subject, package_folder
from db.load.transaction import load
from db.load.writer import write_codes
from db.pool import Database
from schema.codes import CodeKind, CodeSystemKey
from schema.errors import ReleaseStands

ROOT = Path(__file__).parents[2]
GEM_I10_I9 = CodeMap("GEM_I10_I9", "CROSSWALK", CodeSystemKey.ICD10CM, CodeSystemKey.ICD9CM_DX)
DEMO_MODIFIER = CodeMap("DEMO_MODIFIER", "MODIFIER", CodeSystemKey.DEMO, CodeSystemKey.DEMO)


def _edition(subject: Subject, label: str, starts: date) -> Edition[Subject]:
    file = SourceFile("operator.txt", f"{subject} of an operator".encode())
    return Edition(subject, label, starts, "an operator", "generated", (file,))


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
        ("HCC", "CODE", False): 783,
        ("MDC", "CODE", False): 25,
        ("MSDRG", "HEADER", False): 256,
        ("MSDRG", "CODE", False): 772,
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
        "SEVENTH_CHARACTER": 1_790,
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
    assert xml.count("<extension char=") == 1_790


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


async def test_both_maps_hold_every_row_and_codes_are_named_that_no_release_has(
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
    # Diagnoses and procedures of other years than the releases here, and classes without titles.
    assert dict(map(tuple, bare)) == {"ICD10CM": 613, "ICD10PCS": 577, "CCSR": 515}


async def test_loading_the_same_files_again_changes_nothing(catalogue_url: str) -> None:
    reports = await load_default(catalogue_url)

    assert [report.release for report in reports] == [
        "ICD10CM FY2026-APR",
        "ICD10PCS FY2024",
        "ICD9CM_DX FY2015",
        "ICD9CM_PX FY2015",
        "GEM_I9_I10 GEM-FY2013",
        "GEM_I10_I9 GEM-FY2013",
        "HCC PY2026",
        "HCC_DX PY2026",
        "HCC_HIERARCHY PY2026",
        "CCSR_DX v2023.1",
        "CHRONIC v2023.1",
        "MDC v43.1",
        "MSDRG v43.1",
        "MDC_DX v43.1",
        "MSDRG_DX v43.1",
        "MSDRG_PX v43.1",
        "MDC_MSDRG v43.1",
        "SEVERITY v43.1",
        "DEMO DEMO-2025",
        "DEMO DEMO-2026",
        "DEMO_MODIFIER DEMO-2026",
        "DEMO_ICD10CM DEMO-2026",
        "DEMO_EDIT DEMO-2026",
        "DEMO_FEE DEMO-2026",
        "DEMO texts",
    ]
    assert {report.skipped_because for report in reports} == {"loaded already"}
    assert {(r.added, r.changed, r.removed) for r in reports} == {(0, 0, 0)}


async def test_a_release_that_is_loaded_already_tells_how_much_it_holds(
    catalogue_url: str, database_url: str
) -> None:
    again = await load_default(catalogue_url)
    first = await load(database_url, [write_demo])

    assert [report.rows for report in again] == [
        *(98_505, 78_603, 14_567, 3_882, 23_912, 78_838),
        *(783, 55_297, 734, 74_549, 74_549),
        *(25, 1_028, 77_086, 79_716, 159_898, 747, 18_391),
        *(21, 21, 7, 10, 4, 23, 23),
    ]
    assert [report.rows for report in first] == [report.rows for report in again[18:]]


async def test_every_release_counts_its_codes(catalogue: Database) -> None:
    rows = await catalogue.fetch("SELECT system, label, code_count FROM code_release ORDER BY id")

    assert [tuple(row) for row in rows] == [
        ("ICD10CM", "FY2026-APR", 98_505),
        ("ICD10PCS", "FY2024", 78_603),
        ("ICD9CM_DX", "FY2015", 14_567),
        ("ICD9CM_PX", "FY2015", 3_882),
        ("HCC", "PY2026", 783),
        ("MDC", "v43.1", 25),
        ("MSDRG", "v43.1", 1_028),
        ("DEMO", "DEMO-2025", 21),
        ("DEMO", "DEMO-2026", 21),
    ]


async def test_what_an_operator_loaded_stands_and_the_default_load_goes_on(
    database: Database, database_url: str
) -> None:
    """A later release, other bytes under our label, a later map: servers start all the same."""
    tomorrows = _edition(CodeSystemKey.ICD10CM, "FY2027", date(2026, 10, 1))
    corrected = _edition(CodeSystemKey.ICD10PCS, "FY2024", date(2023, 10, 1))
    newer_map = _edition(GEM_I10_I9, "GEM-FY2018", date(2017, 10, 1))
    rows = [CodeRow("I10", CodeKind.CODE, "As an operator has it", True)]
    await load(
        database_url,
        [
            partial(write_codes, edition=tomorrows, read=lambda: rows),
            partial(write_codes, edition=corrected, read=lambda: rows),
            partial(write_map, edition=newer_map, read=list[EdgeRow]),
        ],
    )

    reports = await load_default(database_url)

    in_order = "is loaded already; releases are loaded in the order of their dates"
    assert {report.release: report.skipped_because for report in reports} == {
        "ICD10CM FY2026-APR": "FY2026-APR is in force from 2026-04-01, and the later FY2027"
        f" {in_order}",
        "ICD10PCS FY2024": "ICD10PCS FY2024 is loaded already, from other bytes"
        f" (sha256 {corrected.sha256})",
        "ICD9CM_DX FY2015": None,
        "ICD9CM_PX FY2015": None,
        "GEM_I9_I10 GEM-FY2013": None,
        "GEM_I10_I9 GEM-FY2013": "GEM-FY2013 is in force from 2012-10-01, and the later"
        f" GEM-FY2018 {in_order}",
        "HCC PY2026": None,
        "HCC_DX PY2026": None,
        "HCC_HIERARCHY PY2026": None,
        "CCSR_DX v2023.1": None,
        "CHRONIC v2023.1": None,
        "MDC v43.1": None,
        "MDC_DX v43.1": None,
        "MSDRG v43.1": None,
        "MSDRG_DX v43.1": None,
        "MSDRG_PX v43.1": None,
        "MDC_MSDRG v43.1": None,
        "SEVERITY v43.1": None,
        "DEMO DEMO-2025": None,
        "DEMO DEMO-2026": None,
        "DEMO_MODIFIER DEMO-2026": None,
        "DEMO_EDIT DEMO-2026": None,
        "DEMO_ICD10CM DEMO-2026": None,
        "DEMO_FEE DEMO-2026": None,
        "DEMO texts": None,
    }
    assert [report.rows for report in reports if report.skipped_because] == [0, 0, 0]
    releases = await database.fetch(
        "SELECT system, label, code_count FROM code_release WHERE system LIKE 'ICD10%' ORDER BY id"
    )
    assert [tuple(row) for row in releases] == [
        ("ICD10CM", "FY2027", 1),
        ("ICD10PCS", "FY2024", 1),
    ]


async def test_a_release_loaded_by_default_may_be_overtaken_and_is_known_again(
    database: Database, database_url: str
) -> None:
    await load(database_url, [write_demo])
    later = _edition(CodeSystemKey.DEMO, "DEMO-2099", date(2099, 1, 1))
    rows = [CodeRow("DM-4", CodeKind.CHAPTER, "Everything else is gone", False)]
    await load(database_url, [partial(write_codes, edition=later, read=lambda: rows)])

    reports = await load(database_url, [write_demo])

    assert {report.skipped_because for report in reports} == {"loaded already"}
    rows_of = await database.fetch("SELECT label FROM code_release ORDER BY id")
    assert [row["label"] for row in rows_of] == ["DEMO-2025", "DEMO-2026", "DEMO-2099"]


async def test_where_one_part_of_demo_is_overtaken_none_of_it_is_loaded(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    corrected = _edition(DEMO_MODIFIER, "DEMO-2026", date(2026, 1, 1))
    await load(database_url, [partial(write_map, edition=corrected, read=list[EdgeRow])])
    monkeypatch.setattr("db.load.default.default_steps", lambda: iter([write_demo]))

    (report,) = await load_default(database_url)

    assert (report.release, report.rows) == ("DEMO_MODIFIER DEMO-2026", 0)
    assert report.skipped_because == (
        f"DEMO_MODIFIER DEMO-2026 is loaded already, from other bytes (sha256 {corrected.sha256})"
    )
    row = await database.fetch_one("SELECT count(*) FROM code")
    assert row is not None
    assert row["count"] == 0


async def test_an_explicit_load_refuses_what_the_default_load_leaves_aside(
    database: Database, database_url: str
) -> None:
    corrected = _edition(CodeSystemKey.DEMO, "DEMO-2025", date(2025, 1, 1))
    rows = [CodeRow("DM-4", CodeKind.CHAPTER, "Corrected", False)]
    await load(database_url, [partial(write_codes, edition=corrected, read=lambda: rows)])

    with pytest.raises(ReleaseStands, match="DEMO DEMO-2025 is loaded already, from other bytes"):
        await load(database_url, [write_demo])


def test_the_bytes_of_demo_are_those_of_its_file_whatever_our_rows_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Digests are stored: where one changes under its label, installed catalogues stay behind."""

    def parts() -> dict[str, str]:
        told = demo.demo()
        read: list[Edition[Any]] = [edition for edition, _ in demo.editions(told)]
        read += [edition for edition, _ in demo.maps(told)]
        read += [demo.pairs(told)[0], demo.payment(told)[0]]
        return {edition.name: edition.sha256[:16] for edition in read}

    before = parts()
    monkeypatch.setattr(demo, "CodeRow", lambda **said: (*CodeRow(**said), "a new field"))
    monkeypatch.setattr(demo, "EdgeRow", lambda *said, **flags: (*said, flags, "new"))

    assert parts() == before
    assert before == {
        "DEMO DEMO-2025": "dbc47b35911bc83d",
        "DEMO DEMO-2026": "ef4bfcaafd6885aa",
        "DEMO_MODIFIER DEMO-2026": "81768f11e31ee7a8",
        "DEMO_EDIT DEMO-2026": "360c4131547c989c",
        "DEMO_ICD10CM DEMO-2026": "5287e3956bf16f79",
        "DEMO_FEE DEMO-2026": "15b63ec72c99a3a2",
    }


def test_a_new_wording_changes_no_release_of_demo() -> None:
    told, reworded = demo.demo(), demo.demo()
    for code in reworded["codes"]:
        code["common"] = "Said in other words."

    assert [edition.sha256 for edition, _ in demo.editions(reworded)] == [
        edition.sha256 for edition, _ in demo.editions(told)
    ]
    assert demo.payment(reworded)[0].sha256 == demo.payment(told)[0].sha256


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
