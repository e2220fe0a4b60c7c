"""The codes that notes name: the rule, against a count made in another way, and what is stored."""

import re
from collections import Counter
from datetime import date
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.load import LoadReport
from db.load.note_references import ReferenceRow, references
from db.load.reference_writer import write_left_references
from db.load.rows import CodeRow, NoteRow
from db.load.source import Edition, SourceFile
from db.load.transaction import load
from db.load.writer import write_codes
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import CodeKind, CodeSystemKey
from schema.pages import NoteKind, Page
from schema.references import NoteReference, holds

ICD10CM = CodeSystemKey.ICD10CM


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("acute thing (I10)", [("I10", "I10", None, False, None)]),
        ("thing (F10.-)", [("F10.-", "F10", None, True, None)]),
        ("thing (S06.8-)", [("S06.8-", "S068", None, True, None)]),
        ("thing (E08-E13)", [("E08-E13", "E08", "E13", False, None)]),
        ("thing (C7A.0-C7B.-)", [("C7A.0-C7B.-", "C7A0", "C7B", True, None)]),
        ("thing (T20.--T25.-)", [("T20.--T25.-", "T20", "T25", True, None)]),
        ("thing (S42 - S49)", [("S42 - S49", "S42", "S49", False, None)]),
        ("thing (S42 to S49)", [("S42 to S49", "S42", "S49", False, None)]),
        ("thing QA0.01", [("QA0.01", "QA001", None, False, None)]),
        (
            "thing (A15, B20.-)",
            [("A15", "A15", None, False, None), ("B20.-", "B20", None, True, None)],
        ),
        (
            "poisoning (T36-T50 with fifth or sixth character 1-4)",
            [("T36-T50", "T36", "T50", False, "fifth or sixth character 1-4")],
        ),
        (
            "see E08-E10, E11 with ketoacidosis",
            [
                ("E08-E10", "E08", "E10", False, "ketoacidosis"),
                ("E11", "E11", None, False, "ketoacidosis"),
            ],
        ),
        ("vitamin B12 deficiency (E53.8)", [("E53.8", "E538", None, False, None)]),
        ("thing with (I10) a tail", [("I10", "I10", None, False, None)]),
        ("CD30-positive, H1N1, LAC and B3 alone", []),
        ("thing (I10", [("I10", "I10", None, False, None)]),
    ],
)
def test_a_note_names_codes_ranges_lists_and_headers(text: str, named: list[Any]) -> None:
    assert references(text) == [ReferenceRow(*row) for row in named]


@given(st.text(st.sampled_from("ABIQ019.- ,()to with"), max_size=60))
def test_any_text_is_read_and_every_reference_stands_in_it(text: str) -> None:
    rest = text
    for row in references(text):
        assert row.raw in rest
        rest = rest[rest.index(row.raw) + len(row.raw) :]


def _counted_plainly(text: str) -> int:
    """References of a text: codes by a plain pattern, those joined to the one before them left out.

    Another way than the reader's: it looks at what stands between neighbours.
    """
    text = text.replace("vitamin B12", "")
    codes = list(re.finditer(r"\b(?:[A-Z]\d|QA)[0-9A-Z](?:\.[0-9A-Z]{1,4})?\b(?![a-z])", text))
    count, is_end = 0, False
    for number, code in enumerate(codes):
        between = text[codes[number - 1].end() : code.start()] if number else ","
        is_end = not is_end and re.fullmatch(r"[.-]*\s?-\s?|[.-]*\s+to\s+", between) is not None
        count += not is_end
    return count


async def test_a_plain_count_of_the_notes_agrees(catalogue: Database) -> None:
    rows = await catalogue.fetch(
        "SELECT n.kind, n.text, n.reference_count FROM code_note n"
        " WHERE n.kind IN ('EXCLUDES1', 'EXCLUDES2', 'CODE_FIRST', 'USE_ADDITIONAL', 'CODE_ALSO')"
        " AND n.reference_count IS NOT NULL"
    )

    assert [
        row["text"] for row in rows if _counted_plainly(row["text"]) != row["reference_count"]
    ] == []
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["kind"]] += row["reference_count"]
    assert counts == {
        "EXCLUDES1": 5_700,
        "EXCLUDES2": 2_790,
        "USE_ADDITIONAL": 1_432,
        "CODE_FIRST": 730,
        "CODE_ALSO": 517,
    }


