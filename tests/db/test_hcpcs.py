"""HCPCS Level II, read from both forms of its file: generated, official, and damaged."""

import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.load import hcpcs_anweb, hcpcs_xlsx
from db.load.hcpcs import HcpcsRow
from db.load.hcpcs_facts import facts_of
from db.load.hcpcs_writer import hcpcs_file
from db.load.source import SourceFile
from schema.errors import FileRefused
from tests.official.damage import damaged
from tests.official.hcpcs_anweb import REMARKS, anweb
from tests.official.hcpcs_xlsx import HEADING, cells
from tests.official.hcpcs_xlsx import hcpcs_xlsx as sheet
from tests.official.xlsx import workbook

FOLDER = Path(
    os.environ.get("CODESTILE_OFFICIAL_FILES", Path(__file__).parents[2].parent / "shared" / "data")
)


@dataclass(frozen=True)
class Form:
    """One form of the file: its name, how it is written and how it is read."""

    name: str
    write: Callable[[list[HcpcsRow]], bytes]
    read: Callable[[SourceFile], list[HcpcsRow]]

    def rows(self, content: bytes) -> list[HcpcsRow]:
        return self.read(SourceFile(self.name, content))


TEXT = Form("HCPC2026_ANWEB.txt", anweb, hcpcs_anweb.read)
SHEET = Form("HCPC2026_ANWEB.xlsx", sheet, hcpcs_xlsx.read)
FORMS = pytest.mark.parametrize("form", [TEXT, SHEET], ids=["text", "sheet"])

LONG = HcpcsRow(
    value="Z0001",
    is_modifier=False,
    title="An invented supply whose description is so long that one line of eighty columns does "
    "not hold it, nor do two lines of the file, and so goes on and on",
    short_title="Invented supply, long",
    pricing=("38", "21"),
    multiple_pricing="A",
    coverage_issues=("60-9", "65-10"),
    carriers_manual=("2130.B",),
    statute="1833(t)(2)",
    laboratory=("340", "610"),
    cross_references=("Z0002", "00000"),
    coverage="D",
    surgical_center="YY",
    surgical_center_from=date(2008, 1, 1),
    outpatient_group="102",
    outpatient_policy="1",
    outpatient_from=date(2001, 7, 1),
    processing_note="0088",
    betos="D1F",
    types_of_service=("1", "P"),
    anesthesia_units=7,
    added_on=date(1986, 1, 1),
    action_on=date(2004, 1, 1),
    last_day=date(2025, 9, 30),
    action="D",
)
PLAIN = HcpcsRow("Z0002", is_modifier=False, title="Invented supply", short_title="")
MODIFIER = HcpcsRow(
    "Z1", is_modifier=True, title="Invented circumstance", short_title="Invented", coverage="C"
)


def texts(alphabet: str, longest: int) -> st.SearchStrategy[str]:
    """Words as a field may hold them: no blank at its ends, none doubled."""
    words = st.text(st.sampled_from(alphabet), min_size=1, max_size=longest)
    return words.map(lambda text: " ".join(text.split())).filter(bool)


PRINTED = "abcdefgXYZ 0123456789(),;:/.'-<&\""
CODES = st.from_regex(r"[A-CE-Z][0-9]{4}", fullmatch=True)
DAYS = st.none() | st.dates(date(1980, 1, 1), date(2030, 12, 31))


def several(form: str, most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.from_regex(form, fullmatch=True), max_size=most).map(tuple)


def maybe(form: str) -> st.SearchStrategy[str]:
    return st.just("") | st.from_regex(form, fullmatch=True)


