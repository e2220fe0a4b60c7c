"""General Equivalence Mappings are read as they were written, or refused with a reason."""

import json
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.load import gem
from db.load.opening import opened
from db.load.rows import EdgeRow
from db.load.source import SourceFile
from schema.crosswalks import Relationship
from schema.errors import FileRefused
from tests.official.damage import damaged
from tests.official.files import official
from tests.official.gem import Row, nber_csv, text

ICD9 = st.from_regex(r"[0-9]{3,5}|V[0-9]{2,4}|E[0-9]{3,4}", fullmatch=True)
ICD10 = st.from_regex(r"[A-Z][0-9][0-9A-Z]{1,5}", fullmatch=True)
ICD9_PX = st.from_regex(r"[0-9]{3,4}", fullmatch=True)
PCS = st.from_regex(r"[0-9A-HJ-NP-Z]{7}", fullmatch=True)
CODES = {
    "GEM_I9_I10": (ICD9, ICD10, "NoDx"),
    "GEM_I10_I9": (ICD10, ICD9, "NoDx"),
    "GEM_I9_PCS": (ICD9_PX, PCS, "NoPCS"),
    "GEM_PCS_I9": (PCS, ICD9_PX, "NoI9"),
}
SINGLE = st.sampled_from(["00000", "10000"])
TOGETHER = st.from_regex(r"101[1-9][1-9]", fullmatch=True)


def rows_of(kind: str) -> st.SearchStrategy[list[Row]]:
    """Rows as the file prints them, the case of letters left open."""
    source, target, nothing = CODES[kind]
    printed = st.one_of(
        st.tuples(source, st.one_of(target, target.map(str.lower)), st.one_of(SINGLE, TOGETHER)),
        st.tuples(source, st.just(nothing), st.sampled_from(["11000", "10000"])),
    )
    return st.lists(
        printed, min_size=1, max_size=20, unique_by=lambda row: (row[0], row[1].upper(), row[2])
    )


def meant(row: Row) -> EdgeRow:
    """What a row says, by the words of CMS."""
    source, target, flags = row
    if target.startswith("No"):
        attrs = None if flags == "11000" else json.dumps({"printed": flags})
        return EdgeRow(source, None, Relationship.NOT_RELATED, flags[0] == "1", attrs=attrs)
    relationship = Relationship.EQUIVALENT if flags[0] == "0" else Relationship.RELATED_TO
    numbers = (int(flags[3]) or None, int(flags[4]) or None)
    return EdgeRow(source, target.upper(), relationship, flags[0] == "1", flags[2] == "1", *numbers)


@pytest.mark.parametrize("kind", CODES)
@given(data=st.data())
def test_text_is_read_as_it_was_written(kind: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(kind))

    read = gem.read(SourceFile("gem.txt", text(kind, rows)), gem.MAPS[kind])

    assert read == (gem.MAPS[kind], [meant(row) for row in rows])


@pytest.mark.parametrize("kind", ["GEM_I9_I10", "GEM_I10_I9"])
@given(data=st.data())
def test_csv_is_read_as_it_was_written(kind: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(kind))

    read = gem.read(SourceFile("gem.csv", nber_csv(kind, rows)), gem.MAPS[kind])

    assert read == (gem.MAPS[kind], [meant(row) for row in rows])


