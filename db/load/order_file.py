"""Order files of ICD-10-CM and ICD-10-PCS: every header and code, at fixed columns.

Columns from 1: 1 to 5 the order number, 7 to 13 the code without its dot, 15 the flag, 0 for a
header and 1 for a code that is valid on a claim, 17 to 76 the short title, 78 to the end the long
one; 6, 14, 16 and 77 are blank (CMS, ICD-10-CM Order File; ICD-10-PCS Order File).
"""

import re
from collections.abc import Container
from typing import NamedTuple

from db.load.source import SourceFile
from schema.codes import CodeSystemKey
from schema.errors import FileRefused


class OrderRow(NamedTuple):
    """What an order file says of one header or code."""

    value: str
    is_billable: bool
    """False: a header."""
    short_title: str | None
    """None only where a list that has none stands in for an order file."""
    title: str

    @property
    def key(self) -> tuple[str, bool]:
        """What the addenda know it by: a code that becomes a header is deleted and added."""
        return self.value, self.is_billable


CODES = {
    CodeSystemKey.ICD10CM: re.compile(r"[A-Z][0-9A-Z]{2,6}"),
    # Letters I and O are never used; what has three characters is the header of a table.
    CodeSystemKey.ICD10PCS: re.compile(r"[0-9A-HJ-NP-Z]{3}(?:[0-9A-HJ-NP-Z]{4})?"),
}
"""How the codes of a system are written in its lists."""

_BLANK = (6, 14, 16, 77)
_TITLE = 78
_CATEGORY = 3
"""Characters of a category, or of a table of ICD-10-PCS: the headers that stand below nothing."""


def read(file: SourceFile, system: CodeSystemKey) -> list[OrderRow]:
    """Every line in order; raises FileRefused with the line and column of what is odd.

    The order numbers count the lines, so that a line that is lost or moved is noticed.
    """
    rows = [_row(file, number, line, system) for number, line in file.lines("ascii")]
    if not rows:
        raise FileRefused(file.name, "holds no codes")
    _refuse_odd_trees(file, rows)
    return rows


def _row(file: SourceFile, number: int, line: str, system: CodeSystemKey) -> OrderRow:
    def refuse(column: int, reason: str) -> FileRefused:
        return FileRefused(file.name, reason, line=number, column=column)

    if len(line) < _TITLE:
        raise refuse(len(line) + 1, f"ends before the long title in column {_TITLE}")
    if not line.isprintable():
        raise refuse(1, "has a character that cannot be printed")
    if odd := next((column for column in _BLANK if line[column - 1] != " "), None):
        raise refuse(odd, "has no blank between two columns")
    if line[:5] != f"{number:05}":
        raise refuse(1, f"has the order number {line[:5]} where {number:05} is due")
    value, flag = line[6:13].rstrip(), line[14]
    if not CODES[system].fullmatch(value):
        raise refuse(7, f"{value!r} is not a code of {system.short_name}")
    if flag not in "01":
        raise refuse(15, f"has the flag {flag!r}, neither 0 nor 1")
    short_title, title = line[16:76].rstrip(), line[77:].rstrip()
    for column, text in ((17, short_title), (_TITLE, title)):
        if not text or text[0] == " ":
            raise refuse(column, "begins no title here")
    return OrderRow(value, flag == "1", short_title, title)


def _refuse_odd_trees(file: SourceFile, rows: list[OrderRow]) -> None:
    """A code comes once, after the header above it, and only headers have codes below them."""
    places: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if row.value in places:
            reason = f"{row.value} comes twice, first in line {places[row.value]}"
            raise FileRefused(file.name, reason, line=number, column=7)
        places[row.value] = number
    for number, row in enumerate(rows, start=1):
        above = header_of(row.value, places)
        if above is None:
            if len(row.value) > _CATEGORY:
                reason = f"{row.value} stands without the header {row.value[:_CATEGORY]}"
                raise FileRefused(file.name, reason, line=number, column=7)
            continue
        if places[above] > number:
            reason = f"{row.value} stands before its header {above}"
            raise FileRefused(file.name, reason, line=number, column=7)
        if rows[places[above] - 1].is_billable:
            reason = f"{row.value} stands below {above}, which the file calls valid on a claim"
            raise FileRefused(file.name, reason, line=number, column=7)


def header_of(value: str, known: Container[str]) -> str | None:
    """The longest proper beginning of a code that a list has too; None where there is none."""
    beginnings = (value[:length] for length in range(len(value) - 1, _CATEGORY - 1, -1))
    return next((beginning for beginning in beginnings if beginning in known), None)