def rows_of(value: st.SearchStrategy[str], *, is_modifier: bool) -> st.SearchStrategy[HcpcsRow]:
    return st.builds(
        HcpcsRow,
        value=value,
        is_modifier=st.just(is_modifier),
        title=texts(PRINTED, 300).filter(lambda text: max(map(len, text.split())) <= 80),
        short_title=st.just("") | texts(PRINTED, 28),
        pricing=several(r"[0-9]{2}", 4),
        multiple_pricing=maybe(r"[A-G9]"),
        coverage_issues=several(r"[0-9]{2}-[0-9]{1,2}", 3),
        carriers_manual=several(r"[0-9]{4}(\.[0-9A-C]{1,2})?", 3),
        statute=st.just("") | texts("18(t)Aa ", 10),
        laboratory=several(r"[0-9]{3}", 8),
        cross_references=several(r"[A-Z0-9]{5}|CPT", 5),
        coverage=maybe(r"[CDIMS]"),
        surgical_center=maybe("YY"),
        surgical_center_from=DAYS,
        outpatient_group=maybe(r"[0-9]{3}"),
        outpatient_policy=maybe(r"[1-9]"),
        outpatient_from=DAYS,
        processing_note=maybe(r"[0-9]{4}"),
        betos=maybe(r"[A-Z][0-9][A-Z]?"),
        types_of_service=several(r"[0-9A-Z]", 5),
        anesthesia_units=st.just(0) if is_modifier else st.integers(0, 999),
        added_on=DAYS,
        action_on=DAYS,
        last_day=DAYS,
        action=maybe(r"[A-T]"),
    )


FILES = st.builds(
    lambda modifiers, codes: modifiers + codes,
    st.lists(
        rows_of(st.from_regex(r"[A-Z0-9]{2}", fullmatch=True), is_modifier=True),
        max_size=3,
        unique_by=lambda row: row.value,
    ),
    st.lists(
        rows_of(CODES, is_modifier=False), min_size=1, max_size=3, unique_by=lambda row: row.value
    ),
)


@FORMS
@given(rows=FILES)
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(form: Form, rows: list[HcpcsRow]) -> None:
    assert form.rows(form.write(rows)) == rows


@FORMS
def test_every_field_of_a_code_and_of_a_modifier_is_read(form: Form) -> None:
    assert form.rows(form.write([MODIFIER, LONG, PLAIN])) == [MODIFIER, LONG, PLAIN]


