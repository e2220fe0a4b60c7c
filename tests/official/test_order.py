"""Order files, codes files and addenda: what is written is read, and damage is refused."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.load import addenda, icd10cm_codes, order_file
from db.load.addenda_proof import refuse_disagreement
from db.load.order_file import OrderRow
from db.load.source import SourceFile
from schema.codes import CodeSystemKey
from schema.errors import FileRefused
from tests.official import icd10cm_order, icd10pcs_order
from tests.official.addenda import codes_addenda, order_addenda
from tests.official.damage import damaged

CM, PCS = CodeSystemKey.ICD10CM, CodeSystemKey.ICD10PCS
WORDS = st.text(st.sampled_from("abcXYZ09 ,[]-()"), min_size=1, max_size=90).map(str.strip)
TITLES = WORDS.filter(lambda text: text != "")
DIGITS = "0123456789ABCXYZ"


@st.composite
def lists(draw: st.DrawFn) -> list[OrderRow]:
    """An order file: categories with codes below some of them, in tree order."""
    categories = draw(
        st.lists(st.from_regex(r"[A-Z][0-9][0-9A-C]", fullmatch=True), min_size=1, unique=True)
    )
    rows: list[OrderRow] = []
    for category in categories:
        below = draw(st.lists(st.sampled_from(DIGITS), unique=True, max_size=3))
        rows.append(_row(draw, category, is_billable=not below))
        rows += [_row(draw, category + last, is_billable=True) for last in below]
    return rows


def _row(draw: st.DrawFn, value: str, *, is_billable: bool) -> OrderRow:
    title = draw(TITLES)
    return OrderRow(value, is_billable, title[:60].rstrip(), title)


@given(lists())
def test_an_order_file_reads_as_the_rows_it_was_written_from(rows: list[OrderRow]) -> None:
    file = SourceFile("icd10cm-order-2026.txt", icd10cm_order.order(rows))

    assert order_file.read(file, CM) == rows


@given(lists())
def test_a_codes_file_reads_as_the_codes_it_was_written_from(rows: list[OrderRow]) -> None:
    file = SourceFile("icd10cm-codes-2026.txt", icd10cm_order.codes(rows))

    assert icd10cm_codes.read(file) == [
        row._replace(short_title=None) for row in rows if row.is_billable
    ]


@st.composite
def editions(draw: st.DrawFn) -> tuple[list[OrderRow], list[OrderRow]]:
    """An order file, and the one that follows it: some rows gone, some come, some retitled."""
    old = draw(lists())
    kept = [row for row in old if len(row.value) == 3 or draw(st.booleans())]
    headers = {row.value[:3] for row in kept if len(row.value) == 4}
    new = [
        OrderRow(
            row.value,
            row.value not in headers,
            row.short_title,
            row.title if draw(st.booleans()) else draw(TITLES),
        )
        for row in kept
    ]
    return old, new


@given(editions())
def test_addenda_read_as_what_they_were_written_from(
    pair: tuple[list[OrderRow], list[OrderRow]],
) -> None:
    old, new = pair
    file = SourceFile("icd10cm-order-addenda-2026.txt", order_addenda(old, new, 2026))

    told = addenda.read(file, addenda.ICD10CM_ORDER)

    was, is_now = ({row.key: row for row in rows} for rows in pair)
    assert [entry.row for entry in told.added] == [r for k, r in is_now.items() if k not in was]
    assert [entry.row for entry in told.deleted] == [r for k, r in was.items() if k not in is_now]
    assert [(a.row, b.row) for a, b in told.revised] == [
        (was[key], row) for key, row in is_now.items() if key in was and was[key] != row
    ]
    assert (told.before, told.summaries[True].counts["after"]) == (
        "FY2025",
        sum(row.is_billable for row in new),
    )


@given(editions())
def test_addenda_agree_with_the_list_that_they_lead_to(
    pair: tuple[list[OrderRow], list[OrderRow]],
) -> None:
    old, new = pair
    order = SourceFile("a.txt", order_addenda(old, new, 2026))
    codes = SourceFile("b.txt", codes_addenda(old, new, 2026))
    listed = [row._replace(short_title=None) for row in new if row.is_billable]

    refuse_disagreement(addenda.read(order, addenda.ICD10CM_ORDER), new, None)
    refuse_disagreement(addenda.read(codes, addenda.ICD10CM_CODES), listed, None)


@given(editions())
@settings(max_examples=50)
def test_addenda_disagree_with_a_list_that_lacks_a_row(
    pair: tuple[list[OrderRow], list[OrderRow]],
) -> None:
    old, new = pair
    told = addenda.read(SourceFile("a.txt", order_addenda(old, new, 2026)), addenda.ICD10CM_ORDER)

    for place in range(len(new)):
        with pytest.raises(FileRefused):
            refuse_disagreement(told, [*new[:place], *new[place + 1 :]], None)


TABLE = icd10pcs_order.table("0A1", "Invented body, Moved", {"0AAZ": "Move all", "0ABZ": "Move b"})


def test_an_order_file_of_procedures_keeps_the_headers_of_its_tables() -> None:
    file = SourceFile("icd10pcs_order_2026.txt", icd10cm_order.order(TABLE))

    rows = order_file.read(file, PCS)

    assert rows == TABLE
    assert [(row.value, row.is_billable) for row in rows] == [
        ("0A1", False),
        ("0A10AAZ", True),
        ("0A10ABZ", True),
    ]


def test_addenda_of_procedures_tell_headers_from_codes_by_their_length() -> None:
    more = [*TABLE, *icd10pcs_order.table("0A2", "Invented body, Stilled", {"0AAZ": "Still all"})]
    new = icd10pcs_order.without(more, "0A10ABZ")
    file = SourceFile("order_addenda_2026.txt", order_addenda(TABLE, new, 2026, "icd10pcs"))

    told = addenda.read(file, addenda.ICD10PCS_ORDER)

    refuse_disagreement(told, new, None)
    assert [(entry.line, *entry.row.key) for entry in (*told.deleted, *told.added)] == [
        (1, "0A10ABZ", True),
        (2, "0A2", False),
        (3, "0A20AAZ", True),
    ]


FIRST = "00001 A00     0 Ague                                                         Ague\r\n"
SECOND = "00002 A000    1 Shaking ague                                                 Shaking\r\n"


def changed(line: str, column: int, text: str) -> str:
    """The line with a text written over it from a column on, counted from 1."""
    return line[: column - 1] + text + line[column - 1 + len(text) :]


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        (SECOND, "1:1", "has the order number 00002 where 00001 is due"),
        (FIRST + FIRST, "2:1", "has the order number 00001 where 00002 is due"),
        (FIRST + changed(SECOND, 6, "X"), "2:6", "has no blank between two columns"),
        (FIRST + changed(SECOND, 16, "X"), "2:16", "has no blank between two columns"),
        (FIRST + changed(SECOND, 7, "a000"), "2:7", "'a000' is not a code of ICD-10-CM"),
        (FIRST + changed(SECOND, 15, "2"), "2:15", "has the flag '2', neither 0 nor 1"),
        (FIRST + changed(SECOND, 17, " " * 60), "2:17", "begins no title here"),
        (FIRST + SECOND[:79] + "\r\n", None, None),
        (FIRST + SECOND[:77] + "\r\n", "2:78", "ends before the long title in column 78"),
        (FIRST + "\r\n", "2:1", "ends before the long title in column 78"),
        (FIRST + SECOND[:-2], "2:85", "ends inside a line; the file is cut"),
        (FIRST + changed(SECOND, 7, "A00 "), "2:7", "A00 comes twice, first in line 1"),
        (FIRST + changed(SECOND, 7, "B000"), "2:7", "B000 stands without the header B00"),
        (
            changed(FIRST, 15, "1") + SECOND,
            "2:7",
            "A000 stands below A00, which the file calls valid on a claim",
        ),
        (
            changed(SECOND, 1, "00001") + changed(FIRST, 1, "00002"),
            "1:7",
            "A000 stands before its header A00",
        ),
        (FIRST + changed(SECOND, 80, "\t"), "2:1", "has a character that cannot be printed"),
        (FIRST + changed(SECOND, 80, "é"), "2:80", "is not ASCII text"),
        ("", "1:1", "ends inside a line; the file is cut"),
    ],
)
def test_an_odd_line_is_refused_by_line_and_column(
    content: str, place: str | None, reason: str | None
) -> None:
    file = SourceFile("order.txt", content.encode())
    if place is None:
        assert len(order_file.read(file, CM)) == 2
        return

    with pytest.raises(FileRefused) as refused:
        order_file.read(file, CM)

    assert str(refused.value) == f"order.txt:{place}: {reason}"


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        ("A000    Ague\r\nA000    Ague\r\n", "2:1", "A000 comes twice"),
        ("A000    Ague\r\n00001 A00 0\r\n", "2:1", "'00001 A' is not a code of ICD-10-CM"),
        ("A000000XAgue\r\n", "1:8", "has no blank after the code"),
        ("A000     Ague\r\n", "1:9", "begins no title here"),
    ],
)
def test_an_odd_line_of_a_codes_file_is_refused_by_line_and_column(
    content: str, place: str, reason: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        icd10cm_codes.read(SourceFile("codes.txt", content.encode()))

    assert str(refused.value) == f"codes.txt:{place}: {reason}"


OLD = [
    OrderRow("A00", False, "Ague", "Ague"),
    OrderRow("A000", True, "Shaking ague", "Shaking ague"),
    OrderRow("A001", True, "Dumb ague", "Dumb ague"),
    OrderRow("A01", True, "Murrain", "Murrain"),
]
NEW = [
    OLD[0],
    OLD[1]._replace(title="Shaking ague, all kinds"),
    OrderRow("A002", True, "Quartan ague", "Quartan ague"),
    OLD[3]._replace(is_billable=False),
    OrderRow("A010", True, "Old murrain", "Old murrain"),
]
WHOLE = order_addenda(OLD, NEW, 2026).decode()


@pytest.mark.parametrize(
    ("found", "instead", "reason"),
    [
        ("2 additions", "4 additions", "counts 4 codes under 'additions' where 2 are"),
        ("Quartan ague", "Quartan fever", "adds the code A002, which the list does not have so"),
        (
            "Delete:      1 A001",
            "Delete:      1 A000",
            "deletes the code A000, which the list still has",
        ),
        ("Revise to:   1 A000", "Revise to:   1 A001", "revises A000 and does not say to what"),
        ("Add:  ", "Added:", "is neither an entry nor a line of the summary"),
        ("1 A002 ", "1 a002 ", "is not a word, a flag and a code"),
        ("1 A002 ", "2 A002 ", "is not a word, a flag and a code"),
        ("      2 deletions\r\n", "", "has no whole summary; the file is cut"),
        ("of which", "of those", "is neither an entry nor a line of the summary"),
        ("\r\nCodes\r\n", "\r\n", "counts what was counted before"),
    ],
)
def test_addenda_that_contradict_themselves_or_the_list_are_refused(
    found: str, instead: str, reason: str
) -> None:
    assert found in WHOLE
    file = SourceFile("a.txt", WHOLE.replace(found, instead).encode())

    with pytest.raises(FileRefused) as refused:
        refuse_disagreement(addenda.read(file, addenda.ICD10CM_ORDER), NEW, None)

    assert reason in str(refused.value)


def test_addenda_refuse_the_list_of_another_year() -> None:
    told = addenda.read(SourceFile("a.txt", WHOLE.encode()), addenda.ICD10CM_ORDER)

    with pytest.raises(FileRefused, match="adds the code A002, which the list does not have so"):
        refuse_disagreement(told, OLD, None)


def _survives(seed: int) -> None:
    """Reads damaged files of every form; whatever is neither read nor refused is a failure."""
    for content, read in (
        (icd10cm_order.order(NEW), lambda file: order_file.read(file, CM)),
        (icd10cm_order.order(TABLE), lambda file: order_file.read(file, PCS)),
        (icd10cm_order.codes(NEW), icd10cm_codes.read),
    ):
        _read_or_refused(SourceFile("f.txt", damaged(content, seed)), read)
    for content, form in (
        (WHOLE.encode(), addenda.ICD10CM_ORDER),
        (order_addenda(TABLE, TABLE[:-1], 2026, "icd10pcs"), addenda.ICD10PCS_ORDER),
        (codes_addenda(OLD, NEW, 2026), addenda.ICD10CM_CODES),
    ):
        file = SourceFile("f.txt", damaged(content, seed))
        _read_or_refused(file, partial(addenda.read, layout=form))


def _read_or_refused(file: SourceFile, read: Callable[[SourceFile], object]) -> None:
    try:
        rows = read(file)
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
