"""Writes HCPCS Level II in its fixed-width form, from the rows that a reader makes of it.

The columns stand here once more, as widths in their order, so that a wrong place in the reader
shows.
"""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import date

from db.load.hcpcs import HcpcsRow

REMARKS = (
    "***Remarks\t\t\t",
    "\t\t\t",
    "*A generated file: no description in it means anything.\xa0\t\t",
    "",
)
TEXT_WIDTH = 80


def anweb(rows: Sequence[HcpcsRow], remarks: Sequence[str] = REMARKS) -> bytes:
    """The bytes of the file: remarks, then a line or more for each row."""
    lines = [*remarks, *(line for row in rows for line in _record(row))]
    return "".join(f"{line}\r\n" for line in lines).encode("cp1252")


def _record(row: HcpcsRow) -> Iterator[str]:
    """Lines of 320 columns: what the code has stands in the first, its text goes on below."""
    first, further = ("7", "8") if row.is_modifier else ("3", "4")
    texts = textwrap.wrap(row.title, TEXT_WIDTH, break_on_hyphens=False)
    for number, text in enumerate(texts, start=1):
        begins = number == 1
        place = f"{row.value:>5}{number * 100:05}{first if begins else further}{text:<80}"
        yield (place + (_own(row) if begins else "")).ljust(320)


def _own(row: HcpcsRow) -> str:
    """Columns 92 to 293."""
    return "".join(
        (
            f"{row.short_title:<28}",
            _several(row.pricing, 2, 4),
            f"{row.multiple_pricing:<1}",
            _several(row.coverage_issues, 6, 3),
            _several(row.carriers_manual, 8, 3),
            f"{row.statute:<10}",
            _several(row.laboratory, 3, 8),
            _several(row.cross_references, 5, 5),
            f"{row.coverage:<1}{row.surgical_center:<2}{_day(row.surgical_center_from)}",
            f"{row.outpatient_group:<3}{row.outpatient_policy:<1}{_day(row.outpatient_from)}",
            f"{row.processing_note:<4}{row.betos:<3} ",
            _several(row.types_of_service, 1, 5),
            "   " if row.is_modifier else f"{row.anesthesia_units:>3}",
            f"{_day(row.added_on)}{_day(row.action_on)}{_day(row.last_day)}{row.action:<1}",
        )
    )


def _several(texts: Sequence[str], width: int, most: int) -> str:
    return "".join(text.ljust(width) for text in texts).ljust(width * most)


def _day(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else " " * 8
