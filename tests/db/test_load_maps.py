"""Official maps of an operator: which release they become, and what stands when one is refused."""

import zipfile
from datetime import date
from pathlib import Path

import pytest

from db.crosswalks import translations
from db.load.default import default_steps
from db.load.official_maps import conversion_step, gem_step
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import CodeKey, CodeSystemKey
from schema.crosswalks import Translation, TranslationDirection, TranslationStatus
from schema.errors import FileRefused
from schema.pages import Page, SectionKind
from schema.sections import section_item_count
from tests.official.conversion import Row, in_csv, xlsx
from tests.official.files import official
from tests.official.gem import text

TODAY = date(2026, 11, 23)
FY2018 = date(2017, 10, 1)
ICD10CM, ICD9CM_DX = CodeSystemKey.ICD10CM, CodeSystemKey.ICD9CM_DX
FORWARD, REVERSE = TranslationDirection.FORWARD, TranslationDirection.REVERSE

I9 = text("GEM_I9_I10", [("5762", "K831", "00000"), ("4019", "I10", "10000")])
I10 = text("GEM_I10_I9", [("K831", "5762", "00000"), ("R402130", "NoDx", "11000")])


def archive(folder: Path, **members: bytes) -> Path:
    path = folder / "gems.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name, content in members.items():
            made.writestr(f"2018 GEMs/{name}.{'pdf' if name == 'guide' else 'txt'}", content)
    return path


async def count(database: Database, table: str) -> int:
    (row,) = await database.fetch(f"SELECT count(*) FROM {table}")
    found: int = row["count"]
    return found


async def test_an_archive_with_both_directions_is_loaded_as_a_whole(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    path = archive(tmp_path, guide=b"%PDF", I9gem=I9, I10gem=I10)

    reports = await load(database_url, [gem_step(path, "GEM-FY2018", FY2018)])
    again = await load(database_url, [gem_step(path, "GEM-FY2018", FY2018)])

    assert [(one.release, one.added, one.unresolved) for one in reports] == [
        ("GEM_I9_I10 GEM-FY2018", 2, 4),
        ("GEM_I10_I9 GEM-FY2018", 2, 3),
    ]
    assert [one.skipped_because for one in again] == ["loaded already"] * 2
    releases = await database.fetch("SELECT kind, source, valid FROM map_release ORDER BY kind")
    assert [(row["kind"], row["source"], row["valid"].lower) for row in releases] == [
        ("GEM_I10_I9", "gems.zip: I10gem.txt", FY2018),
        ("GEM_I9_I10", "gems.zip: I9gem.txt", FY2018),
    ]
    assert await count(database, "edge") == 4


async def test_the_same_mapping_out_of_its_archive_is_loaded_already(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    bare = tmp_path / "2018_I9gem.txt"
    bare.write_bytes(I9)
    await load(database_url, [gem_step(archive(tmp_path, I9gem=I9), "GEM-FY2018", FY2018)])

    (report,) = await load(database_url, [gem_step(bare, "GEM-FY2018", FY2018)])

    assert report.skipped_because == "loaded already"
    assert await count(database, "map_release") == 1


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"I9gem": I9, "I10gem": I10[:-9]}, "ends inside a line; the file is cut"),
        ({"I9gem": I9, "again_gem": I9}, "is GEM_I9_I10, as I9gem.txt is"),
        ({"guide": b"%PDF"}, "has no file named like 2018_I9gem.txt; it holds guide.pdf"),
    ],
)
async def test_of_an_archive_with_one_odd_file_nothing_is_kept(
    database: Database,
    database_url: str,
    tmp_path: Path,
    members: dict[str, bytes],
    reason: str,
) -> None:
    with pytest.raises(FileRefused) as refused:
        await load(database_url, [gem_step(archive(tmp_path, **members), "GEM-FY2018", FY2018)])

    assert refused.value.reason == reason
    assert [await count(database, table) for table in ("map_release", "edge", "code")] == [0, 0, 0]


async def test_a_trial_of_a_mapping_keeps_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    path = archive(tmp_path, I9gem=I9, I10gem=I10)

    reports = await load(database_url, [gem_step(path, "GEM-FY2018", FY2018)], is_trial=True)

    assert [one.added for one in reports] == [2, 2]
    assert [await count(database, table) for table in ("map_release", "code")] == [0, 0]


