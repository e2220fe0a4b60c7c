"""The order files of CDC and CMS themselves, against the counts that they state."""

import os
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from db.changes import changes
from db.codes import codes_by_ref
from db.embedded import StoreUrls
from db.load import LoadReport
from db.load.default import default_steps
from db.load.listed import ICD10CM_CODES, ICD10CM_ORDER, ICD10PCS_ORDER, list_step
from db.load.report import BillableChanges
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database, open_database
from schema.changes import Change, ChangeKind, Changes
from schema.codes import Code, CodeStatus, CodeSystemKey
from schema.pages import Page
from tests.conftest import _copied

CM, PCS = CodeSystemKey.ICD10CM, CodeSystemKey.ICD10PCS
FY2025, FY2026 = date(2024, 10, 1), date(2025, 10, 1)


@pytest.fixture(scope="module")
def official() -> Path:
    """The folder of the official files."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("CODESTILE_OFFICIAL_FILES", beside))
    if not (folder / "icd10pcs-order-2026.zip").exists():
        pytest.skip("the official order files are not here; set CODESTILE_OFFICIAL_FILES")
    return folder


@pytest.fixture(scope="module")
async def two_years(
    stores: StoreUrls, template_url: str, official: Path
) -> AsyncIterator[tuple[str, list[LoadReport]]]:
    """A database with FY2025 and FY2026 of ICD-10-CM, and the reports of both loads."""
    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        steps = [
            list_step(ICD10CM_ORDER, official / f"icd10cm-code-descriptions-{year}.zip")
            for year in (2025, 2026)
        ]
        yield url, await load(url, steps)


@pytest.fixture(scope="module")
async def both(two_years: tuple[str, list[LoadReport]]) -> AsyncIterator[Database]:
    """That database, to be read only."""
    async with open_database(two_years[0]) as database:
        yield database


def test_the_order_files_of_two_years_differ_as_their_addenda_say(
    two_years: tuple[str, list[LoadReport]],
) -> None:
    first, second = two_years[1]

    assert (first.release, first.rows) == ("ICD10CM FY2025", 97_584)
    assert first.billable == BillableChanges(added=74_260, removed=0, revised=0)
    assert (second.release, second.rows) == ("ICD10CM FY2026", 98_186)
    assert second.billable == BillableChanges(added=487, removed=28, revised=38)
    # 38 codes and 7 headers have other titles, and 16 codes became headers.
    assert (second.added, second.changed, second.removed) == (614, 38 + 7 + 16, 12)


async def test_a_release_has_the_headers_and_codes_that_it_counts(both: Database) -> None:
    rows = await both.fetch(
        "SELECT r.label, v.is_billable, count(*) FROM code_release r"
        " JOIN code c ON c.system = r.system"
        " JOIN code_version v ON v.code_id = c.id AND v.valid @> lower(r.valid)"
        " GROUP BY r.label, v.is_billable ORDER BY r.label, v.is_billable"
    )

    assert [tuple(row) for row in rows] == [
        ("FY2025", False, 23_324),
        ("FY2025", True, 74_260),
        ("FY2026", False, 23_467),
        ("FY2026", True, 74_719),
    ]


async def _all_changes(database: Database, first: int) -> list[Changes]:
    """Every page of what changed from FY2025 to FY2026."""
    pages = [await changes(database, CM, FY2025, FY2026, first, None)]
    while pages[-1] is not None and pages[-1].has_next_page:
        place = pages[-1].items[-1].place
        pages.append(await changes(database, CM, FY2025, FY2026, first, place))
    return [page for page in pages if page is not None]


async def test_the_changes_of_a_year_are_those_of_the_addenda(both: Database) -> None:
    pages = await _all_changes(both, 100)

    counts = pages[0].counts
    assert (counts.added, counts.ended, counts.revised) == (614, 12, 61)
    assert (counts.billable_added, counts.billable_ended, counts.billable_retitled) == (487, 28, 38)
    items = [item for page in pages for item in page.items]
    assert len(items) == len({item.code.id for item in items}) == 687
    kinds = [item.kind for item in items]
    assert (kinds.count(ChangeKind.ADDED), kinds.count(ChangeKind.ENDED)) == (614, 12)
    assert {page.counts for page in pages} == {counts}
    assert [item.place.seq for item in items] == sorted(item.place.seq for item in items)


async def test_a_change_tells_what_was_said_and_what_is(both: Database) -> None:
    pages = await _all_changes(both, 400)

    by_code = {item.code.display: item for page in pages for item in page.items}
    assert _told(by_code["B88.0"]) == (
        ("REVISED", FY2026),
        ("Other acariasis", True, "B88"),
        ("Other acariasis", False, "B88"),
    )
    assert _told(by_code["B88.01"]) == (
        ("ADDED", FY2026),
        None,
        ("Infestation by Demodex mites", True, "B88.0"),
    )
    assert _told(by_code["S62.90"]) == (
        ("REVISED", FY2026),
        ("Unspecified fracture of unspecified wrist and hand", False, "S62.9"),
        ("Unspecified fracture of unspecified hand", False, "S62.9"),
    )


def _told(change: Change) -> tuple[object, ...]:
    said = [
        None if saying is None else (saying.title, saying.is_billable, saying.parent)
        for saying in (change.before, change.after)
    ]
    return ((change.kind, change.changed_on), *said)


async def test_codes_are_told_as_they_stood_in_each_year(both: Database) -> None:
    refs = [(CM, "B88.0"), (CM, "B88.01")]

    then = await codes_by_ref(both, refs, date(2025, 9, 30))
    now = await codes_by_ref(both, refs, FY2026)

    assert [_standing(code) for code in then] == [
        (CodeStatus.ACTIVE, True, "FY2025"),
        (CodeStatus.FUTURE, False, "FY2026"),
    ]
    assert [_standing(code) for code in now] == [
        (CodeStatus.ACTIVE, False, "FY2026"),
        (CodeStatus.ACTIVE, True, "FY2026"),
    ]


def _standing(code: object) -> tuple[object, ...]:
    assert isinstance(code, Code)
    return code.status, code.is_billable, code.release and code.release.label


async def test_a_code_that_became_a_header_has_both_in_its_history(both: Database) -> None:
    (page,) = await pages_by_ref(both, [(CM, "B88.0")], FY2026)

    assert isinstance(page, Page)
    assert [
        (entry.change, entry.release_label, entry.effective_to, entry.is_billable)
        for entry in page.history
    ] == [
        ("REVISED", "FY2026", None, False),
        ("FIRST_LOADED", "FY2025", date(2025, 9, 30), True),
    ]


async def test_the_order_file_of_procedures_has_its_codes_and_headers(
    database: Database, database_url: str, official: Path
) -> None:
    step = list_step(ICD10PCS_ORDER, official / "icd10pcs-order-2026.zip")

    (report,) = await load(database_url, [step])

    rows = await database.fetch(
        "SELECT kind, parent_id IS NULL AS is_root, count(*) FROM code_version"
        " GROUP BY kind, parent_id IS NULL ORDER BY kind"
    )
    assert (report.release, report.rows) == ("ICD10PCS FY2026", 80_029)
    assert [tuple(row) for row in rows] == [("CODE", False, 79_115), ("HEADER", True, 914)]


async def test_an_order_file_moves_nothing_in_the_tree_of_the_tabular_list(
    database: Database, database_url: str, official: Path
) -> None:
    """The codes of FY2026 did not change in April 2026, so that its order file, given another
    name, says the same as the tabular list and brings short titles."""
    archive = official / "icd10cm-code-descriptions-2026.zip"
    await load(database_url, [next(default_steps())])

    steps = [list_step(form, archive, "FY2027") for form in (ICD10CM_CODES, ICD10CM_ORDER)]
    (alone,) = await load(database_url, steps[:1], is_trial=True)
    (report,) = await load(database_url, steps[1:])

    assert (alone.added, alone.changed, alone.removed, alone.rows) == (0, 0, 0, 98_505)
    assert (report.added, report.changed, report.removed, report.rows) == (0, 98_186, 0, 98_505)
    assert report.billable == BillableChanges(added=0, removed=0, revised=0)
    found = await changes(database, CM, date(2026, 4, 1), date(2026, 10, 1), 10, None)
    assert found is not None
    assert (found.items, found.counts.revised) == ((), 0)
    rows = await database.fetch(
        "SELECT count(*) FROM code_version a JOIN code_version b ON b.code_id = a.code_id"
        " AND lower(b.valid) = upper(a.valid) WHERE (a.kind, a.title, a.parent_id, a.depth)"
        " IS DISTINCT FROM (b.kind, b.title, b.parent_id, b.depth)"
    )
    assert rows[0]["count"] == 0
