"""Edits that an earlier form of the database kept as rows of a map are moved, and known again."""

import shutil
from datetime import date
from pathlib import Path

import asyncpg

from db.load import demo
from db.load.demo import write_demo
from db.load.transaction import load
from db.migrate import migrate
from db.pages import pages_by_ref
from db.pool import open_database
from schema.codes import CodeSystemKey
from schema.edits import ModifierIndicator
from schema.pages import Page

MIGRATIONS = Path(__file__).parents[2] / "db/sql/migrations"
TODAY = date(2026, 11, 23)


async def filled_before(url: str, folder: Path) -> str:
    """Bring a bare database to the form before, and give it DEMO's edits as that kept them; the
    digest of the file they came from."""
    for path in MIGRATIONS.glob("*.sql"):
        if path.name < "0018":
            shutil.copy(path, folder)
    await migrate(url, folder)
    edition, rows = demo.pairs(demo.demo())
    connection = await asyncpg.connect(url)
    try:
        codes = sorted({code for row in rows for code in (row.column_one, row.column_two)})
        await connection.executemany(
            "INSERT INTO code (system, value) VALUES ('DEMO', $1)", [(code,) for code in codes]
        )
        await connection.execute(
            "INSERT INTO map_release (kind, role, label, source_system, target_system, valid,"
            " publisher, source, sha256, row_count) VALUES ('DEMO_EDIT', 'PAIR_EDIT', $1, 'DEMO',"
            " 'DEMO', daterange($2, NULL), 'nobody', $3, $4, $5)",
            *(edition.label, edition.effective_from, edition.source, edition.sha256, len(rows)),
        )
        await connection.executemany(
            "INSERT INTO edge (map_release_id, source_id, target_id, relationship, is_approximate,"
            " is_no_map, is_combination, attrs) SELECT m.id, one.id, two.id, 'RELATED_TO', false,"
            " false, false, jsonb_build_object('modifier', $3::text, 'rationale', $4::text)"
            " FROM map_release m, code one, code two WHERE one.value = $1 AND two.value = $2",
            [
                (row.column_one, row.column_two, _word(row.modifier_indicator), row.rationale)
                for row in rows
            ],
        )
    finally:
        await connection.close()
    return edition.sha256


def _word(digit: int) -> str:
    return ModifierIndicator.of(digit).value


async def test_edits_stored_as_rows_of_a_map_are_moved_and_known_again(
    bare_database_url: str, tmp_path: Path
) -> None:
    sha256 = await filled_before(bare_database_url, tmp_path)

    await migrate(bare_database_url)
    reports = await load(bare_database_url, [write_demo])

    async with open_database(bare_database_url) as database:
        releases = await database.fetch(
            "SELECT label, systems, sections, lower(valid), sha256, row_count FROM fact_release"
            " WHERE kind = 'DEMO_EDIT'"
        )
        left = await database.fetch(
            "SELECT (SELECT count(*) FROM map_release m WHERE m.kind = 'DEMO_EDIT'),"
            " (SELECT count(*) FROM edge e WHERE e.attrs ? 'rationale')"
        )
        (page,) = await pages_by_ref(database, [(CodeSystemKey.DEMO, "DM-4210")], TODAY)
    assert [tuple(row) for row in releases] == [
        ("DEMO-2026", ["DEMO"], ["CODE_EDITS"], date(2026, 1, 1), sha256, 4)
    ]
    assert tuple(left[0]) == (0, 0)
    assert {
        report.release: report.skipped_because for report in reports if report.skipped_because
    } == {"DEMO_EDIT DEMO-2026": "loaded already"}
    assert isinstance(page, Page)
    [edit] = page.edits
    assert (edit.column_one.display, edit.modifier) == ("DM-4211", ModifierIndicator.NOT_ALLOWED)
    assert edit.rationale == "A new latch is aligned when it is fitted."
    assert (edit.effective_from, edit.effective_to) == (date(2026, 1, 1), None)
