"""Tables of medically unlikely edits, made from rows in the layout that readers of the official
files tell of."""

import csv
import io
from collections.abc import Sequence

from hypothesis import strategies as st

from db.load.mue import UnitRow
from schema.edits import UnitSetting
from tests.official.ncci import CODES

HEADINGS = {
    UnitSetting.PRACTITIONER: "Practitioner Services MUE Values",
    UnitSetting.OUTPATIENT_HOSPITAL: "Outpatient Hospital Services MUE Values",
    UnitSetting.SUPPLIER: "DME Supplier Services MUE Values",
}
_ADJUDICATIONS = (
    *("1 Line Edit", "2 Date of Service Edit: Policy", "3 Date of Service Edit: Clinical"),
)


def table(setting: UnitSetting, rows: Sequence[UnitRow]) -> bytes:
    """The table of a setting."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(("A notice of a copyright ®,\nover two lines", "", "", ""))
    writer.writerow(
        ("HCPCS/\nCPT Code", HEADINGS[setting], "MUE Adjudication Indicator", "MUE Rationale")
    )
    writer.writerows(
        (row.code, row.units_per_day, _ADJUDICATIONS[row.adjudication - 1], row.rationale)
        for row in rows
    )
    return written.getvalue().encode("cp1252")


ROWS = st.lists(
    st.builds(
        UnitRow,
        CODES,
        st.integers(0, 999_999),
        st.sampled_from([1, 2, 3]),
        st.from_regex(r"[A-Za-z]([A-Za-z,:/]| [A-Za-z]){0,30}", fullmatch=True),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row.code,
)
"""Rows as a table may hold them."""
