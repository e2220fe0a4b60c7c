"""What releases changed between two days, and the history that each code has of it."""

from datetime import date
from functools import partial
from pathlib import Path

import pytest

from db.changes import changes
from db.load.listed import ICD10CM_ORDER
from db.load.rows import CodeRow
from db.load.source import Edition, SourceFile
from db.load.transaction import load
from db.load.writer import write_codes
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import CodeKind, CodeSystemKey
from schema.pages import Page
from tests.official.editions import NEW, OLD, load_list, zipped

SYSTEM = CodeSystemKey.HCPCS


async def _load(
    url: str, label: str, starts: date, *rows: CodeRow, system: CodeSystemKey = SYSTEM
) -> None:
    file = SourceFile(f"{label}.txt", label.encode())
    edition = Edition(system, label, starts, "nobody", "generated", (file,))
    await load(url, [partial(write_codes, edition=edition, read=lambda: list(rows))])


def _code(value: str, title: str) -> CodeRow:
    return CodeRow(value, CodeKind.CODE, title, True)


@pytest.fixture
async def three(database: Database, database_url: str) -> Database:
    """Three releases of a system; 0012 is in the first and the last."""
    await _load(database_url, "A", date(2012, 10, 1), _code("0011", "One"), _code("0012", "Two"))
    await _load(database_url, "B", date(2013, 10, 1), _code("0011", "Uno"))
    await _load(database_url, "C", date(2014, 10, 1), _code("0011", "Uno"), _code("0012", "Two"))
    return database


async def test_a_code_that_came_back_tells_its_whole_history(three: Database) -> None:
    one, two = await pages_by_ref(three, [(SYSTEM, "0011"), (SYSTEM, "0012")], date(2015, 1, 1))

    assert isinstance(one, Page)
    assert isinstance(two, Page)
    assert [(entry.change, entry.release_label, entry.effective_to) for entry in one.history] == [
        ("REVISED", "B", None),
        ("FIRST_LOADED", "A", date(2013, 9, 30)),
    ]
    assert [(entry.change, entry.release_label, entry.effective_from) for entry in two.history] == [
        ("ADDED", "C", date(2014, 10, 1)),
        ("ENDED", "B", date(2013, 10, 1)),
        ("FIRST_LOADED", "A", date(2012, 10, 1)),
    ]


async def test_changes_of_several_releases_come_by_day(three: Database) -> None:
    found = await changes(three, SYSTEM, date(2012, 10, 1), date(2016, 1, 1), 10, None)

    assert found is not None
    assert [(item.changed_on.year, item.kind, item.code.display) for item in found.items] == [
        (2013, "REVISED", "0011"),
        (2013, "ENDED", "0012"),
        (2014, "ADDED", "0012"),
    ]
    labels = [release and release.label for release in (found.release_before, found.release_after)]
    assert labels == ["A", "C"]


async def test_every_code_of_a_closed_system_ends_with_it(
    database: Database, database_url: str
) -> None:
    system = CodeSystemKey.ICD9CM_PX
    await _load(database_url, "A", date(2012, 10, 1), _code("0011", "One"), system=system)

    found = await changes(database, system, date(2012, 10, 1), date(2016, 1, 1), 10, None)
    (page,) = await pages_by_ref(database, [(system, "0011")], date(2016, 1, 1))

    assert found is not None
    assert isinstance(page, Page)
    assert [(item.changed_on, item.kind) for item in found.items] == [(date(2015, 10, 1), "ENDED")]
    assert (found.release_before and found.release_before.label, found.release_after) == ("A", None)
    assert [(entry.change, entry.release_label, entry.effective_to) for entry in page.history] == [
        ("ENDED", "A", None),
        ("FIRST_LOADED", "A", date(2015, 9, 30)),
    ]


async def test_changes_begin_after_the_day_compared_with(three: Database) -> None:
    same_day = await changes(three, SYSTEM, date(2013, 10, 1), date(2013, 10, 1), 10, None)
    next_day = await changes(three, SYSTEM, date(2013, 9, 30), date(2013, 10, 1), 10, None)
    too_early = await changes(three, SYSTEM, date(2012, 9, 30), date(2013, 10, 1), 10, None)

    assert same_day is not None
    assert next_day is not None
    assert (len(same_day.items), len(next_day.items), too_early) == (0, 2, None)


async def test_changes_of_another_system_are_not_among_them(
    three: Database, database_url: str, tmp_path: Path
) -> None:
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, OLD))
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))

    found = await changes(three, SYSTEM, date(2013, 10, 1), date(2026, 1, 1), 10, None)

    assert found is not None
    assert {item.code.key.system for item in found.items} == {SYSTEM}


async def test_what_a_load_marks_is_what_comparing_its_versions_finds(
    three: Database, database_url: str, tmp_path: Path
) -> None:
    """A database that older releases filled is marked so when it is brought to its new form."""
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2025, OLD))
    await load_list(database_url, ICD10CM_ORDER, zipped(tmp_path, 2026, NEW))
    marks = "SELECT id, change, is_last FROM code_version ORDER BY id"
    marked = [tuple(row) for row in await three.fetch(marks)]
    migration = Path(__file__).parents[2] / "db/sql/migrations/0016_time.sql"
    updates = [part for part in migration.read_text().split(";") if "UPDATE code_version" in part]

    await three.fetch("UPDATE code_version SET change = 'ADDED', is_last = false")
    for update in updates:
        await three.fetch(update)

    assert len(updates) == 2
    assert [tuple(row) for row in await three.fetch(marks)] == marked
    assert {change for _, change, _ in marked} == {"ADDED", "REVISED"}
