"""The conversion table of ICD-10-CM: what each new code was coded as before, since FY2017.

Published by CDC each year with the codes, as a workbook or the same in CSV: a banner, a header of
three columns, and a row for each new code. A row reads from the new code to the codes before it,
never back: `P35.8 and A92.5` before P35.4 says nothing of what becomes of A92.5.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from db.load.source import SourceFile
from db.load.workbook import Cell, sheet_rows
from schema.errors import FileRefused

_HEADER = ["current code assignment", "effective", "previous code(s) assignment"]
_HEADER_WITHIN = 10
"""The header stands below a banner of a few rows."""
# A digit tells a code from a word; some rows are printed without the dot.
_CODE = r"(?=[A-Z.]*[0-9])[A-Z][0-9A-Z]{2}(?:\.?[0-9A-Z]{1,4})?"
_NEW = re.compile(_CODE)
_SPAN = re.compile(
    rf"(?P<group>(?:a )?codes? (?:from|in)(?: categor(?:y|ies))? )?"
    rf"(?P<first>{_CODE})(?:-(?P<last>{_CODE})|(?P<open>\.?-))?",
    re.IGNORECASE,
)
_TOGETHER = re.compile(r"\s*(?:&|\band\b)\s*", re.IGNORECASE)
_EITHER = re.compile(r"\s*[,;]\s*")
_DAYS = (
    (re.compile(r"(\d{4})(?:\.0)?"), lambda year: date(int(year), 10, 1)),
    (re.compile(r"(\d{4})-(\d\d)-(\d\d)"), lambda *parts: date(*map(int, parts))),
    (re.compile(r"(\d\d?)/(\d\d?)/(\d{4})"), lambda m, d, y: date(int(y), int(m), int(d))),
)


class Span(NamedTuple):
    """One of the previous codes as printed, in stored form: a code, a category, or a range."""

    first: str
    last: str
    """The same as `first` where it is no range."""
    is_group: bool = False
    """Whether categories are named in the place of the codes in them."""


class ConversionRow(NamedTuple):
    """One row of the table."""

    value: str
    """The new code, in stored form."""
    effective_from: date
    printed: str
    """The previous codes as printed."""
    parts: tuple[tuple[Span, ...], ...]
    """One for each part of a combination, with its alternatives; one in all where there is no
    combination, and none where the condition was not coded before."""


def read(file: SourceFile) -> list[ConversionRow]:
    """Every row in the order of the table; raises FileRefused with the row that is odd."""
    cells = _workbook_cells(file) if file.content.startswith(b"PK") else _csv_cells(file)
    if not any(_words(row) == _HEADER for _, row in islice(cells, _HEADER_WITHIN)):
        columns = "Current code assignment, Effective, Previous Code(s) Assignment"
        raise FileRefused(file.name, f"has no header with the columns {columns}")
    rows = [_row(file.name, line, row) for line, row in cells if any(_words(row))]
    if not rows:
        raise FileRefused(file.name, "holds no row")
    return rows


def _workbook_cells(file: SourceFile) -> Iterator[tuple[int, Sequence[Cell]]]:
    return sheet_rows(file)


def _csv_cells(file: SourceFile) -> Iterator[tuple[int, Sequence[Cell]]]:
    rows = csv.reader((f"{line}\n" for _, line in file.lines("utf-8-sig")), strict=True)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as broken:
        raise FileRefused(file.name, f"is not CSV: {broken}", line=rows.line_num) from broken


def _words(row: Sequence[Cell]) -> list[str]:
    return [" ".join(str(cell).split()).lower() for cell in row]


def _row(file: str, line: int, row: Sequence[Cell]) -> ConversionRow:
    if len(row) != 3:
        raise FileRefused(file, f"has {len(row)} columns where 3 are expected", line=line)
    value, printed = str(row[0]).strip().upper(), " ".join(str(row[2]).split())
    if not _NEW.fullmatch(value):
        raise FileRefused(file, f"{value!r} is no code", line=line, column=1)
    effective_from = _day(row[1])
    if effective_from is None:
        reason = f"{str(row[1])!r} is no year or day"
        raise FileRefused(file, reason, line=line, column=2)
    parts = () if printed.lower() == "none" else _parts(printed)
    if parts is None:
        reason = f"{printed!r} is no list of previous codes"
        raise FileRefused(file, reason, line=line, column=3)
    return ConversionRow(value.replace(".", ""), effective_from, printed, parts)


def _day(cell: Cell) -> date | None:
    """The day a cell names: a year is its fiscal year's first day, 1 October before it ends."""
    if isinstance(cell, date):
        return date(cell.year, cell.month, cell.day)
    for pattern, day in _DAYS:
        if match := pattern.fullmatch(str(cell).strip()):
            try:
                return day(*match.groups())
            except ValueError:
                return None
    return None


def _parts(printed: str) -> tuple[tuple[Span, ...], ...] | None:
    """The parts of a combination with the alternatives of each; None for what is neither.

    `A, B and C` is one list of three; nobody could tell what `A; B and C` joins.
    """
    together = _TOGETHER.split(printed)
    if len(together) == 1:
        spans = _spans(_EITHER.split(printed))
        return None if spans is None else (spans,)
    if ";" in printed:
        return None
    spans = _spans([part for one in together for part in _EITHER.split(one)])
    return None if spans is None else tuple((span,) for span in spans)


def _spans(texts: Sequence[str]) -> tuple[Span, ...] | None:
    spans = [_span(text) for text in texts]
    return None if None in spans else tuple(span for span in spans if span)


def _span(text: str) -> Span | None:
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    first = match["first"].upper().replace(".", "")
    last = (match["last"] or first).upper().replace(".", "")
    if last < first:
        return None
    return Span(first, last, bool(match["group"] or match["open"]))