SAMPLES: dict[str, list[Row]] = {
    "GEM_I9_I10": [("0010", "A000", "00000"), ("E8558", "T422X1A", "10111")],
    "GEM_I10_I9": [("A000", "0010", "00000"), ("R402130", "NoDx", "11000")],
    "GEM_I9_PCS": [("336", "02YA0Z0", "10111"), ("0016", "NoPCS", "11000")],
    "GEM_PCS_I9": [("0016070", "0234", "10000"), ("02YA0Z0", "NoI9", "10000")],
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_tells_by_its_codes_which_mapping_it_is(kind: str) -> None:
    code_map, rows = gem.read(SourceFile("gem.txt", text(kind, SAMPLES[kind])))

    assert (code_map.kind, len(rows)) == (kind, 2)


def test_a_file_whose_codes_fit_two_mappings_asks_which_it_is() -> None:
    content = text("GEM_I9_PCS", [("336", "B020ZZZ", "10000")])

    with pytest.raises(FileRefused) as refused:
        gem.read(SourceFile("gem.txt", content))

    assert refused.value.reason == "may be any of GEM_I9_I10 or GEM_I9_PCS; say which with --map"


def test_a_row_without_a_target_has_none_whatever_its_flags() -> None:
    _, (_, row) = gem.read(SourceFile("gem.txt", text("GEM_PCS_I9", SAMPLES["GEM_PCS_I9"])))

    assert (row.target, row.relationship) == (None, Relationship.NOT_RELATED)
    assert row.attrs == '{"printed": "10000"}'


def test_a_row_that_is_numbered_in_both_is_part_of_a_combination_whatever_its_flag() -> None:
    content = text("GEM_I9_PCS", [("3584", "02S00ZZ", "10013"), ("3584", "02SP0ZZ", "10111")])

    _, (row, _) = gem.read(SourceFile("gem.txt", content))

    assert (row.is_combination, row.scenario, row.choice_list) == (True, 1, 3)
    assert row.attrs == '{"printed": "10013"}'


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (b"0010  A000    11000", 15, "says no map and names a target"),
        (b"0010  A000    20000", 15, "20000 is not five flags"),
        (b"0010  A000    0000", 15, "0000 is not five flags"),
        (b"0010  A000    10110", 15, "is part of a combination without scenario and list"),
        (b"0010  NoDx    10111", 15, "is part of a combination and names no target"),
        (b"0010  A-00    00000", 1, "is not source, target and five flags"),
        (b"0010 00000", 1, "is not source, target and five flags"),
        (b"", 1, "is not source, target and five flags"),
        (b"0010  AA00    00000", 7, "AA00 is no target of 0010 in GEM_I9_I10"),
        (b"X010  A000    00000", 1, "X010 is no source of GEM_I9_I10"),
        (b"0011  A001    00000", 1, "0011 to A001 comes twice with the flags 00000"),
    ],
)
def test_an_odd_row_of_text_is_refused_with_its_place(row: bytes, column: int, reason: str) -> None:
    file = SourceFile("gem.txt", b"0011  A001    00000\n" + row + b"\n")

    with pytest.raises(FileRefused) as refused:
        gem.read(file)

    told = refused.value
    assert (told.line, told.column, told.reason) == (2, column, reason)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (b'"0010","A000","11000",1,1,0,0,0', 3, "says no map and names a target"),
        (b'"0010","A000","10000",0,0,0,0,0', 1, "is not source, target and five flags"),
        (b'"0010","A000","00000",0,0,0,0', 1, "is not source, target and five flags"),
        (b'"0010","A0"00","00000",0,0,0,0,0', 1, "is not CSV: ',' expected after '\"'"),
    ],
)
def test_an_odd_row_of_csv_is_refused_with_its_place(row: bytes, column: int, reason: str) -> None:
    file = SourceFile("gem.csv", nber_csv("GEM_I9_I10", [("0011", "A001", "00000")]) + row + b"\n")

    with pytest.raises(FileRefused) as refused:
        gem.read(file)

    told = refused.value
    assert (told.line, told.column, told.reason) == (3, column, reason)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 1, "ends inside a line; the file is cut"),
        (b"0010  A000    00000\n0011  A0", 2, "ends inside a line; the file is cut"),
        (b"0010  A000    00000\n\xff\n", 2, "is not ASCII text"),
        (b"a,b\n", 1, "has the columns ['a', 'b']"),
        (nber_csv("GEM_I9_I10", []), None, "holds no row"),
    ],
)
def test_what_is_no_mapping_is_refused(content: bytes, line: int | None, reason: str) -> None:
    with pytest.raises(FileRefused) as refused:
        gem.read(SourceFile("gem", content))

    assert (refused.value.line, refused.value.reason) == (line, reason)


def _read_or_refuse(content: bytes) -> bool:
    """Whether the bytes are read; anything but rows or a refusal fails the test."""
    try:
        code_map, rows = gem.read(SourceFile("gem", content))
    except FileRefused:
        return False
    assert code_map.kind in gem.MAPS
    assert all(row.is_combination == bool(row.scenario and row.choice_list) for row in rows)
    return True


def _fuzz(make: Callable[..., bytes], seeds: range) -> Counter[bool]:
    whole = make("GEM_I10_I9", SAMPLES["GEM_I10_I9"])
    return Counter(_read_or_refuse(damaged(whole, seed)) for seed in seeds)


@pytest.mark.parametrize("make", [text, nber_csv])
def test_a_damaged_mapping_is_read_or_refused(make: Callable[..., bytes]) -> None:
    assert _fuzz(make, range(400))[False] > 200


@pytest.mark.slow
@pytest.mark.parametrize("make", [text, nber_csv])
def test_a_mapping_damaged_in_ten_thousand_ways_is_read_or_refused(
    make: Callable[..., bytes],
) -> None:
    assert _fuzz(make, range(10_000))[False] > 5_000


@pytest.mark.parametrize(
    ("kind", "rows", "no_map", "combination"),
    [("GEM_I9_I10", 24_860, 422, 2_338), ("GEM_I10_I9", 81_593, 731, 9_033)],
)
def test_the_edition_of_2018_has_the_rows_that_are_known_of_it(
    kind: str, rows: int, no_map: int, combination: int
) -> None:
    read = dict(gem.read(file) for file in opened(official("gem-2018.zip")))

    found = read[gem.MAPS[kind]]
    assert len(found) == rows
    assert sum(row.target is None for row in found) == no_map
    assert sum(row.is_combination for row in found) == combination
    assert {row.attrs for row in found} == {None}
