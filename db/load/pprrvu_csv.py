"""The physician fee schedule's relative value file of CMS (PPRRVU), as comma-separated values.

Notices, then a heading whose words are stacked over several rows (`NON-FAC` above `PE RVU`), then
one row for each code and modifier. Columns come and go between years and single cells of the
heading repeat, so each column is found by its whole stack.
"""

from collections.abc import Iterator, Sequence

from db.load.cells import Cells, csv_rows
from db.load.relative_values import RelativeValueRow, row_of, told_once
from db.load.source import SourceFile
from schema.errors import FileRefused

# In the order of RelativeValueRow, which has no description.
_HEADINGS = (
    *("HCPCS", "MOD", "STATUS CODE", "NOT USED FOR MEDICARE PAYMENT", "WORK RVU"),
    *("NON-FAC PE RVU", "NON-FAC NA INDICATOR", "FACILITY PE RVU", "FACILITY NA INDICATOR"),
    *("MP RVU", "NON-FACILITY TOTAL", "FACILITY TOTAL", "PCTC IND", "GLOB DAYS"),
    *("PRE OP", "INTRA OP", "POST OP", "MULT PROC", "BILAT SURG", "ASST SURG", "CO- SURG"),
    *("TEAM SURG", "ENDO BASE", "CONV FACTOR", "PHYSICIAN SUPERVISION OF DIAGNOSTIC PROCEDURES"),
    *("CALCULATION FLAG", "DIAGNOSTIC IMAGING FAMILY INDICATOR"),
    *("NON-FACILITY PE USED FOR OPPS PAYMENT AMOUNT", "FACILITY PE USED FOR OPPS PAYMENT AMOUNT"),
    "MP USED FOR OPPS PAYMENT AMOUNT",
)
_MOST_LINES_ABOVE = 30
_DESCRIPTION = 2


def read(file: SourceFile) -> list[RelativeValueRow]:
    """Every row in the order of the file; raises FileRefused with line and number of the cell."""
    rows = csv_rows(file, "ascii", "cp1252")
    places = _places(file, rows)
    filled = ((line, cells) for line, cells in rows if any(cells))
    return told_once(file, ((line, _row(file, line, cells, places)) for line, cells in filled))


def _places(file: SourceFile, rows: Iterator[tuple[int, list[str]]]) -> tuple[int, ...]:
    """The number of each column's cell, from 0; the rows are read up to the heading's last one."""
    stack: list[list[str]] = []
    for line, cells in rows:
        if cells[:2] == ["HCPCS", "MOD"]:
            return _found(file, line, [*stack, cells])
        # Notices stand in the column of the descriptions.
        if len(cells) > _DESCRIPTION and not cells[_DESCRIPTION]:
            stack.append(cells)
        if line > _MOST_LINES_ABOVE:
            break
    raise FileRefused(file.name, "has no heading HCPCS, MOD: it is no relative value file")


def _found(file: SourceFile, line: int, stack: Sequence[Sequence[str]]) -> tuple[int, ...]:
    width = max(map(len, stack))
    headings = [
        " ".join(row[place] for row in stack if place < len(row) and row[place])
        for place in range(width)
    ]
    for heading in _HEADINGS:
        if (count := headings.count(heading)) != 1:
            reason = f"has {count} columns {heading} where one is expected"
            raise FileRefused(file.name, reason, line=line)
    return tuple(headings.index(heading) for heading in _HEADINGS)


def _row(
    file: SourceFile, line: int, cells: list[str], places: tuple[int, ...]
) -> RelativeValueRow:
    if len(cells) <= max(places):
        raise FileRefused(file.name, "has too few cells", line=line)
    columns = tuple(place + 1 for place in places)
    return row_of(Cells(file, line, columns), [cells[place] for place in places])
