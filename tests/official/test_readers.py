"""The readers that the default load uses: what is written is read, and damage is refused."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.load import icd9, icd10cm_tabular, icd10pcs
from db.load.rows import CodeRow, NoteRow
from db.load.source import SourceFile
from schema.codes import CodeKind
from schema.errors import FileRefused
from schema.pages import NoteKind
from tests.official.damage import damaged
from tests.official.icd10cm_tabular import Chapter, Diag, Section, listed, tabular

TITLES = st.text(st.sampled_from("abcXYZ09,[]-()&<é"), min_size=1, max_size=40)


NOTES = TITLES.filter(lambda text: text[0] != ",")
"""A comma at the start joins a note to its heading, and is left out."""


def rows_of(chapters: list[Chapter]) -> list[CodeRow]:
    """What the reader makes of the files written from the chapters."""
    files = SourceFile("t.xml", tabular(chapters)), SourceFile("l.txt", listed(chapters))
    return icd10cm_tabular.read(*files)


@st.composite
def trees(draw: st.DrawFn) -> list[Chapter]:
    """A chapter of one block, whose categories have codes, notes and seventh characters."""
    values = draw(st.lists(st.from_regex(r"A[0-9][0-9]", fullmatch=True), min_size=1, unique=True))
    diags = [_diag(draw, value) for value in sorted(values)]
    block = Section(f"{diags[0].value}-{diags[-1].value}", draw(TITLES), diags)
    return [Chapter(1, draw(TITLES), [block])]


def _diag(draw: st.DrawFn, value: str) -> Diag:
    last = draw(st.lists(st.sampled_from("0123"), unique=True, max_size=3))
    notes = {"includes": draw(st.lists(NOTES, min_size=1, max_size=2))}
    characters: dict[str, str] = {c: draw(TITLES) for c in draw(st.sampled_from(["", "A", "AD"]))}
    below = [Diag(value + digit, draw(TITLES)) for digit in sorted(last)]
    return Diag(value, draw(TITLES), notes if draw(st.booleans()) else {}, characters, below)


@given(trees())
@settings(deadline=None)
def test_a_tabular_list_reads_as_the_tree_it_was_written_from(chapters: list[Chapter]) -> None:
    (chapter,) = chapters
    (block,) = chapter.sections

    rows = rows_of(chapters)

    assert rows[0] == CodeRow("CH01", CodeKind.CHAPTER, chapter.title, False)
    assert rows[1] == CodeRow(block.range, CodeKind.BLOCK, block.title, False, None, "CH01", 1)
    assert rows[2:] == [row for diag in block.diags for row in _expected(diag, block.range, 2, {})]


def _expected(diag: Diag, parent: str, depth: int, inherited: Mapping[str, str]) -> list[CodeRow]:
    characters = diag.extensions or inherited
    notes = [NoteRow(NoteKind.INCLUDES, text) for text in diag.notes.get("includes", ())]
    notes += [
        NoteRow(NoteKind.SEVENTH_CHARACTER, f"{c}: {label}") for c, label in diag.extensions.items()
    ]
    is_code = not diag.below and not characters
    kind = CodeKind.CODE if is_code else CodeKind.HEADER
    rows = [CodeRow(diag.value, kind, diag.title, is_code, None, parent, depth, tuple(notes))]
    for inner in diag.below:
        rows += _expected(inner, diag.value, depth + 1, characters)
    if not diag.below:
        rows += [
            CodeRow(
                diag.value.ljust(6, "X") + character,
                CodeKind.CODE,
                f"{diag.title}, {label}",
                True,
                None,
                diag.value,
                depth + 1,
            )
            for character, label in characters.items()
        ]
    return rows


TREE = [
    Chapter(
        1,
        "Invented agues",
        [
            Section("A00-A01", "Agues", [Diag("A00", "Ague"), Diag("A01", "Other ague")]),
            Section(
                "A02-A02",
                "Falls",
                [Diag("A02", "Fall", {}, {"A": "first", "D": "later"}, [Diag("A020", "Far fall")])],
            ),
        ],
        {"includes": ["all agues"]},
    )
]
XML = tabular(TREE)


@pytest.mark.parametrize(
    ("found", "instead", "reason"),
    [
        (
            "<ICD10CM.tabular>",
            '<!DOCTYPE x [<!ENTITY a "b">]><ICD10CM.tabular>',
            "declares a document type, which could hold entities; the official list has none",
        ),
        (
            "<ICD10CM.tabular>",
            '<!DOCTYPE x SYSTEM "file:///x.dtd"><ICD10CM.tabular>',
            "declares a document type, which could hold entities; the official list has none",
        ),
        ("Other ague", "Other &b;", "undefined entity"),
        ("<name>1</name>", "<name>one</name>", "a chapter called 'one'"),
        ("<name>A01</name>", "<name>A0</name>", "a diag called 'A0'"),
        ("<name>A01</name>", "", "a diag without name"),
        ("<name>A02.0</name>", "<name>A03.0</name>", "has A03.0 below A02"),
        ("<name>A01</name>", "<name>A00</name>", "A00 comes twice"),
        ('id="A00-A01"', 'id="agues"', "a section called 'agues'"),
        ('char="A"', 'char="AB"', "a extension called 'AB'"),
        ('encoding="utf-8"', 'encoding="utf-99"', "unknown encoding"),
        ('encoding="utf-8"', 'encoding="shift_jis"', "encoding"),
        ("<chapter>", "<chapters>", "mismatched tag"),
    ],
)
def test_an_odd_tabular_list_is_refused_with_a_sentence(
    found: str, instead: str, reason: str
) -> None:
    assert found in XML.decode()
    file = SourceFile("t.xml", XML.decode().replace(found, instead).encode())

    with pytest.raises(FileRefused) as refused:
        icd10cm_tabular.read(file, SourceFile("l.txt", listed(TREE)))

    assert reason in str(refused.value)


def test_another_xml_file_is_refused() -> None:
    with pytest.raises(FileRefused, match=r"t\.xml: has no chapters; it is not a tabular list"):
        icd10cm_tabular.tree(SourceFile("t.xml", b"<svg/>"), frozenset())


PCS = "".join(f"0A1{n:04} Invented act {n}\r\n" for n in range(9)).encode()
LONG = "".join(f"00{n}   Invented sickness {n}\r\n" for n in range(10, 19)).encode("latin-1")
SHORT = LONG.replace(b"Invented", b"Inv")


@given(st.lists(st.from_regex(r"[0-9A-HJ-NP-Z]{7}", fullmatch=True), min_size=1, unique=True))
def test_a_codes_file_of_procedures_reads_as_it_was_written(values: list[str]) -> None:
    content = "".join(f"{value} Act on {value}\n" for value in values).encode()

    rows = icd10pcs.read(SourceFile("p.txt", content))

    assert rows == [CodeRow(value, CodeKind.CODE, f"Act on {value}", True) for value in values]


@given(st.lists(st.from_regex(r"[0-9EV][0-9]{2,4}", fullmatch=True), min_size=1, unique=True))
def test_both_files_of_icd9_read_as_they_were_written(values: list[str]) -> None:
    long = "".join(f"{value:<5} Ménière {value}\r\n" for value in values).encode("latin-1")
    short = "".join(f"{value:<5} M {value}\r\n" for value in values).encode("latin-1")

    rows = icd9.read(SourceFile("long.txt", long), SourceFile("short.txt", short))

    assert rows == [
        CodeRow(value, CodeKind.CODE, f"Ménière {value}", True, f"M {value}") for value in values
    ]


def _survives(seed: int) -> None:
    """Reads damaged files of every form; whatever is neither read nor refused is a failure."""
    broken, whole = SourceFile("t.xml", damaged(XML, seed)), SourceFile("l.txt", listed(TREE))
    long = SourceFile("long.txt", damaged(LONG, seed))
    for read in (
        lambda: icd10cm_tabular.tree(broken, frozenset(listed(TREE).decode().split())),
        lambda: icd10cm_tabular.read(SourceFile("t.xml", XML), _damaged(whole, seed)),
        lambda: icd10pcs.read(SourceFile("p.txt", damaged(PCS, seed))),
        lambda: icd9.read(long, SourceFile("short.txt", damaged(SHORT, seed + 1))),
        lambda: icd9.read(long, SourceFile("short.txt", damaged(SHORT, seed))),
    ):
        _read_or_refused(read)


def _damaged(file: SourceFile, seed: int) -> SourceFile:
    return SourceFile(file.name, damaged(file.content, seed))


def _read_or_refused(read: Callable[[], list[CodeRow]]) -> None:
    try:
        rows = read()
    except FileRefused:
        return
    assert rows


def test_damaged_files_are_refused_or_read() -> None:
    for seed in range(300):
        _survives(seed)


@pytest.mark.slow
def test_ten_thousand_damaged_files_are_refused_or_read() -> None:
    for seed in range(10_000):
        _survives(seed)
