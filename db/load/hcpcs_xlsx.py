"""The workbook form of HCPCS Level II: one named column a field, one row a code or modifier."""

from collections.abc import Iterator, Mapping, Sequence

from db.load.hcpcs import NAMES, HcpcsRow, Line, rows_of
from db.load.source import SourceFile
from db.load.workbook import Cell, sheet_rows
from schema.errors import FileRefused

_HEADER_AMONG = 20
"""Rows among which the names of the columns stand; some editions have a disclaimer above."""


def read(file: SourceFile) -> list[HcpcsRow]:
    """Codes and modifiers in the order of the sheet; raises FileRefused with row and column."""
    rows = sheet_rows(file)
    columns = _columns(file, rows)
    return rows_of(file.name, _lines(file, rows, columns), columns)


def _columns(file: SourceFile, rows: Iterator[tuple[int, list[Cell]]]) -> dict[str, int]:
    """The column of each field, from 1. Their order may differ from edition to edition."""
    for number, cells in rows:
        names = [str(cell).strip().upper() for cell in cells]
        if NAMES[0] in names:
            missing = [name for name in NAMES if names.count(name) != 1]
            if missing:
                reason = f"has not exactly one column {missing[0]}"
                raise FileRefused(file.name, reason, line=number)
            return {name: names.index(name) + 1 for name in NAMES}
        if number >= _HEADER_AMONG:
            break
    raise FileRefused(file.name, f"has no row that names the columns {NAMES[0]} and so on")


def _lines(
    file: SourceFile, rows: Iterator[tuple[int, list[Cell]]], columns: Mapping[str, int]
) -> Iterator[Line]:
    for number, cells in rows:
        if any(cell != "" for cell in cells):
            fields = {name: _text(file, number, at, cells) for name, at in columns.items()}
            yield Line(number, fields)


def _text(file: SourceFile, number: int, column: int, cells: Sequence[Cell]) -> str:
    """What a cell says. Now and then one holds a number where its neighbours hold digits."""
    cell = cells[column - 1] if column <= len(cells) else ""
    if isinstance(cell, float) and cell.is_integer():
        cell = str(int(cell))
    if isinstance(cell, str) and cell.isascii() and cell.replace("\n", " ").isprintable():
        return cell.strip()
    raise FileRefused(file.name, "is no ASCII text", line=number, column=column)
