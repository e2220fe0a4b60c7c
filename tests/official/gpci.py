"""The table of geographic practice cost indices and that of anaesthesia factors, made from rows."""

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal

from hypothesis import strategies as st

from db.load.gpci import LocalityRow


def indices(rows: Sequence[LocalityRow]) -> bytes:
    """Addendum E: a title, the heading, the localities, notes."""
    heading = (
        "Medicare Administrative Contractor (MAC),State,Locality Number,Locality Name,"
        "2025 PW GPCI (with 1.0 Floor),2025 PE GPCI,2025 MP GPCI"
    )
    table = io.StringIO()
    csv.writer(table, lineterminator="\r\n").writerows(
        (row.mac, row.state, row.number, row.name, *map(_short, row[4:])) for row in rows
    )
    lines = ("ADDENDUM E. INDICES" + "," * 6, "," * 6, heading)
    notes = ('"MAC Assignments, as of a day"' + "," * 6, "," * 6, "*A floor." + "," * 6)
    return "".join(f"{line}\r\n" for line in lines).encode() + (
        table.getvalue() + "".join(f"{note}\r\n" for note in notes)
    ).encode("ascii")


def _short(index: Decimal) -> str:
    """1 and 0.86, as a spreadsheet prints them."""
    return f"{index.normalize():f}"


def factors(by_locality: Mapping[tuple[str, str], Decimal]) -> bytes:
    """The factors of anaesthesia, in the spaces that the file has."""
    lines = ["Contractor,Locality,Locality Name,National Anes CF of 20.3178"]
    lines += [f"{mac} ,{number} ,SOMEWHERE,{cf} " for (mac, number), cf in by_locality.items()]
    return "".join(f"{line}\r\n" for line in (*lines, ",,,")).encode("ascii")


_INDEX = st.decimals(0, Decimal("9.999"), places=3)
LOCALITIES = st.lists(
    st.builds(
        LocalityRow,
        st.from_regex(r"[0-9]{5}", fullmatch=True),
        st.from_regex(r"[0-9]{2}", fullmatch=True),
        st.from_regex(r"[A-Z]{2}", fullmatch=True),
        st.from_regex(r"[A-Z]([A-Z(),/.-]| [A-Z]){0,20}", fullmatch=True),
        *(_INDEX, _INDEX, _INDEX),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: (row.mac, row.number),
)
"""Localities as the file may hold them."""
