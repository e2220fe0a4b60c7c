"""The physician fee schedule's relative value file of CMS (PPRRVU), as fixed-width text.

CMS, National Physician Fee Schedule Relative Value File, record layout: records `HDR` with notices,
then one record for each code and modifier.
"""

from db.load.cells import Cells
from db.load.relative_values import RelativeValueRow, row_of, told_once
from db.load.source import SourceFile
from schema.errors import FileRefused

# First and last character of each column of RelativeValueRow, from 1. The description stands at 8
# to 57; the last column is given by the file, the printed layout is damaged there.
_COLUMNS = (
    *((1, 5), (6, 7), (58, 58), (59, 59), (60, 65), (67, 72), (73, 74), (76, 81), (82, 83)),
    *((85, 89), (91, 96), (97, 102), (103, 103), (104, 106), (107, 109), (110, 112), (113, 115)),
    *((116, 116), (117, 117), (118, 118), (119, 119), (120, 120), (128, 132), (133, 140)),
    *((142, 143), (144, 144), (146, 147), (152, 157), (159, 164), (166, 171)),
)
_STARTS = tuple(first for first, _ in _COLUMNS)
_DESCRIPTION = slice(7, 57)
_LENGTH = 171
_FILLED = {place for first, last in _COLUMNS for place in range(first - 1, last)}
_BETWEEN = [p for p in range(_LENGTH) if p not in {*_FILLED, *range(_LENGTH)[_DESCRIPTION]}]


def read(file: SourceFile) -> list[RelativeValueRow]:
    """Every record in the order of the file; raises FileRefused with line and column."""
    rows = (
        (number, _row(file, number, line.ljust(_LENGTH)))
        for number, line in file.lines("ascii")
        if not line.startswith("HDR")
    )
    return told_once(file, rows)


def _row(file: SourceFile, number: int, line: str) -> RelativeValueRow:
    if len(line.rstrip()) > _LENGTH:
        reason = f"is longer than {_LENGTH} characters"
        raise FileRefused(file.name, reason, line=number, column=_LENGTH + 1)
    for place in _BETWEEN:
        if line[place] != " ":
            reason = "is not blank between two columns"
            raise FileRefused(file.name, reason, line=number, column=place + 1)
    texts = [line[first - 1 : last].strip() for first, last in _COLUMNS]
    return row_of(Cells(file, number, _STARTS), texts)
