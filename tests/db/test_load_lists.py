"""Releases of ICD-10 from order and codes files, one after the other, as an operator loads them."""

from datetime import date
from pathlib import Path

import pytest

from db.changes import changes
from db.codes import ancestors_of, codes_by_ref
from db.load.edition_names import edition_of
from db.load.listed import ICD10CM_CODES, ICD10CM_ORDER, ICD10PCS_ORDER, ListForm, list_step
from db.load.source import SourceFile
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import Code, CodeSystemKey
from schema.errors import FileRefused, ReleaseStands
from schema.pages import Page
from schema.sections import older_notes
from tests.official.addenda import order_addenda
from tests.official.editions import CHAPTERS, NEW, OLD, load_list, load_tabular, said, zipped
from tests.official.icd10cm_order import archive, order
from tests.official.icd10cm_tabular import tabular
from tests.official.icd10pcs_order import table, without

CM = CodeSystemKey.ICD10CM


async def page_of(database: Database, value: str, on: date) -> Page:
    (page,) = await pages_by_ref(database, [(CM, value)], on)
    assert isinstance(page, Page)
    return page


async def line_of(database: Database, value: str, on: date) -> list[str]:
    """The values above a code, from the chapter down."""
    (code,) = await codes_by_ref(database, [(CM, value)], on)
    assert isinstance(code, Code)
    above = await ancestors_of(database, [code.id], on)
    return [row.key.value for row in above[code.id]]


async def releases_in(database: Database) -> list[tuple[object, ...]]:
    rows = await database.fetch(
        "SELECT label, lower(valid), notes_of FROM code_release ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_an_archive_tells_its_edition_and_what_it_changed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    first = await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, OLD))

    second = await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    assert (first.release, first.rows, first.added) == ("ICD10CM FY2025", 5, 5)
    assert (second.added, second.changed, second.removed) == (3, 2, 1)
    assert second.billable is not None
    assert (second.billable.added, second.billable.removed, second.billable.revised) == (3, 2, 1)
    assert await releases_in(database) == [
        ("FY2025", date(2024, 10, 1), None),
        ("FY2026", date(2025, 10, 1), None),
    ]
    row = await database.fetch_one("SELECT source FROM code_release ORDER BY id LIMIT 1")
    assert row is not None
    assert row["source"] == "icd10cm-code-descriptions-2025.zip: icd10cm-order-2025.txt"


async def test_an_order_file_is_one_edition_bare_and_in_its_archive(
    database_url: str, tmp_path: Path
) -> None:
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, OLD))
    bare = tmp_path / "icd10cm-order-2025.txt"
    bare.write_bytes(order(OLD))

    again = await load_list(database_url, ICD10CM_ORDER, bare)

    assert (again.skipped_because, again.rows, again.billable) == ("loaded already", 5, None)


async def test_a_trial_tells_the_difference_and_keeps_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    step = list_step(ICD10CM_ORDER, zipped(tmp_path, 2025, OLD))

    (report,) = await load(database_url, [step], is_trial=True)

    assert (report.added, report.billable and report.billable.added) == (5, 4)
    assert await releases_in(database) == []


