"""Add-on code edits of CMS's National Correct Coding Initiative, a workbook or text with tabs.

A notice, a heading, one row for each add-on code and primary code; days are `YYYYDDD`, the year and
its day. Layout told by public readers of the workbooks; experimental until an official file has
been read here.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from db.load.cells import Cells
from db.load.procedures import PROCEDURE
from db.load.source import SourceFile
from db.load.workbook import Cell, sheet_rows
from schema.errors import FileRefused


class AddOnRow(NamedTuple):
    """A code that is reported only beside another, and that other."""

    add_on: str
    primary: str | None
    """None where the contractor says which codes those are."""
    type: int
    """1, 2 or 3."""
    effective_from: date
    effective_to: date | None
    """Last day, inclusive: of the rule, or of whichever code ends before it; None while it
    stands."""


_COLUMNS = (
    *("AOCEDITTYPE", "ADDONCODE", "AOCDELDT", "PRIMARYCODE", "PRIMARYCODEDELDT"),
    *("AOCEDITEFFDT", "AOCEDITDELDT", "SPECIALINSTRUCTIONNOTES"),
)
_CONTRACTOR_DEFINED = "CCCCC"
_CODE, _TYPE = re.compile(PROCEDURE), re.compile("[123]")
_PRIMARY = re.compile(f"{PROCEDURE}|{_CONTRACTOR_DEFINED}")
_MOST_ROWS_ABOVE = 20


def read(file: SourceFile) -> list[AddOnRow]:
    """Every row in the order of the file; raises FileRefused with row and cell."""
    rows = _table(file)
    for number, texts in rows:
        if [_heading(text) for text in texts] == list(_COLUMNS):
            break
        if number > _MOST_ROWS_ABOVE:
            raise _no_table(file)
    else:
        raise _no_table(file)
    found: dict[AddOnRow, None] = {}
    for number, texts in rows:
        row = _row(file, number, texts)
        if row in found:
            raise FileRefused(file.name, f"{row.add_on} with its primary comes twice", line=number)
        found[row] = None
    if not found:
        raise FileRefused(file.name, "has no row below its heading")
    return list(found)


def _no_table(file: SourceFile) -> FileRefused:
    reason = "has no heading AOC_Edit_Type, Add-On_Code, …: it is no table of add-on codes"
    return FileRefused(file.name, reason)


def _table(file: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """The rows of cells, whichever of the two forms the file has; the cells hold text."""
    if file.content.startswith(b"PK"):
        for number, cells in sheet_rows(file):
            yield number, [_told(cell) for cell in cells]
    else:
        for number, line in file.lines("latin-1"):
            yield number, [cell.strip() for cell in line.split("\t")]


def _told(cell: Cell) -> str:
    """A cell as it is printed: a workbook keeps 2026001 and 96372 as numbers."""
    is_whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell) if is_whole else cell).strip()  # type: ignore[arg-type]  # it is a float


def _heading(text: str) -> str:
    """`AOC_DelDT (Julian)` and `AOC_DelDT` are one."""
    return re.sub(r"[^A-Z]", "", text.upper()).removesuffix("JULIAN")


def _row(file: SourceFile, number: int, texts: list[str]) -> AddOnRow:
    if len(texts) != len(_COLUMNS):
        reason = f"has {len(texts)} cells where {len(_COLUMNS)} are expected"
        column = min(len(texts), len(_COLUMNS)) + 1
        raise FileRefused(file.name, reason, line=number, column=column)
    cells = Cells(file, number)
    ends = [
        cells.day(place, texts[place], "YYYYDDD", "a last day or nothing")
        for place in (2, 4, 6)
        if texts[place]
    ]
    primary = cells.matching(3, texts[3], _PRIMARY, f"a procedure code or {_CONTRACTOR_DEFINED}")
    return AddOnRow(
        cells.matching(1, texts[1], _CODE, "a procedure code"),
        None if primary == _CONTRACTOR_DEFINED else primary,
        int(cells.matching(0, texts[0], _TYPE, "a type 1, 2 or 3")),
        cells.day(5, texts[5], "YYYYDDD", "the first day of the rule"),
        min(ends, default=None),
    )
