"""A row of the physician fee schedule's relative value file, whichever form the file has."""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from db.load.cells import Cells
from db.load.procedures import PROCEDURE
from db.load.source import SourceFile
from schema.errors import FileRefused
from schema.fees import STATUSES


class RelativeValueRow(NamedTuple):
    """What the file says of a code, alone or with a modifier, in the order of its columns without
    the description, which is licensed text."""

    code: str
    modifier: str
    """Empty for the code alone."""
    status: str
    is_not_for_payment: bool
    work: Decimal
    non_facility_pe: Decimal
    is_rare_in_non_facility: bool
    facility_pe: Decimal
    is_rare_in_facility: bool
    malpractice: Decimal
    non_facility_total: Decimal
    facility_total: Decimal
    pc_tc: str
    global_days: str
    preoperative_share: Decimal
    intraoperative_share: Decimal
    postoperative_share: Decimal
    multiple_procedure: str
    bilateral_surgery: str
    assistant_at_surgery: str
    co_surgeons: str
    team_surgery: str
    endoscopic_base: str | None
    conversion_factor: Decimal
    diagnostic_supervision: str
    calculation_flag: str
    imaging_family: str
    opps_non_facility_pe: Decimal
    opps_facility_pe: Decimal
    opps_malpractice: Decimal


Value = str | bool | Decimal | None
Form = Callable[[Cells, int, str], Value]
"""Makes the value of a cell, given its place and text."""


def _text(pattern: str, meaning: str, cells: Cells, place: int, text: str) -> str:
    return cells.matching(place, text, re.compile(pattern), meaning)


def _flag(mark: str, meaning: str, cells: Cells, place: int, text: str) -> bool:
    return cells.matching(place, text, re.compile(f"({re.escape(mark)})?"), meaning) == mark


def _units(cells: Cells, place: int, text: str) -> Decimal:
    return cells.decimal(place, text, 2, "a number with two decimals")


def _dollars(cells: Cells, place: int, text: str) -> Decimal:
    return cells.decimal(place, text, 4, "a conversion factor with up to four decimals")


def _base(cells: Cells, place: int, text: str) -> str | None:
    return cells.matching(place, text, re.compile(f"({PROCEDURE})?"), "a code or nothing") or None


_rare = partial(_flag, "NA", "NA or nothing")
_indicator = partial(_text, r"[0-9A-Z]", "an indicator of one character")
_pair = partial(_text, r"[0-9A-Z]{2}", "an indicator of two characters")

FORMS: tuple[Form, ...] = (
    partial(_text, PROCEDURE, "a procedure code"),
    partial(_text, r"([0-9A-Z]{2})?", "a modifier or nothing"),
    partial(_text, f"[{''.join(sorted(STATUSES))}]", "a status that is understood here"),
    partial(_flag, "+", "a plus sign or nothing"),
    *(_units, _units, _rare, _units, _rare, _units, _units, _units),
    _indicator,
    partial(_text, r"[0-9A-Z]{3}", "three characters for the global period"),
    *(_units, _units, _units),
    *[_indicator] * 5,
    *(_base, _dollars, _pair, _indicator, _pair),
    *(_units, _units, _units),
)
"""The form of each column, in the order of RelativeValueRow."""


def row_of(cells: Cells, texts: Sequence[str]) -> RelativeValueRow:
    """The row that the texts of its columns make; raises FileRefused with line and column."""
    values = (
        form(cells, place, text)
        for place, (form, text) in enumerate(zip(FORMS, texts, strict=True))
    )
    return RelativeValueRow._make(values)


def told_once(
    file: SourceFile, rows: Iterable[tuple[int, RelativeValueRow]]
) -> list[RelativeValueRow]:
    """The rows, given each with its line; refuses a code that comes twice with one modifier, and
    a file without any."""
    kept: dict[tuple[str, str], RelativeValueRow] = {}
    for line, row in rows:
        if (row.code, row.modifier) in kept:
            reason = f"{row.code} {row.modifier}".strip() + " comes twice"
            raise FileRefused(file.name, reason, line=line)
        kept[row.code, row.modifier] = row
    if not kept:
        raise FileRefused(file.name, "has no row of relative values")
    return list(kept.values())