async def test_the_loads_of_a_trial_see_what_those_before_them_did(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    years = ((2025, OLD), (2026, NEW))
    steps = [list_step(ICD10CM_ORDER, zipped(tmp_path, year, rows)) for year, rows in years]

    first, second = await load(database_url, steps, is_trial=True)

    assert (first.added, first.changed, first.removed) == (5, 0, 0)
    assert (second.added, second.changed, second.removed) == (3, 2, 1)
    assert await releases_in(database) == []


async def test_of_a_trial_that_is_refused_midway_nothing_is_kept(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    years = ((2026, NEW), (2025, OLD))
    steps = [list_step(ICD10CM_ORDER, zipped(tmp_path, year, rows)) for year, rows in years]

    with pytest.raises(ReleaseStands):
        await load(database_url, steps, is_trial=True)

    assert await releases_in(database) == []


async def test_an_older_edition_is_refused(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    with pytest.raises(
        ReleaseStands, match="and the later FY2026 is loaded already; releases are loaded in the"
    ):
        await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, OLD))

    assert len(await releases_in(database)) == 1


async def test_an_order_file_alone_stands_below_the_chapters_and_blocks_of_the_release_before(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_tabular(database_url)

    report = await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    on = date(2025, 10, 1)
    assert report.rows == 4 + len(NEW)
    assert await line_of(database, "A000", on) == ["CH01", "A00-A09", "A00"]
    # A category that is new has the block whose range holds it; A05 stands between A00 and A09.
    assert await line_of(database, "A05", on) == ["CH01", "A00-A09"]
    assert await line_of(database, "A090", on) == ["CH01", "A00-A09", "A09"]
    assert await line_of(database, "B10", on) == ["CH02", "B10-B10"]


async def test_notes_of_the_release_before_stand_on_and_the_page_says_whose_they_are(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_tabular(database_url)
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    before = await page_of(database, "A000", date(2025, 4, 1))
    after = await page_of(database, "A000", date(2025, 10, 1))
    new = await page_of(database, "A090", date(2025, 10, 1))

    assert [note.text for note in before.notes] == ["chill (B10)"]
    assert [note.text for note in after.notes] == ["chill (B10)"]
    assert older_notes(before) is None
    assert older_notes(after) == (
        "The notes of FY2026 are not loaded here; these are those of FY2025-APR."
    )
    assert new.notes == ()
    assert await releases_in(database) == [
        ("FY2025-APR", date(2025, 4, 1), "FY2025-APR"),
        ("FY2026", date(2025, 10, 1), "FY2025-APR"),
    ]


async def test_a_title_keeps_its_accents_where_the_order_file_says_the_same_without(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_tabular(database_url)

    report = await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    page = await page_of(database, "B10", date(2025, 10, 1))
    assert (page.code.title, page.code.short_title) == ("Ménière's falling", "Meniere's falling")
    # To learn a short title is no revision: the history has nothing of it.
    assert report.billable is not None
    assert report.billable.revised == 1
    assert [(entry.change, entry.release_label) for entry in page.history] == [
        ("FIRST_LOADED", "FY2025-APR")
    ]


async def test_a_tabular_list_beside_the_order_file_brings_chapters_blocks_and_notes(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    table = tmp_path / "icd10cm-table-index-2025.zip"
    files = {"icd10cm-index-2025.xml": b"<index/>", "icd10cm-tabular-2025.xml": tabular(CHAPTERS)}
    table.write_bytes(archive(files))

    report = await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, OLD), table)

    page = await page_of(database, "A001", date(2024, 10, 1))
    assert report.rows == 4 + len(OLD)
    assert await line_of(database, "A001", date(2024, 10, 1)) == ["CH01", "A00-A09", "A00"]
    assert [note.text for note in page.notes] == ["chill (B10)"]
    assert (page.code.short_title, page.code.release and page.code.release.notes_of) == (
        "Dumb ague",
        "FY2025",
    )
    falling = await page_of(database, "B10", date(2024, 10, 1))
    assert falling.code.title == "Ménière's falling"


async def test_a_tabular_list_of_other_codes_is_refused(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    xml = tmp_path / "icd10cm-tabular-2025.xml"
    xml.write_bytes(tabular(CHAPTERS))

    with pytest.raises(FileRefused) as refused:
        await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW), xml)

    assert str(refused.value) == (
        "icd10cm-order-2026.txt:3:1: has the code A002 where icd10cm-tabular-2025.xml has "
        "the code A001"
    )
    assert await releases_in(database) == []


async def test_a_codes_file_stands_below_the_headers_of_the_release_before(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_tabular(database_url)

    report = await load_list(database_url, ICD10CM_CODES, zipped(tmp_path, 2026, NEW))

    on = date(2025, 10, 1)
    assert report.billable is not None
    assert (report.billable.added, report.billable.removed, report.billable.revised) == (3, 2, 1)
    assert await line_of(database, "A002", on) == ["CH01", "A00-A09", "A00"]
    # Nobody knows that A09 is a header now: the file tells no headers.
    assert await line_of(database, "A090", on) == ["CH01", "A00-A09"]


async def test_addenda_that_do_not_lead_from_the_loaded_edition_are_refused(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    other = [*OLD[:4], said("B10", "Falling of another kind")]
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, other, other))

    with pytest.raises(FileRefused) as refused:
        await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    assert str(refused.value) == (
        "icd10cm-order-addenda-2026.txt: does not lead from FY2025 as it is loaded to this list: "
        "1 code differs, the first is B10"
    )
    assert len(await releases_in(database)) == 1


async def test_addenda_are_not_held_against_another_edition_than_their_own(
    database_url: str, tmp_path: Path
) -> None:
    await load_tabular(database_url)

    report = await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    # FY2025-APR is not FY2025; the counts of the addenda are checked all the same.
    assert report.skipped_because is None


@pytest.mark.parametrize("form", [ICD10CM_ORDER, ICD10CM_CODES])
async def test_addenda_lead_from_an_edition_that_has_accents_or_no_headers(
    database: Database, database_url: str, tmp_path: Path, form: ListForm
) -> None:
    xml = tmp_path / "icd10cm-tabular-2025.xml"
    xml.write_bytes(tabular(CHAPTERS))
    with_accents = xml if form is ICD10CM_ORDER else None
    await load_list(database_url, form, zipped(tmp_path, 2025, OLD), with_accents)

    report = await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    assert report.billable is not None
    assert (report.billable.added, report.billable.removed, report.billable.revised) == (3, 2, 1)
    assert [row[0] for row in await releases_in(database)] == ["FY2025", "FY2026"]


async def test_a_list_cut_between_two_lines_is_refused_by_what_it_lacks(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    many = [said(f"A{n // 100:02}", "Ague", is_header=True) for n in range(0, 2_000, 100)]
    many += [said(f"A{n // 100:02}{n % 100:02}", f"Ague {n}") for n in range(2_000)]
    many.sort()
    whole, cut = tmp_path / "icd10cm-order-2025.txt", tmp_path / "icd10cm-order-2026.txt"
    whole.write_bytes(order(many))
    cut.write_bytes(order(many[:900]))
    await load_list(database_url, ICD10CM_ORDER, whole)

    with pytest.raises(FileRefused) as refused:
        await load_list(database_url, ICD10CM_ORDER, cut)

    assert str(refused.value) == (
        "icd10cm-order-2026.txt: lacks 1,109 of the 2,000 codes of FY2025; the file is cut"
    )
    assert len(await releases_in(database)) == 1


async def test_codes_of_procedures_stand_below_the_headers_of_their_tables(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    old = table("0A1", "Invented body, Moved", {"0AAZ": "Move all", "0ABZ": "Move b"})
    new = without([*old, *table("0A2", "Invented body, Stilled", {"0AAZ": "Still all"})], "0A10ABZ")
    path = tmp_path / "icd10pcs-order-2026.zip"
    addenda = order_addenda(old, new, 2026, "icd10pcs")
    files = {"icd10pcs_order_2026.txt": order(new), "order_addenda_2026.txt": addenda}
    path.write_bytes(archive(files))

    report = await load_list(database_url, ICD10PCS_ORDER, path)

    rows = await database.fetch(
        "SELECT c.value, v.kind, p.value AS parent, v.depth FROM code c"
        " JOIN code_version v ON v.code_id = c.id LEFT JOIN code p ON p.id = v.parent_id"
        " ORDER BY c.seq"
    )
    assert (report.release, report.rows) == ("ICD10PCS FY2026", 4)
    assert [tuple(row) for row in rows] == [
        ("0A1", "HEADER", None, 0),
        ("0A10AAZ", "CODE", "0A1", 1),
        ("0A2", "HEADER", None, 0),
        ("0A20AAZ", "CODE", "0A2", 1),
    ]


def test_an_archive_without_the_list_is_refused_and_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "icd10cm-code-descriptions-2026.zip"
    path.write_bytes(archive({"2018_I9gem.txt": b"", "read me.pdf": b""}))

    with pytest.raises(
        FileRefused,
        match=r"has no file named like icd10cm-order-2027.txt; it holds 2018_I9gem.txt, read me",
    ):
        list_step(ICD10CM_ORDER, path)


@pytest.mark.parametrize(
    ("file", "archive", "given", "edition"),
    [
        ("icd10cm-order-2026.txt", "x.zip", (None, None), ("FY2026", date(2025, 10, 1))),
        ("icd10pcs_order_2027.txt", "x.zip", (None, None), ("FY2027", date(2026, 10, 1))),
        ("icd10cm-codes-April-1-2026.txt", "x.zip", (None, None), ("FY2026-APR", date(2026, 4, 1))),
        ("icd10cm-order-2026.txt", "April-1.zip", ("FY2026-APR", None), None),
        ("order.txt", "order.txt", ("FY2021-JAN", None), ("FY2021-JAN", date(2021, 1, 1))),
        ("order.txt", "order.txt", ("Mine", date(2026, 2, 3)), ("Mine", date(2026, 2, 3))),
        (
            "icd10cm-order-2026.txt",
            "x.zip",
            ("FY2027", date(2026, 11, 1)),
            ("FY2027", date(2026, 11, 1)),
        ),
    ],
)
def test_an_edition_is_what_the_operator_says_or_the_file_is_named_by(
    file: str,
    archive: str,
    given: tuple[str | None, date | None],
    edition: tuple[str, date] | None,
) -> None:
    found = edition_of(SourceFile(file, b""), archive, *given)

    assert found == (edition or ("FY2026-APR", date(2026, 4, 1)))


@pytest.mark.parametrize(
    ("file", "archive", "label", "reason"),
    [
        ("order.txt", "order.txt", None, "does not tell its edition by its name: give --release"),
        # The list of an update may have the name of October's.
        ("icd10cm-order-2026.txt", "april-1-2026.zip", None, "does not tell its edition by its"),
        ("icd10cm-order-2026.txt", "x.zip", "Mine", "Mine does not tell when it begins: give"),
    ],
)
def test_an_edition_that_nobody_tells_is_refused(
    file: str, archive: str, label: str | None, reason: str
) -> None:
    with pytest.raises(FileRefused, match=reason):
        edition_of(SourceFile(file, b""), archive, label, None)


async def test_changes_of_two_loaded_editions_are_those_that_the_load_reported(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, OLD))
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    found = await changes(database, CM, date(2024, 10, 1), date(2025, 10, 1), 10, None)

    assert found is not None
    counts = found.counts
    assert (counts.added, counts.ended, counts.revised) == (3, 1, 2)
    assert (counts.billable_added, counts.billable_ended, counts.billable_retitled) == (3, 2, 1)
