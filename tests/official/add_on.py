"""Tables of add-on codes, made from rows in the layout that readers of the official workbooks tell
of."""

from collections.abc import Sequence
from datetime import date

from hypothesis import strategies as st

from db.load.add_on import AddOnRow
from tests.official.ncci import CODES
from tests.official.xlsx import Value, workbook

_HEADING = (
    *("AOC_Edit_Type", "Add-On_Code", "AOC_DelDT (Julian)", "Primary_Code"),
    *("Primary_Code_DelDT (Julian)", "AOC_Edit_EffDT (Julian)", "AOC_Edit_DelDT (Julian)"),
    "Special_Instruction_Notes",
)
_NOTICE = "A notice of a copyright"


def as_workbook(rows: Sequence[AddOnRow]) -> bytes:
    """The table as a workbook, its days and types numbers."""
    table: list[Sequence[Value]] = [(_NOTICE,), _HEADING]
    table += [
        tuple(int(cell) if place in (0, 2, 4, 5, 6) and cell else cell for place, cell in cells)
        for cells in map(list, map(enumerate, map(_cells, rows)))
    ]
    return workbook(table)


def as_text(rows: Sequence[AddOnRow]) -> bytes:
    """The table as text, its cells divided by tabs."""
    table = [(_NOTICE,), _HEADING, *map(_cells, rows)]
    return "".join("\t".join(cells) + "\r\n" for cells in table).encode("latin-1")


def _cells(row: AddOnRow) -> tuple[str, ...]:
    """The cells of a row; that a rule ends is told by the end of the rule."""
    note = "Contractor Defined Primary Codes" if row.primary is None else ""
    until = _julian(row.effective_to) if row.effective_to else ""
    return (
        *(str(row.type), row.add_on, "", row.primary or "CCCCC", ""),
        *(_julian(row.effective_from), until, note),
    )


def _julian(day: date) -> str:
    return f"{day:%Y%j}"


_DAYS = st.dates(date(1996, 1, 1), date(2099, 12, 31))
ROWS = st.lists(
    st.builds(
        AddOnRow,
        *(CODES, st.one_of(st.none(), CODES), st.sampled_from([1, 2, 3]), _DAYS),
        st.one_of(st.none(), _DAYS),
    ),
    min_size=1,
    max_size=20,
    unique=True,
)
"""Rows as a table may hold them."""
