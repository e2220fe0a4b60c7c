"""The conversion table is read as it was written, or refused with a reason."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.load import conversion
from db.load.conversion import ConversionRow, Span
from db.load.opening import opened
from db.load.source import SourceFile
from db.load.succession import KnownCodes, edges
from db.load.workbook import sheet_rows
from schema.crosswalks import Relationship
from schema.errors import FileRefused
from tests.official.conversion import HEADER, Row, in_csv, xlsx
from tests.official.damage import damaged
from tests.official.files import official

TABLE = "icd10cm-conversion-table-fy2026.xlsx"
CODE = st.from_regex(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?", fullmatch=True)
CATEGORY = st.from_regex(r"[A-Z][0-9][0-9A-Z]", fullmatch=True)


def stored(printed: str) -> str:
    return printed.replace(".", "")


def _range(ends: tuple[str, str]) -> tuple[str, Span]:
    first, last = sorted(ends, key=stored)
    return f"{first}-{last}", Span(stored(first), stored(last))


def _categories(ends: tuple[str, str]) -> tuple[str, Span]:
    printed, span = _range(ends)
    return f"Codes in Categories {printed}", span._replace(is_group=True)


SPAN = st.one_of(
    CODE.map(lambda one: (one, Span(stored(one), stored(one)))),
    st.tuples(CODE, CODE).map(_range),
    st.tuples(CATEGORY, CATEGORY).map(_categories),
    CATEGORY.map(lambda one: (f"{one}.-", Span(one, one, is_group=True))),
    CATEGORY.map(lambda one: (f"a code from {one}-", Span(one, one, is_group=True))),
)
"""A previous code or several, as printed and as meant."""
JOINTS = [" and ", " AND ", " & "]


@st.composite
def previous(draw: st.DrawFn) -> tuple[str, tuple[tuple[Span, ...], ...]]:
    """A list of previous codes as printed, and its parts."""
    spans = draw(st.lists(SPAN, max_size=4))
    printed, meant = [text for text, _ in spans], [span for _, span in spans]
    if not spans:
        return "None", ()
    if len(spans) == 1 or draw(st.booleans()):
        return draw(st.sampled_from([", ", "; "])).join(printed), (tuple(meant),)
    joint = draw(st.sampled_from(JOINTS))
    comma = draw(st.sampled_from([", ", joint]))
    return comma.join(printed[:-1]) + joint + printed[-1], tuple((span,) for span in meant)


@st.composite
def table_rows(draw: st.DrawFn) -> tuple[Row, ConversionRow]:
    """A row as printed, and as meant."""
    code, (printed, parts) = draw(CODE), draw(previous())
    year = draw(st.integers(2016, 2030))
    day = draw(st.one_of(st.just(year), st.dates(date(2016, 1, 1), date(2030, 12, 31))))
    starts = date(day, 10, 1) if isinstance(day, int) else day
    return (code, day, printed), ConversionRow(stored(code), starts, printed, parts)


@pytest.mark.parametrize("make", [xlsx, in_csv])
@given(rows=st.lists(table_rows(), min_size=1, max_size=8))
def test_a_table_is_read_as_it_was_written(
    make: Callable[[Sequence[Row]], bytes], rows: list[tuple[Row, ConversionRow]]
) -> None:
    content = make([printed for printed, _ in rows])

    assert conversion.read(SourceFile("table", content)) == [meant for _, meant in rows]


@pytest.mark.parametrize(
    ("printed", "parts"),
    [
        ("None", ()),
        ("A04.7", [["A047"]]),
        ("S20.301A; S20.302A; S20.309A", [["S20301A", "S20302A", "S20309A"]]),
        ("P35.8 and A92.5", [["P358"], ["A925"]]),
        ("M93.001 & M93.002", [["M93001"], ["M93002"]]),
        ("H02.201, H02.202, H02.204 and H02.205", [["H02201"], ["H02202"], ["H02204"], ["H02205"]]),
        ("H35.20-H35.23", [["H3520-H3523"]]),
        ("H44.20-H44.23 and H33.2", [["H4420-H4423"], ["H332"]]),
        ("Codes in Categories T15-T19", [["T15-T19*"]]),
        ("K31.89 and a code from R11-", [["K3189"], ["R11*"]]),
        ("I63.- and P91.88", [["I63*"], ["P9188"]]),
        ("W453XXA", [["W453XXA"]]),
    ],
)
def test_previous_codes_are_alternatives_or_belong_together(
    printed: str, parts: list[list[str]]
) -> None:
    (row,) = conversion.read(SourceFile("table.csv", in_csv([("A00.1", 2020, printed)])))

    assert [[_shown(span) for span in part] for part in row.parts] == list(parts)


def _shown(span: Span) -> str:
    ends = span.first if span.first == span.last else f"{span.first}-{span.last}"
    return f"{ends}*" if span.is_group else ends


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (("A00", 2020, "A01; A02 and A03"), 3, "'A01; A02 and A03' is no list of previous codes"),
        (("A00", 2020, ""), 3, "'' is no list of previous codes"),
        (("A00", 2020, "A02-A01"), 3, "'A02-A01' is no list of previous codes"),
        (("A00", 20, "A01"), 2, "'20' is no year or day"),
        (("A00", "2020-02-30", "A01"), 2, "'2020-02-30' is no year or day"),
        (("cholera", 2020, "A01"), 1, "'CHOLERA' is no code"),
    ],
)
def test_an_odd_row_is_refused_with_its_place(row: Row, column: int, reason: str) -> None:
    content = in_csv([("A00.0", 2020, "A00"), row])

    with pytest.raises(FileRefused) as refused:
        conversion.read(SourceFile("table.csv", content))

    told = refused.value
    assert (told.line, told.column, told.reason) == (5, column, reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends inside a line; the file is cut"),
        (b"a,b,c\n", f"has no header with the columns {', '.join(HEADER)}"),
        (in_csv([]), "holds no row"),
        (xlsx([]), "holds no row"),
        (in_csv([("A00", 2020, "A01")])[:-9], "ends inside a line; the file is cut"),
        ("é".encode("latin-1") + b"\n", "is not UTF-8 text"),
        (b"PK not an archive", "is not a whole zip archive: File is not a zip file"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(FileRefused) as refused:
        conversion.read(SourceFile("table", content))

    assert refused.value.reason == reason


KNOWN = KnownCodes.of(
    {"H3520": "CODE", "H3521": "CODE", "H3523": None, "H352": "HEADER", "H353": "CODE"}
    | {"T15": "HEADER", "T150": "HEADER", "T1500XA": "CODE", "T17": "HEADER", "T19": "HEADER"}
    | {"S06890A": "CODE", "S06890D": "CODE", "S06891A": "CODE", "S06899A": "CODE"}
)


@pytest.mark.parametrize(
    ("printed", "targets"),
    [
        ("H35.20-H35.23", ["H3520", "H3521", "H3523"]),
        ("H35.20-H35.24", ["H3520", "H3521", "H3523", "H3524"]),
        ("Codes in Categories T15-T19", ["T15", "T17", "T19"]),
        ("S06.890A-S06.899A", ["S06890A", "S06891A", "S06899A"]),
        ("Z99.9", ["Z999"]),
        ("H81.41-H81.43", ["H8141", "H8142", "H8143"]),
    ],
)
def test_a_range_stands_for_the_codes_of_it_that_are_known(
    printed: str, targets: list[str]
) -> None:
    rows = conversion.read(SourceFile("table.csv", in_csv([("A00.1", 2020, printed)])))

    written = edges("table.csv", rows, KNOWN)

    assert [row.target for row in written] == targets
    assert {row.relationship for row in written} == {Relationship.RELATED_TO}


def test_a_range_of_which_nothing_is_known_is_refused() -> None:
    rows = conversion.read(SourceFile("table.csv", in_csv([("A00.1", 2020, "B10.0-B12.0")])))

    with pytest.raises(FileRefused) as refused:
        edges("table.csv", rows, KNOWN)

    assert (
        refused.value.reason == "A001 names B10.0-B12.0, and none of it is known: load codes first"
    )


def test_a_row_that_the_table_repeats_is_taken_once() -> None:
    printed = [("O44.20", 2016, "O44.00"), ("O44.20", 2016, "O44.00"), ("O44.21", 2016, "O44.01")]

    written = edges("table.csv", conversion.read(SourceFile("table.csv", in_csv(printed))), KNOWN)

    assert [(row.source, row.target) for row in written] == [("O4420", "O4400"), ("O4421", "O4401")]


WHOLE = [("A04.71", 2017, "A04.7"), ("P35.4", date(2018, 10, 1), "P35.8 and A92.5")]


def _read_or_refuse(content: bytes) -> bool:
    try:
        rows = conversion.read(SourceFile("table", content))
    except FileRefused:
        return False
    assert all(span.first <= span.last for row in rows for part in row.parts for span in part)
    return True


def _fuzz(make: Callable[[Sequence[Row]], bytes], seeds: range) -> Counter[bool]:
    whole = make(WHOLE)
    return Counter(_read_or_refuse(damaged(whole, seed)) for seed in seeds)


@pytest.mark.parametrize("make", [xlsx, in_csv])
def test_a_damaged_table_is_read_or_refused(make: Callable[[Sequence[Row]], bytes]) -> None:
    assert _fuzz(make, range(400))[False] > 100


@pytest.mark.slow
@pytest.mark.parametrize("make", [xlsx, in_csv])
def test_a_table_damaged_in_ten_thousand_ways_is_read_or_refused(
    make: Callable[[Sequence[Row]], bytes],
) -> None:
    assert _fuzz(make, range(10_000))[False] > 2_500


def test_the_table_of_2026_has_the_rows_and_codes_that_another_count_finds() -> None:
    (file,) = opened(official(TABLE))

    rows = conversion.read(file)

    cells = [str(row[2]) for _, row in sheet_rows(file)][2:]
    codes = [re.findall(r"[A-Z]\d[0-9A-Z](?:\.\w+)?", cell) for cell in cells]
    ends = [
        end
        for row in rows
        for part in row.parts
        for span in part
        for end in {span.first, span.last}
    ]
    assert len(rows) == len(cells) == 5_892
    assert len(ends) == sum(map(len, codes)) == 6_348
    assert sum(not row.parts for row in rows) == cells.count("None") == 125
    together = [row for row in rows if len(row.parts) > 1]
    assert len(together) == sum(bool(re.search(r"(?i) and | & ", cell)) for cell in cells) == 119
    assert sum(len(found) > 1 for found in codes) == 427
    by_day = Counter(row.effective_from for row in rows)
    assert by_day[date(2025, 10, 1)] == 487
    assert {day: count for day, count in by_day.items() if day.month != 10} == {
        date(2020, 4, 1): 2,
        date(2021, 1, 1): 6,
        date(2022, 4, 1): 3,
        date(2023, 4, 1): 42,
    }
