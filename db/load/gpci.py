"""Localities of the physician fee schedule: CMS's geographic practice cost indices (Addendum E) and
conversion factors of anaesthesia, as comma-separated values."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from db.load.cells import Cells, csv_rows
from db.load.source import SourceFile
from schema.errors import FileRefused


class LocalityRow(NamedTuple):
    """A locality of a Medicare administrative contractor."""

    mac: str
    number: str
    state: str
    name: str
    work_gpci: Decimal
    pe_gpci: Decimal
    mp_gpci: Decimal


_GPCI_HEADING = (
    r"MEDICARE ADMINISTRATIVE CONTRACTOR \(MAC\)",
    r"STATE",
    r"LOCALITY NUMBER",
    r"LOCALITY NAME",
    r"\d{4} PW GPCI( \(WITH 1\.0 FLOOR\))?",
    r"\d{4} PE GPCI",
    r"\d{4} MP GPCI",
)
_ANESTHESIA_HEADING = (
    r"CONTRACTOR",
    r"LOCALITY",
    r"LOCALITY NAME",
    r"NATIONAL ANES CF OF \d+\.\d+",
)
_MAC, _NUMBER, _STATE = re.compile(r"\d{5}"), re.compile(r"\d{2}"), re.compile(r"[A-Z]{2}")
_SOME = re.compile(r".+")


def read(file: SourceFile) -> list[LocalityRow]:
    """Every locality in the order of the file; raises FileRefused with line and cell."""
    found: dict[tuple[str, str], LocalityRow] = {}
    for line, cells in _below(file, _GPCI_HEADING):
        row = _locality(Cells(file, line), cells)
        if (row.mac, row.number) in found:
            raise FileRefused(file.name, f"{row.mac} {row.number} comes twice", line=line)
        found[row.mac, row.number] = row
    return list(found.values())


def read_anesthesia(file: SourceFile) -> dict[tuple[str, str], Decimal]:
    """US dollars a unit of anaesthesia, by contractor and number of the locality."""
    found: dict[tuple[str, str], Decimal] = {}
    for line, (mac, number, _, factor) in _below(file, _ANESTHESIA_HEADING):
        cells = Cells(file, line)
        key = _key(cells, (0, mac), (1, number))
        if key in found:
            raise FileRefused(file.name, f"{mac} {number} comes twice", line=line)
        found[key] = cells.decimal(3, factor, 4, "a conversion factor")
    return found


def _locality(cells: Cells, row: list[str]) -> LocalityRow:
    mac, state, number, name, *indices = row
    mac, number = _key(cells, (0, mac), (2, number))
    work, pe, mp = (
        cells.decimal(place, index, 3, "an index with up to three decimals")
        for place, index in enumerate(indices, start=4)
    )
    # Asterisks lead to notes below the table about floors.
    cells.matching(3, name, _SOME, "the name of a locality")
    return LocalityRow(
        mac,
        number,
        cells.matching(1, state, _STATE, "a state of two letters"),
        name.rstrip("* "),
        *(work, pe, mp),
    )


def _key(cells: Cells, mac: tuple[int, str], number: tuple[int, str]) -> tuple[str, str]:
    return (
        cells.matching(*mac, _MAC, "a contractor of five digits"),
        cells.matching(*number, _NUMBER, "a locality of two digits"),
    )


def _below(file: SourceFile, heading: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The rows of the table below its heading; it ends at an empty row or a note."""
    rows = csv_rows(file, "ascii", "cp1252")
    for _, cells in rows:
        if _is(heading, cells):
            break
    else:
        raise FileRefused(file.name, "has no heading of the table that is expected here")
    count = 0
    for line, cells in rows:
        if not any(cells[1:]):
            break
        if len(cells) != len(heading):
            reason = f"has {len(cells)} cells where {len(heading)} are expected"
            raise FileRefused(file.name, reason, line=line)
        count += 1
        yield line, cells
    if count == 0:
        raise FileRefused(file.name, "has no row below its heading")
    _refuse_further_rows(file, rows)


def _refuse_further_rows(file: SourceFile, rows: Iterator[tuple[int, list[str]]]) -> None:
    """Refuse a table that goes on behind an empty row: its second half would be lost."""
    for line, cells in rows:
        if cells and _MAC.fullmatch(cells[0]):
            raise FileRefused(file.name, "the table goes on behind its end", line=line)


def _is(heading: tuple[str, ...], cells: list[str]) -> bool:
    return len(cells) == len(heading) and all(
        re.fullmatch(pattern, cell, re.IGNORECASE)
        for pattern, cell in zip(heading, cells, strict=True)
    )