@FORMS
@pytest.mark.parametrize("cases", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_refused_or_read_and_nothing_else(form: Form, cases: int) -> None:
    whole = form.write([MODIFIER, LONG, PLAIN])

    refused = 0
    for seed in range(cases):
        try:
            form.rows(damaged(whole, seed))
        except FileRefused:
            refused += 1

    assert refused > cases // 2


@pytest.mark.parametrize("cases", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_sheet_of_damaged_cells_is_refused_or_read_and_nothing_else(cases: int) -> None:
    """The workbook is whole; what stands in its cells is not."""
    table = [HEADING, *([str(cell) for cell in cells(row)] for row in (LONG, PLAIN))]
    whole = "\n".join("\t".join(row) for row in table).encode()

    refused = 0
    for seed in range(cases):
        # XML cannot hold control characters.
        text = re.sub("[^\t\n -~]", "?", damaged(whole, seed).decode("latin-1"))
        try:
            SHEET.rows(workbook([row.split("\t") for row in text.split("\n")]))
        except FileRefused:
            refused += 1

    assert refused > cases // 2


def line(row: HcpcsRow, number: int = 0) -> bytes:
    """A line of a row in the text form, without its end."""
    return anweb([row], ()).split(b"\r\n")[number]


def test_the_text_form_is_refused_with_line_and_column() -> None:
    head, tail = line(LONG), line(LONG, 1)
    bare = line(PLAIN)
    faults = {
        head[:276] + b"20041301" + head[284:]: ":1:277: is no day such as 20251001 in ACT EFF DT",
        head[:265] + b" x " + head[268:]: ":1:266: is no number in ANEST_BU",
        head[:200]: ":1:201: has 200 columns where 320 are expected",
        head + b" ": ":1:321: has 321 columns where 320 are expected",
        b"?" + head[1:]: ":1:1: is neither a record nor a remark",
        head[:20] + b"\xa0" + head[21:]: ":1:21: is a record that is not ASCII text",
        head + b"\r\n" + head: ":2:1: Z0001 comes twice",
        head + b"\r\n" + bare + b"\r\n" + tail: ":3:1: goes on with a code that the line before it "
        "does not have",
        head + b"\r\n" + tail + b"\r\n" + tail: ":3:6: does not follow the sequence of the line "
        "before it",
        tail: ":1:1: goes on with a code that the line before it does not have",
        head + b"\r\n" + tail[:229] + b"C" + tail[230:]: ":2:230: has more than a text in a line "
        "that goes on",
        line(MODIFIER): ": holds no HCPCS code",
        bare[:11] + b" " * 80 + bare[91:]: ":1:12: Z0002 has no description",
    }

    told = {}
    for content in faults:
        with pytest.raises(FileRefused) as refused:
            TEXT.rows(content + b"\r\n")
        told[content] = str(refused.value).removeprefix(TEXT.name)

    assert told == faults


def test_a_file_that_is_cut_inside_a_line_is_refused() -> None:
    with pytest.raises(FileRefused, match="ends inside a line; the file is cut"):
        TEXT.rows(anweb([LONG])[:-40])


@FORMS
@pytest.mark.parametrize(
    ("value", "is_modifier", "sentence"),
    [
        (
            "99999",
            False,
            "has no code of HCPCS Level II: it is one of the American Medical Association (CPT), "
            "whose texts are not in this file",
        ),
        (
            "9999T",
            False,
            "has no code of HCPCS Level II: it is one of the American Medical Association (CPT), "
            "whose texts are not in this file",
        ),
        (
            "D9999",
            False,
            "D9999 is a code of the American Dental Association (CDT), which is licensed",
        ),
        ("ZZ001", False, "has no code of HCPCS Level II"),
        ("Z0003", True, "has no modifier of HCPCS Level II"),
    ],
)
def test_what_is_no_code_of_level_ii_is_refused_without_its_text(
    form: Form, value: str, is_modifier: bool, sentence: str
) -> None:
    odd = PLAIN._replace(value=value, is_modifier=is_modifier, title="invented text 1")

    with pytest.raises(FileRefused) as refused:
        form.rows(form.write([PLAIN, odd]))

    assert refused.value.reason == sentence
    assert "invented text" not in str(refused.value)


def test_remarks_below_the_records_are_no_codes() -> None:
    content = anweb([PLAIN]) + "".join(f"{text}\r\n" for text in REMARKS).encode("cp1252")

    assert TEXT.rows(content) == [PLAIN]


def test_a_line_may_lack_the_blanks_at_its_end() -> None:
    head, tail = line(LONG), line(LONG, 1)

    assert TEXT.rows(head[:293] + b"\r\n" + tail[:91] + b"\r\n" + line(LONG, 2) + b"\r\n") == [LONG]


def test_columns_of_a_sheet_are_found_by_their_names_below_a_disclaimer() -> None:
    given = list(cells(LONG))
    turned = [[*HEADING[1:], HEADING[0]], [*given[1:], given[0]]]

    rows = SHEET.rows(workbook([["A disclaimer"], [], *turned]))

    assert rows == [LONG]


def test_a_number_among_texts_is_read_as_its_digits() -> None:
    given = list(cells(LONG))
    place = HEADING.index("TERM DT")
    given[place] = int(str(given[place]))

    assert SHEET.rows(workbook([HEADING, given])) == [LONG]


def test_a_sheet_without_its_columns_is_refused() -> None:
    without = [name for name in HEADING if name != "COV"]
    doubled = [*HEADING, "COV"]

    for heading, sentence in (
        (without, "HCPC2026_ANWEB.xlsx:1:1: has not exactly one column COV"),
        (doubled, "HCPC2026_ANWEB.xlsx:1:1: has not exactly one column COV"),
        (["code"], "HCPC2026_ANWEB.xlsx: has no row that names the columns HCPC and so on"),
    ):
        with pytest.raises(FileRefused) as refused:
            SHEET.rows(workbook([heading, list(cells(PLAIN))]))
        assert str(refused.value) == sentence


def test_facts_tell_each_indicator_with_its_meaning() -> None:
    assert list(facts_of(LONG)) == [
        ("Coverage", "D: covered under special instructions"),
        (
            "Pricing",
            "38: orthotics, prosthetics, prosthetic devices and vision services, between floor "
            "and ceiling",
        ),
        ("Pricing", "21: clinical laboratory fee schedule, up to the national limit"),
        ("Multiple pricing", "A: does not apply: priced in one way"),
        ("Surgical center", "YY: approved for ambulatory surgical centers, since 2008-01-01"),
        ("Medicare outpatient group", "102, since 2001-07-01"),
        ("Medicare outpatient policy", "1: covered in ambulatory surgical centers"),
        ("Anesthesia base units", "7"),
        ("BETOS category", "D1F: prosthetic and orthotic devices"),
        ("Type of service", "1: medical care"),
        (
            "Type of service",
            "P: durable medical equipment, prosthetics or orthotics bought at once",
        ),
        ("Laboratory certificate", "340: toxicology"),
        ("Laboratory certificate", "610: histopathology"),
        ("Statute", "1833(t)(2)"),
        ("National coverage (Coverage Issues Manual)", "60-9"),
        ("National coverage (Coverage Issues Manual)", "65-10"),
        ("Medicare Carriers Manual", "2130.B"),
        ("Processing note", "0088"),
        ("Added", "1986-01-01"),
        ("Last action", "D: discontinued, since 2004-01-01"),
        ("Last day of use", "2025-09-30"),
    ]


def test_an_indicator_that_no_layout_explains_is_shown_as_it_stands() -> None:
    assert list(facts_of(PLAIN._replace(coverage="Q"))) == [("Coverage", "Q")]


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, name)
    return path


def test_of_both_forms_in_an_archive_the_text_is_taken(tmp_path: Path) -> None:
    others = ("HCPC2026_recordlayout.txt", "HCPC2026_JAN_ANWEB_Transaction Report_v2.xlsx")
    sheet_of, text_of = "HCPC2026_JAN_ANWEB_v2.xlsx", "HCPC2026_JAN_ANWEB_v2.txt"
    both = archive(tmp_path / "both.zip", *others, sheet_of, text_of)
    one = archive(tmp_path / "one.zip", *others, sheet_of)

    assert hcpcs_file(both).name == text_of
    assert hcpcs_file(one).name == sheet_of


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        hcpcs_file(archive(tmp_path / "other.zip", "order.txt", "codes.txt"))

    assert refused.value.reason == (
        "has no file named like HCPC2026_OCT_ANWEB.txt; it holds order.txt, codes.txt"
    )


def official(name: str) -> Path:
    if not (FOLDER / name).exists():
        pytest.skip("the official HCPCS files are not here; set CODESTILE_OFFICIAL_FILES")
    return FOLDER / name


def test_the_official_text_of_2019_is_read_whole() -> None:
    path = official("hcpcs-2019.zip")
    with zipfile.ZipFile(path) as archive:
        [name] = [name for name in archive.namelist() if "ANWEB" in name]
        raw = archive.read(name).decode("cp1252")

    rows = hcpcs_anweb.read(hcpcs_file(path))

    codes = [row for row in rows if not row.is_modifier]
    assert (len(codes), len(rows) - len(codes)) == (6_440, 360)
    assert len(codes) == len(re.findall(r"^[A-Z]\d{4}\d{5}3", raw, re.MULTILINE))
    ended = re.findall(r"^[A-Z]\d{9}3.{273}(\d{8})", raw, re.MULTILINE)
    assert sum(row.last_day is not None for row in codes) == len(ended) == 506
    assert next(row for row in rows if row.value == "A0080").title == (
        "Non-emergency transportation, per mile - vehicle provided by volunteer (individual or "
        "organization), with no vested interest"
    )


def test_the_official_sheet_of_october_2025_is_read_whole() -> None:
    rows = hcpcs_xlsx.read(hcpcs_file(official("hcpcs-2025-oct.xlsx")))

    codes = [row for row in rows if not row.is_modifier]
    assert (len(codes), len(rows) - len(codes)) == (8_463, 383)
    assert sum(row.last_day is not None for row in codes) == 1_205
    assert sum(bool(row.cross_references) for row in codes) == 213
    indicated = [
        fact for row in rows for fact in facts_of(row) if fact[0] in ("Pricing", "BETOS category")
    ]
    assert [fact for fact in indicated if ":" not in fact[1]] == []


def test_both_forms_word_a_description_alike() -> None:
    """Codes that were not reworded between the two editions."""
    old = {row.value: row for row in hcpcs_anweb.read(hcpcs_file(official("hcpcs-2019.zip")))}
    new = {row.value: row for row in hcpcs_xlsx.read(hcpcs_file(official("hcpcs-2025-oct.xlsx")))}

    untouched = [
        value
        for value in old.keys() & new.keys()
        if len(old[value].title) > 80
        and old[value].action_on == new[value].action_on
        and old[value].last_day == new[value].last_day
    ]

    reworded = [value for value in untouched if old[value].title != new[value].title]
    assert (len(untouched), len(reworded)) == (2_406, 14)
