"""Tables of comma-separated values: rows with their lines, or a refusal that names line and column,
which is the number of the cell."""

import csv
from collections.abc import Iterator, Sequence

from db.load.source import SourceFile
from schema.errors import FileRefused


def table_rows(file: SourceFile, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Each row below the one header line, with the line it ends on; raises FileRefused.

    The last line may lack its end: whoever loads the file counts its rows.
    """
    rows = csv_rows(file)
    _, header = next(rows, (1, []))
    if header != list(columns):
        raise FileRefused(file.name, f"has the columns {header[:10]}", line=1)
    for line, row in rows:
        if len(row) != len(columns):
            reason = f"has {len(row)} values where {len(columns)} are expected"
            raise FileRefused(file.name, reason, line=line, column=min(len(row), len(columns)) + 1)
        yield line, row


def csv_rows(file: SourceFile, encoding: str = "utf-8") -> Iterator[tuple[int, list[str]]]:
    """Each row of a file of comma-separated values with its line; raises FileRefused."""
    lines = file.lines(encoding, may_end_open=True)
    # A reader splits at line ends inside quotes only where it is given them.
    reader = csv.reader((line for _, line in lines), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as odd:
            raise FileRefused(file.name, f"is no CSV: {odd}", line=reader.line_num) from odd
        if row is None:
            return
        yield reader.line_num, row
