"""Workbooks (xlsx) as rows of cells."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO

import python_calamine

from db.load.opening import unpacked
from db.load.source import SourceFile
from schema.errors import FileRefused

Cell = str | float | bool | date | datetime | time | timedelta
"""What a cell holds; an empty one is an empty text, every number is a float."""


def sheet_rows(file: SourceFile) -> Iterator[tuple[int, list[Cell]]]:
    """Each row of the first sheet with its number from 1; raises FileRefused.

    Empty rows above the first one count, so that a number is the one that a reader sees.
    """
    unpacked(file)  # Bounds what the workbook may grow to before anything reads it.
    try:
        sheet = python_calamine.CalamineWorkbook.from_filelike(
            BytesIO(file.content)
        ).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError, ValueError, IndexError) as broken:
        raise FileRefused(file.name, f"is not a workbook: {broken}") from broken
    yield from enumerate(rows, start=1)