async def test_a_procedure_mapping_is_never_stale_once_its_last_edition_is_loaded(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "gem_i9pcs.txt"
    path.write_bytes(text("GEM_I9_PCS", [("336", "02YA0Z0", "10111"), ("0016", "NoPCS", "11000")]))
    asked = [CodeKey(CodeSystemKey.ICD9CM_PX, "336")]

    await load(database_url, [gem_step(path, "GEM-FY2017", date(2016, 10, 1))])
    ((old,),) = await translations(database, asked, None, FORWARD, TODAY, 9)
    path.write_bytes(path.read_bytes() + text("GEM_I9_PCS", [("0017", "NoPCS", "11000")]))
    await load(database_url, [gem_step(path, "GEM-FY2018", FY2018)])
    ((new,),) = await translations(database, asked, None, FORWARD, TODAY, 9)

    assert old.map_release is not None
    assert new.map_release is not None
    assert old.map_release.stale_reason == (
        "GEM-FY2018, in force since 2017-10-01, is not loaded; this is GEM-FY2017."
    )
    assert (new.map_release.label, new.map_release.stale_reason) == ("GEM-FY2018", None)


CONVERSIONS: list[Row] = [
    ("A92.5", 2016, "None"),
    ("P35.4", 2018, "P35.8 and A92.5"),
    ("A04.71", 2017, "A04.7"),
    ("A04.72", 2017, "A04.7"),
]


async def load_conversions(url: str, folder: Path, rows: list[Row] = CONVERSIONS) -> None:
    path = folder / "conversion.csv"
    path.write_bytes(in_csv(rows))
    await load(url, [conversion_step(path, "FY2026", date(2025, 10, 1))])


async def told(
    database: Database, value: str, direction: TranslationDirection = FORWARD, first: int = 9
) -> Translation:
    ((found,),) = await translations(
        database, [CodeKey(ICD10CM, value)], [ICD10CM], direction, TODAY, first
    )
    return found


async def test_a_new_code_leads_to_the_codes_before_it_and_never_back(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_conversions(database_url, tmp_path)

    zika, rubella, later = (
        await told(database, "P354"),
        await told(database, "A925"),
        await told(database, "A925", REVERSE),
    )

    assert zika.status is TranslationStatus.COMBINATION
    assert [(row.choice_list, row.target and row.target.display) for row in zika.crosswalks] == [
        (1, "P35.8"),
        (2, "A92.5"),
    ]
    assert {(row.printed, row.effective_from) for row in zika.crosswalks} == {
        ("P35.8 and A92.5", date(2018, 10, 1))
    }
    assert zika.reason == (
        "The conversion table FY2026 needs several previous codes together for P35.4."
    )
    assert (rubella.status, [row.target for row in rubella.crosswalks]) == (
        TranslationStatus.NO_MAP,
        [None],
    )
    assert [row.source.display for row in later.crosswalks] == ["P35.4"]


async def test_what_was_coded_before_is_no_crosswalk_unless_the_system_is_named(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_conversions(database_url, tmp_path)

    ((found,),) = await translations(database, [CodeKey(ICD10CM, "A0471")], None, FORWARD, TODAY, 9)

    assert found.status is TranslationStatus.NOT_LOADED
    assert (await told(database, "A0471")).reason == (
        "The conversion table FY2026 gives A04.71 one previous code, near in meaning."
    )


async def test_a_code_shows_in_its_history_what_was_before_and_what_came_later(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    icd10cm, *_ = default_steps()
    await load(database_url, [icd10cm])
    await load_conversions(database_url, tmp_path)
    refs = [(ICD10CM, value) for value in ("A0471", "A047", "A925", "I10")]

    pages = await pages_by_ref(database, refs, date(2026, 6, 1))

    shown = [page for page in pages if isinstance(page, Page)]
    assert [(_ends(page.previously_coded_as), _ends(page.later_coded_as)) for page in shown] == [
        (["A04.7"], []),
        ([], ["A04.71", "A04.72"]),
        ([None], ["P35.4"]),
        ([], []),
    ]
    counts = [section_item_count(SectionKind.HISTORY, page) for page in shown]
    assert counts == [2, 3, 3, 1]


def _ends(found: Translation | None) -> list[str | None]:
    """The codes at the other end of the rows."""
    if found is None or found.source is None:
        return []
    ends = [
        row.target if row.source.id == found.source.id else row.source for row in found.crosswalks
    ]
    return [end and end.display for end in ends]


async def test_a_table_of_codes_that_nobody_knows_is_refused(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused, match=r"H36811 names H35\.20-H36\.3, and none of it"):
        await load_conversions(database_url, tmp_path, [("H36.811", 2023, "H35.20-H36.3")])

    assert [await count(database, table) for table in ("map_release", "code")] == [0, 0]


async def test_a_workbook_and_its_csv_are_the_same_table(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "conversion.xlsx"
    path.write_bytes(xlsx(CONVERSIONS))

    (report,) = await load(database_url, [conversion_step(path, "FY2026", date(2025, 10, 1))])

    assert (report.release, report.added) == ("PREVIOUSLY_CODED_AS FY2026", 5)


async def test_the_table_of_2026_is_loaded_upon_the_codes_it_names(
    database: Database, database_url: str
) -> None:
    path = official("icd10cm-conversion-table-fy2026.xlsx")
    icd10cm, *_ = default_steps()
    await load(database_url, [icd10cm])

    (report,) = await load(database_url, [conversion_step(path, "FY2026", date(2025, 10, 1))])

    async def targets(value: str) -> list[list[str]]:
        found = await told(database, value, first=50)
        lists: dict[int | None, list[str]] = {}
        for row in found.crosswalks:
            lists.setdefault(row.choice_list, []).append(row.target.display if row.target else "")
        return list(lists.values())

    assert (report.rows, report.unresolved) == (7_739, 475)
    assert await targets("P354") == [["P35.8"], ["A92.5"]]
    assert await targets("W44A0XA") == [["T15", "T16", "T17", "T18", "T19"]]
    assert await targets("H442C1") == [["H44.20", "H44.21", "H44.22", "H44.23"], ["H33.2"]]
    assert await targets("H814") == [["H81.41", "H81.42", "H81.43", "H81.49"]]
    assert await targets("S06A0XA") == [[f"S06.89{digit}A" for digit in range(10)]]