async def test_every_reference_is_stored_and_what_names_nothing_keeps_its_text(
    catalogue: Database,
) -> None:
    counts = await catalogue.fetch_one(
        "SELECT count(*), count(target_end_id), count(*) FILTER (WHERE is_open), count(condition)"
        " FROM note_reference"
    )
    unresolved = await catalogue.fetch(
        "SELECT c.value, r.raw FROM note_reference r JOIN code_note n ON n.id = r.note_id"
        " JOIN code c ON c.id = n.code_id WHERE r.target_id IS NULL ORDER BY c.value"
    )

    assert counts is not None
    assert tuple(counts) == (11_169, 1_207, 3_885, 198)
    assert [tuple(row) for row in unresolved] == [("F02", "G31.90"), ("R1085", "R10.1-R10.4-")]


@pytest.mark.parametrize(
    ("condition", "value", "is_met"),
    [
        (None, "T360X5A", True),
        ("fifth or sixth character 5", "T360X5A", True),
        ("fifth or sixth character 1-4", "T360X5A", False),
        ("fifth or sixth character 1-4 or 6", "T3696XA", True),
        ("fifth or sixth character 5", "T36", None),
        ("7th character B or C", "S52501B", True),
        ("7th character B", "S52501A", False),
        (".51-.52", "F1052", True),
        (".51-.52", "F1050", False),
        (".14, .24, .94", "F1024", True),
        (".14, .24, .94", "F10", None),
        ("final characters -23", "Z6823", True),
        ("final characters -23", "Z6824", False),
        ("ketoacidosis", "E1110", None),
        ("fifth or sixth character to indicate intent", "T360X5A", None),
    ],
)
def test_a_condition_is_met_or_not_or_its_words_do_not_tell(
    condition: str | None, value: str, is_met: bool | None
) -> None:
    assert holds(condition, value) is is_met


def _codes(*notes: NoteRow) -> list[CodeRow]:
    return [
        CodeRow("A00", CodeKind.HEADER, "First", False, notes=notes),
        CodeRow("A000", CodeKind.CODE, "Below", True, parent="A00", depth=1),
        CodeRow("B20", CodeKind.CODE, "Other", True),
    ]


async def _load(url: str, label: str, starts: date, rows: list[CodeRow]) -> LoadReport:
    file = SourceFile(label, label.encode())
    wanted = Edition(ICD10CM, label, starts, "nobody", "invented", (file,))
    (report,) = await load(url, [partial(write_codes, edition=wanted, read=lambda: rows)])
    return report


async def _named(database: Database, on: date) -> list[NoteReference]:
    (page,) = await pages_by_ref(database, [(ICD10CM, "A000")], on)
    assert isinstance(page, Page)
    return [named for note in page.notes for named in note.references]


FIRST, SECOND = date(2025, 10, 1), date(2026, 10, 1)


async def test_references_of_any_release_come_and_go_with_their_notes(
    database: Database, database_url: str
) -> None:
    old = NoteRow(NoteKind.EXCLUDES1, "other (B20.-)")
    new = NoteRow(NoteKind.EXCLUDES1, "other (B20-B24)")

    first = await _load(database_url, "FY2026", FIRST, _codes(old))
    second = await _load(database_url, "FY2027", SECOND, _codes(new))

    assert (first.unresolved, second.unresolved) == (0, 1)
    (then,) = await _named(database, FIRST)
    (now,) = await _named(database, SECOND)
    assert (then.raw, then.is_open, then.target and then.target.display) == ("B20.-", True, "B20")
    assert (now.raw, now.target, now.target_end) == ("B20-B24", None, None)


async def test_notes_that_were_loaded_before_are_read_by_the_next_load(
    database: Database, database_url: str
) -> None:
    note = NoteRow(NoteKind.CODE_FIRST, "other (B20)")
    inclusion = NoteRow(NoteKind.INCLUDES, "never read (B20)")
    await _load(database_url, "FY2026", FIRST, _codes(note, inclusion))
    await database.fetch("DELETE FROM note_reference")
    await database.fetch("UPDATE code_note SET reference_count = NULL")
    assert await _named(database, FIRST) == []

    reports = await load(database_url, [write_left_references])
    again = await load(database_url, [write_left_references])

    (report,) = reports
    assert (report.release, report.added, report.unresolved) == ("ICD10CM note references", 1, 0)
    assert again == []
    assert [named.raw for named in await _named(database, FIRST)] == ["B20"]
