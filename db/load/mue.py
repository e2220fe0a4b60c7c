"""Medically unlikely edits of CMS's National Correct Coding Initiative, as comma-separated values.

A quoted notice of several lines, a heading, one row a code. Layout told by public readers of the
files; experimental until an official file has been read here.
"""

import re
from typing import NamedTuple

from db.load.cells import Cells, csv_rows
from db.load.procedures import PROCEDURE
from db.load.source import SourceFile
from schema.edits import UnitSetting
from schema.errors import FileRefused


class UnitRow(NamedTuple):
    """The most units of a code that are paid for one patient on one day."""

    code: str
    units_per_day: int
    adjudication: int
    """1, 2 or 3."""
    rationale: str


_SETTINGS = {
    "PRACTITIONER SERVICES MUE VALUES": UnitSetting.PRACTITIONER,
    "OUTPATIENT HOSPITAL SERVICES MUE VALUES": UnitSetting.OUTPATIENT_HOSPITAL,
    "DME SUPPLIER SERVICES MUE VALUES": UnitSetting.SUPPLIER,
}
_CODE, _UNITS = re.compile(PROCEDURE), re.compile(r"\d{1,6}", re.ASCII)
_ADJUDICATION = re.compile(
    "1 Line Edit|2 Date of Service Edit: Policy|3 Date of Service Edit: Clinical", re.IGNORECASE
)
_REASON = re.compile(r".+")
_MOST_ROWS_ABOVE = 20


def read(file: SourceFile) -> tuple[UnitSetting, list[UnitRow]]:
    """The setting that the heading names and every row; raises FileRefused with line and cell."""
    rows = csv_rows(file, "utf-8-sig", "cp1252")
    setting = None
    for count, (_, cells) in enumerate(rows):
        if setting := _setting(cells):
            break
        if count > _MOST_ROWS_ABOVE:
            break
    if setting is None:
        reason = "has no heading HCPCS/CPT Code, … MUE Values: it is no table of unit limits"
        raise FileRefused(file.name, reason)
    found: dict[str, UnitRow] = {}
    for line, cells in rows:
        row = _row(file, line, cells)
        if row.code in found:
            raise FileRefused(file.name, f"{row.code} comes twice", line=line)
        found[row.code] = row
    if not found:
        raise FileRefused(file.name, "has no row below its heading")
    return setting, list(found.values())


def _setting(cells: list[str]) -> UnitSetting | None:
    """The setting of a row that is the heading."""
    if len(cells) != 4 or cells[0].replace(" ", "").upper() != "HCPCS/CPTCODE":
        return None
    if [cell.upper() for cell in cells[2:]] != ["MUE ADJUDICATION INDICATOR", "MUE RATIONALE"]:
        return None
    return _SETTINGS.get(cells[1].upper())


def _row(file: SourceFile, line: int, texts: list[str]) -> UnitRow:
    if len(texts) != 4:
        reason = f"has {len(texts)} cells where 4 are expected"
        raise FileRefused(file.name, reason, line=line, column=min(len(texts), 4) + 1)
    cells = Cells(file, line)
    code, units, adjudication, rationale = texts
    said = cells.matching(2, adjudication, _ADJUDICATION, "an adjudication indicator 1, 2 or 3")
    return UnitRow(
        cells.matching(0, code, _CODE, "a procedure code"),
        int(cells.matching(1, units, _UNITS, "a number of units")),
        int(said[0]),
        cells.matching(3, rationale, _REASON, "a rationale"),
    )
