"""The conversion table of ICD-10-CM as CDC publishes it, made from rows."""

import csv
from collections.abc import Iterable
from datetime import date
from io import StringIO

from tests.official.xlsx import Value, workbook

Row = tuple[str, int | date, str]
"""The new code as printed, its year or day, and the previous codes as printed."""

BANNER = (
    "The Center has published an update.\n"
    'For each new code the table shows the effective date and, "in bold", what was assigned before.'
)
HEADER = ("Current code assignment", "Effective", "Previous Code(s) Assignment")


def xlsx(rows: Iterable[Row], *, is_inline: bool = False) -> bytes:
    """The workbook: a banner, the header, and the rows."""
    cells: list[tuple[Value, ...]] = [(BANNER,), HEADER, *rows]
    return workbook(cells, is_inline=is_inline)


def in_csv(rows: Iterable[Row]) -> bytes:
    """The same table in CSV, with the mark that spreadsheet programs put in front."""
    content = StringIO()
    writer = csv.writer(content)
    writer.writerows([(BANNER, "", ""), HEADER, *rows])
    return content.getvalue().encode("utf-8-sig")
