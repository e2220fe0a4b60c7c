"""The workbooks that tests make read as the rows that they were made from."""

from datetime import date

import pytest

from db.load.source import SourceFile
from db.load.workbook import sheet_rows
from tests.official.xlsx import workbook


@pytest.mark.parametrize("is_inline", [False, True])
def test_a_workbook_is_read_as_the_rows_it_was_made_from(is_inline: bool) -> None:
    wide = ["", *("x" * 26), "Z & <é>\n next line"]
    rows = [["code", "since"], ["A04.71", 2017], [], ["  kept ", date(2023, 4, 1), 0.5], wide]

    read = sheet_rows(SourceFile("made.xlsx", workbook(rows, is_inline=is_inline)))

    width = len(wide)
    assert list(read) == [
        (number, [*row, *[""] * (width - len(row))]) for number, row in enumerate(rows, start=1)
    ]
