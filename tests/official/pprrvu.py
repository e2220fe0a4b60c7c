"""The physician fee schedule's relative value file in both of its forms, made from rows."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

from hypothesis import strategies as st

from db.load.relative_values import RelativeValueRow

NOTICES = ("COPYRIGHT NOTICE, FIRST LINE", "AND THE LINE BELOW IT")
DESCRIPTION = "INVENTED TEXT, NEVER TO BE KEPT"
"""What stands in the column of descriptions; readers must leave it out."""

# First and last character, from 1, as CMS prints the record layout.
_LAYOUT = {
    "code": (1, 5),
    "modifier": (6, 7),
    "description": (8, 57),
    "status": (58, 58),
    "is_not_for_payment": (59, 59),
    "work": (60, 65),
    "non_facility_pe": (67, 72),
    "is_rare_in_non_facility": (73, 74),
    "facility_pe": (76, 81),
    "is_rare_in_facility": (82, 83),
    "malpractice": (85, 89),
    "non_facility_total": (91, 96),
    "facility_total": (97, 102),
    "pc_tc": (103, 103),
    "global_days": (104, 106),
    "preoperative_share": (107, 109),
    "intraoperative_share": (110, 112),
    "postoperative_share": (113, 115),
    "multiple_procedure": (116, 116),
    "bilateral_surgery": (117, 117),
    "assistant_at_surgery": (118, 118),
    "co_surgeons": (119, 119),
    "team_surgery": (120, 120),
    "endoscopic_base": (128, 132),
    "conversion_factor": (133, 140),
    "diagnostic_supervision": (142, 143),
    "calculation_flag": (144, 144),
    "imaging_family": (146, 147),
    "opps_non_facility_pe": (152, 157),
    "opps_facility_pe": (159, 164),
    "opps_malpractice": (166, 171),
}
_MARKS = {"is_not_for_payment": "+"}
"""What a flag prints; the others print NA."""
# The heading's words, stacked over four rows as the file has them.
_HEADING = (
    ",,,,NOT USED,,,,,,,,,,,,,,,,,,,,,PHYSICIAN,,DIAGNOSTIC,PE USED,PE USED,MP USED",
    ",,,,FOR,,,NON-FAC,,FACILITY ,,,,,,,,,,,,,,,,SUPERVISION OF,,IMAGING,FOR OPPS,FOR OPPS,"
    "FOR OPPS",
    ",,,STATUS,MEDICARE ,WORK,NON-FAC,NA,FACILITY,NA,MP,NON-FACILITY,FACILITY,PCTC,GLOB,PRE,INTRA,"
    "POST,MULT,BILAT,ASST,CO-,TEAM,ENDO,CONV,DIAGNOSTIC,CALCULATION,FAMILY,PAYMENT,PAYMENT,PAYMENT",
    "HCPCS,MOD,DESCRIPTION,CODE,PAYMENT,RVU,PE RVU,INDICATOR,PE RVU,INDICATOR,RVU,TOTAL,TOTAL,IND,"
    "DAYS,OP,OP,OP,PROC,SURG,SURG,SURG,SURG,BASE,FACTOR,PROCEDURES,FLAG,INDICATOR,AMOUNT,AMOUNT,"
    "AMOUNT",
)
_ABOVE = ",, , ,,,,,,,,,,,,,,,,,,,,,,,,,NON-FACILITY,FACILITY,"


def fixed_width(rows: Sequence[RelativeValueRow]) -> bytes:
    """The file as text of fixed columns."""
    lines = [f"HDR {notice:46}" for notice in NOTICES]
    lines += [_line(row) for row in rows]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def comma_separated(rows: Sequence[RelativeValueRow], *, column_before: int | None = None) -> bytes:
    """The file as comma-separated values; with a column of a later year, whose cells say `new`,
    before the one of that number."""
    notices = [["", "", notice, *[""] * 28] for notice in NOTICES]
    heading = [line.split(",") for line in (_ABOVE, *_HEADING)]
    table = heading + [_cells(row) for row in rows]
    if column_before is not None:
        for cells in table:
            cells.insert(column_before, "NEW")
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(notices + table)
    return written.getvalue().encode("ascii")


def _cells(row: RelativeValueRow) -> list[str]:
    texts = {name: _printed(name, value) for name, value in row._asdict().items()}
    return [texts.get(name, DESCRIPTION) for name in _LAYOUT]


def _line(row: RelativeValueRow) -> str:
    line = [" "] * 171
    for (first, last), text in zip(_LAYOUT.values(), _cells(row), strict=True):
        width = last - first + 1
        if width == 3 and text.startswith("0."):
            text = text[1:]
        is_left = first <= 8
        line[first - 1 : last] = text[:width].ljust(width) if is_left else text.rjust(width)
    return "".join(line)


def _printed(name: str, value: object) -> str:
    if isinstance(value, bool):
        return _MARKS.get(name, "NA") if value else ""
    return "" if value is None else str(value)


def value_row(code: str, modifier: str = "", **said: object) -> RelativeValueRow:
    """A row about an office service of no consequence, in which something is said otherwise."""
    units = {
        name: Decimal("0.00")
        for name in RelativeValueRow._fields
        if name.endswith(("_pe", "_total", "_share", "malpractice", "work"))
    }
    indicators = dict.fromkeys(
        (
            *("multiple_procedure", "bilateral_surgery", "assistant_at_surgery", "co_surgeons"),
            *("team_surgery", "calculation_flag", "pc_tc"),
        ),
        "0",
    )
    plain = {
        "status": "A",
        "is_not_for_payment": False,
        "is_rare_in_non_facility": False,
        "is_rare_in_facility": False,
        "global_days": "ZZZ",
        "endoscopic_base": None,
        "conversion_factor": Decimal("32.3465"),
        "diagnostic_supervision": "09",
        "imaging_family": "99",
    }
    told = {"code": code, "modifier": modifier, **units, **indicators, **plain, **said}
    return RelativeValueRow(**told)  # type: ignore[arg-type]  # as the names say


CODES = st.from_regex(r"[0-9A-Z][0-9]{3}[0-9A-Z]", fullmatch=True)
_UNITS = st.decimals(0, Decimal("999.99"), places=2)
_SMALL = st.decimals(0, Decimal("99.99"), places=2)
_SHARES = st.decimals(0, Decimal("0.99"), places=2)
_ONE = st.from_regex(r"[0-9A-Z]", fullmatch=True)
_TWO = st.from_regex(r"[0-9A-Z]{2}", fullmatch=True)
ROWS = st.lists(
    st.builds(
        RelativeValueRow,
        *(CODES, st.one_of(st.just(""), _TWO), st.sampled_from("ABCDEFGHIJMNPQRTX"), st.booleans()),
        *(_UNITS, _UNITS, st.booleans(), _UNITS, st.booleans(), _SMALL, _UNITS, _UNITS, _ONE),
        st.from_regex(r"[0-9A-Z]{3}", fullmatch=True),
        *(_SHARES, _SHARES, _SHARES, _ONE, _ONE, _ONE, _ONE, _ONE, st.one_of(st.none(), CODES)),
        st.decimals(0, Decimal("999.9999"), places=4),
        *(_TWO, _ONE, _TWO, _UNITS, _UNITS, _UNITS),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: (row.code, row.modifier),
)
"""Rows as the file may hold them."""
