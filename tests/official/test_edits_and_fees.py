"""Files of edits and fees are read as they were written, or refused with a reason."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.load import add_on, gpci, mue, ncci, pprrvu, pprrvu_csv
from db.load.add_on import AddOnRow
from db.load.gpci import LocalityRow
from db.load.mue import UnitRow
from db.load.relative_values import RelativeValueRow
from db.load.rows import PairRow
from db.load.source import SourceFile
from schema.edits import UnitSetting
from schema.errors import FileRefused
from tests.official import add_on as add_on_file
from tests.official import gpci as gpci_file
from tests.official import mue as mue_file
from tests.official import ncci as ncci_file
from tests.official import pprrvu as pprrvu_file
from tests.official.damage import damaged
from tests.official.ncci import rule
from tests.official.pprrvu import value_row

Read = Callable[[SourceFile], object]


def pairs(file: SourceFile) -> list[PairRow]:
    """Every rule of a part."""
    return list(ncci.rows([file]))


@given(rows=pprrvu_file.ROWS)
def test_relative_values_are_read_as_they_were_written(rows: list[RelativeValueRow]) -> None:
    text = SourceFile("PPRRVU.txt", pprrvu_file.fixed_width(rows))
    table = SourceFile("PPRRVU.csv", pprrvu_file.comma_separated(rows))

    assert pprrvu.read(text) == rows
    assert pprrvu_csv.read(table) == rows


@given(rows=pprrvu_file.ROWS, place=st.integers(3, 31))
def test_a_column_of_a_later_year_moves_no_other(rows: list[RelativeValueRow], place: int) -> None:
    content = pprrvu_file.comma_separated(rows, column_before=place)

    assert pprrvu_csv.read(SourceFile("PPRRVU.csv", content)) == rows


@given(rows=gpci_file.LOCALITIES)
def test_localities_are_read_as_they_were_written(rows: list[LocalityRow]) -> None:
    factors = {(row.mac, row.number): row.work_gpci for row in rows}

    read = gpci.read(SourceFile("GPCI.csv", gpci_file.indices(rows)))
    of_anesthesia = gpci.read_anesthesia(SourceFile("ANES.csv", gpci_file.factors(factors)))

    assert read == rows
    assert of_anesthesia == factors


@given(rows=ncci_file.ROWS)
def test_pair_edits_are_read_as_they_were_written(rows: list[PairRow]) -> None:
    file = SourceFile("ccipra-v324r0-f1.TXT", ncci_file.part(rows))

    assert pairs(file) == rows


@given(setting=st.sampled_from(UnitSetting), rows=mue_file.ROWS)
def test_limits_of_units_are_read_as_they_were_written(
    setting: UnitSetting, rows: list[UnitRow]
) -> None:
    file = SourceFile("MCR_MUE.csv", mue_file.table(setting, rows))

    assert mue.read(file) == (setting, rows)


@given(rows=add_on_file.ROWS)
def test_add_on_codes_are_read_as_they_were_written(rows: list[AddOnRow]) -> None:
    text = SourceFile("AOC.txt", add_on_file.as_text(rows))
    sheet = SourceFile("AOC.xlsx", add_on_file.as_workbook(rows))

    assert add_on.read(text) == rows
    assert add_on.read(sheet) == rows


VALUES = [
    value_row("G0101", work=Decimal("0.45"), non_facility_total=Decimal("1.17")),
    value_row("12345", "26", status="C", endoscopic_base="54321", is_rare_in_facility=True),
]
PLACES = [
    LocalityRow("10112", "00", "AL", "ALABAMA", *map(Decimal, ("1.000", "0.869", "0.575"))),
    LocalityRow("02102", "01", "AK", "ALASKA", *map(Decimal, ("1.500", "1.081", "0.592"))),
]
PAIRS = [
    rule("12345/54321", date(2020, 1, 1)),
    rule(
        "G0101/12345",
        date(1996, 1, 1),
        date(1996, 1, 1),
        indicator=9,
        rationale=ncci_file.DEFINITION,
    ),
]
UNITS = [UnitRow("12345", 3, 2, "CMS Policy"), UnitRow("G0101", 1, 3, "Nature of Service")]
ADD_ONS = [
    AddOnRow("12345", "54321", 1, date(2013, 4, 1), date(2023, 12, 31)),
    AddOnRow("G0101", None, 2, date(2013, 4, 1), None),
]
MADE: dict[str, tuple[bytes, Read]] = {
    "values as text": (pprrvu_file.fixed_width(VALUES), pprrvu.read),
    "values as a table": (pprrvu_file.comma_separated(VALUES), pprrvu_csv.read),
    "localities": (gpci_file.indices(PLACES), gpci.read),
    "factors": (gpci_file.factors({("10112", "00"): Decimal(20)}), gpci.read_anesthesia),
    "pairs": (ncci_file.part(PAIRS), pairs),
    "units": (mue_file.table(UnitSetting.SUPPLIER, UNITS), mue.read),
    "add-ons as text": (add_on_file.as_text(ADD_ONS), add_on.read),
    "add-ons as a workbook": (add_on_file.as_workbook(ADD_ONS), add_on.read),
}
"""By name: a file of each format, whole, and what reads it."""


def answer(read: Read, content: bytes) -> str:
    """What is read of a file, or why it is refused."""
    try:
        return repr(read(SourceFile("damaged", content)))
    except FileRefused as refused:
        return str(refused)


def refusals(whole: bytes, read: Read, seeds: range) -> int:
    """How many damaged copies are refused; anything but that or being read fails the test."""
    count = 0
    for seed in seeds:
        try:
            read(SourceFile("damaged", damaged(whole, seed)))
        except FileRefused:
            count += 1
    return count


@pytest.mark.parametrize("name", MADE)
def test_a_damaged_file_is_read_or_refused(name: str) -> None:
    assert refusals(*MADE[name], range(300)) > 150


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_ten_thousand_damaged_files_are_read_or_refused(name: str) -> None:
    assert refusals(*MADE[name], range(10_000)) > 5_000


@pytest.mark.parametrize("name", MADE)
def test_a_file_of_another_format_is_refused(name: str) -> None:
    others = {other: content for other, (content, _) in MADE.items() if other != name}
    _, read = MADE[name]
    twin = {
        "add-ons as text": "add-ons as a workbook",
        "add-ons as a workbook": "add-ons as text",
    }.get(name)

    told = {}
    for other, content in others.items():
        try:
            read(SourceFile("other", content))
        except FileRefused as refused:
            told[other] = refused.reason

    assert told.keys() == others.keys() - {twin}
    assert all(told.values())


def place_of(read: Read, content: bytes) -> tuple[int | None, int | None, str]:
    """Line, column and reason with which a file is refused."""
    with pytest.raises(FileRefused) as refused:
        read(SourceFile("odd", content))
    return refused.value.line, refused.value.column, refused.value.reason


@pytest.mark.parametrize(
    ("place", "text", "reason"),
    [
        (1, "12-45", "is not a procedure code"),
        (6, "2", "is not a modifier or nothing"),
        (58, "Z", "is not a status that is understood here"),
        (60, "  1,00", "is not a number with two decimals"),
        (66, "x", "is not blank between two columns"),
        (73, "N ", "is not NA or nothing"),
        (133, "32.34651", "is not a conversion factor with up to four decimals"),
    ],
)
def test_an_odd_column_of_text_is_refused_with_its_place(
    place: int, text: str, reason: str
) -> None:
    lines = pprrvu_file.fixed_width(VALUES[:1]).decode().splitlines()
    line = lines[2][: place - 1] + text + lines[2][place - 1 + len(text) :]
    content = "\r\n".join((*lines[:2], line, "")).encode()

    assert place_of(pprrvu.read, content) == (3, place, reason)


def test_no_refusal_repeats_a_description() -> None:
    """Descriptions are licensed: not even a message may carry them."""
    for content, read in (MADE["values as text"], MADE["values as a table"]):
        for seed in range(300):
            assert "INVENTED" not in answer(read, damaged(content, seed))


def test_values_that_come_twice_are_refused() -> None:
    content = pprrvu_file.fixed_width([*VALUES, VALUES[1]])

    assert place_of(pprrvu.read, content) == (5, 1, "12345 26 comes twice")


def test_a_heading_that_lacks_a_column_or_has_it_twice_is_refused() -> None:
    content = pprrvu_file.comma_separated(VALUES)
    lacking = content.replace(b"CONV,", b"CONF,")
    double = content.replace(b",PRE,", b",INTRA,")

    lacks = "has 0 columns CONV FACTOR where one is expected"
    assert place_of(pprrvu_csv.read, lacking) == (7, 1, lacks)
    assert place_of(pprrvu_csv.read, double)[2] == "has 0 columns PRE OP where one is expected"


@pytest.mark.parametrize(
    ("old", "new", "column", "reason"),
    [
        (b"\t20200101\t", b"\t20201301\t", 14, "is not the first day of the rule (YYYYMMDD)"),
        (b"\t20200101\t*", b"\t20200101\t", 23, "is not the last day of the rule (YYYYMMDD)"),
        (b"\t*\t1\t", b"\t*\t2\t", 25, "is not a modifier indicator 0, 1 or 9"),
        (b"12345\t54321\t\t", b"12345\t5432-\t\t", None, None),
        (b"\t1\tMisuse", b"\t1\t", 27, None),
    ],
)
def test_an_odd_rule_of_a_pair_is_refused_with_its_place(
    old: bytes, new: bytes, column: int | None, reason: str | None
) -> None:
    rows = [PAIRS[1], rule("12345/54321", date(2020, 1, 1), rationale="Misuse")]
    content = ncci_file.part(rows)
    assert content.count(old) == 1

    line, at, said = place_of(pairs, content.replace(old, new))

    assert line == 9
    assert column is None or at == column
    assert reason is None or said == reason


def test_a_part_without_its_heading_is_refused() -> None:
    *_, first, second = ncci_file.part(PAIRS).splitlines(keepends=True)

    told = place_of(pairs, first + second)

    assert told == (1, 1, "has no heading Column 1, Column 2, Modifier above its first rule")


def test_a_day_that_its_year_does_not_have_is_refused() -> None:
    content = add_on_file.as_text(ADD_ONS).replace(b"2023365", b"2023366")

    assert place_of(add_on.read, content) == (3, 7, "is not a last day or nothing (YYYYDDD)")


def test_an_add_on_rule_ends_with_the_first_of_what_it_names() -> None:
    content = add_on_file.as_text(ADD_ONS[:1])
    ended = content.replace(b"54321\t\t", b"54321\t2020366\t")

    [rule] = add_on.read(SourceFile("AOC.txt", ended))

    assert rule.effective_to == date(2020, 12, 31)


def test_a_limit_that_is_judged_in_no_known_way_is_refused() -> None:
    content = mue_file.table(UnitSetting.SUPPLIER, UNITS).replace(b"2 Date of", b"4 Date of")

    line, column, reason = place_of(mue.read, content)

    assert (line, column) == (5, 3)
    assert reason == "is not an adjudication indicator 1, 2 or 3"


def test_a_table_of_localities_that_goes_on_behind_its_end_is_refused() -> None:
    content = gpci_file.indices(PLACES[:1]) + gpci_file.indices(PLACES[1:])

    assert place_of(gpci.read, content)[2] == "the table goes on behind its end"
