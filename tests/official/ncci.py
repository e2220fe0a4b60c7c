"""Parts of the procedure-to-procedure edits, made from rows in the layout that readers of the
official files tell of."""

from collections.abc import Iterable
from datetime import date

from hypothesis import strategies as st

from db.load.rows import PairRow

_ABOVE = (
    "Notice of a copyright, which takes a line of its own",
    "National Correct Coding Initiative: pair edits",
    "Column1/Column 2 Edits",
    "Column 1\tColumn 2\t*=in existence\tEffective\tDeletion\tModifier\tPTP Edit Rationale",
    "\t\tprior to 1996\tDate\tDate\t0=not allowed",
    "\t\t\t\t*=no data\t1=allowed",
    "\t\t\t\t\t9=not applicable",
)
MISUSE, DEFINITION = "Misuse of an invented code", "Definition of an invented code"


def part(rows: Iterable[PairRow]) -> bytes:
    """One part of a quarter."""
    return b"".join(lines(rows))


def lines(rows: Iterable[PairRow]) -> Iterable[bytes]:
    """The same line by line, for files that are too long to hold twice."""
    yield "".join(f"{line}\r\n" for line in _ABOVE).encode("latin-1")
    for row in rows:
        star = "*" if row.effective_from <= date(1996, 1, 1) else ""
        until = f"{row.effective_to:%Y%m%d}" if row.effective_to else "*"
        yield (
            f"{row.column_one}\t{row.column_two}\t{star}\t{row.effective_from:%Y%m%d}\t{until}\t"
            f"{row.modifier_indicator}\t{row.rationale}\r\n"
        ).encode("latin-1")


def rule(
    columns: str,
    since: date,
    until: date | None = None,
    *,
    indicator: int = 1,
    rationale: str = MISUSE,
) -> PairRow:
    """A rule about two codes, `12001/12002`, the one that is paid first."""
    one, two = columns.split("/")
    return PairRow(one, two, since, until, indicator, rationale)


CODES = st.from_regex(r"[0-9A-Z][0-9]{3}[0-9A-Z]", fullmatch=True)
_DAYS = st.dates(date(1996, 1, 1), date(2099, 12, 31))
ROWS = st.lists(
    st.builds(
        PairRow,
        *(CODES, CODES, _DAYS, st.one_of(st.none(), _DAYS), st.sampled_from([0, 1, 9])),
        st.sampled_from([MISUSE, DEFINITION, "Más de una vez"]),
    ),
    min_size=1,
    max_size=20,
)
"""Rules as a part may hold them."""
