"""General Equivalence Mappings of CMS, in the CSV form of the National Bureau of Economic Research.

Flags are approximate, no map, combination, scenario, choice list (CMS, GEMs Technical FAQ). A row
without the approximate flag asserts equivalence; any other only that the two are related, since
source, target or both may be the more specific.
"""

import csv

from db.load.rows import EdgeRow
from db.load.source import SourceFile
from schema.crosswalks import Relationship
from schema.errors import FileRefused

_FLAG_COLUMNS = ["flags", "approximate", "no_map", "combination", "scenario", "choice_list"]
# Some releases flag a row as approximate and still name no target: the sentinel wins.
_NO_TARGET = frozenset({"NODX", "NOPCS", "NOI9"})


def read(file: SourceFile, source_column: str, target_column: str) -> list[EdgeRow]:
    """Every row in the order of the file; raises FileRefused with the line of what is odd."""
    lines = file.lines("ascii")
    header = next(csv.reader(line for _, line in lines), None)
    if header != [source_column, target_column, *_FLAG_COLUMNS]:
        raise FileRefused(file.name, f"has the columns {header}", line=1)
    rows = csv.reader(line for _, line in lines)
    return [_edge(file.name, number, row) for number, row in enumerate(rows, start=2)]


def _edge(file: str, line: int, row: list[str]) -> EdgeRow:
    if len(row) != 8 or not _is_flags(row[2]) or list(row[2]) != row[3:]:
        raise FileRefused(file, "is not source, target and five flags", line=line)
    approximate, no_map, combination, scenario, choice_list = map(int, row[2])
    target = None if row[1].upper() in _NO_TARGET else row[1].upper()
    if (target is None) != (no_map == 1) and row[1].upper() not in _NO_TARGET:
        raise FileRefused(file, "says no map and names a target", line=line)
    if bool(combination) != (scenario > 0 and choice_list > 0):
        raise FileRefused(file, "numbers scenario and list outside a combination", line=line)
    return EdgeRow(
        source=row[0].upper(),
        target=target,
        relationship=_relationship(approximate, target),
        is_approximate=approximate == 1,
        is_combination=combination == 1,
        scenario=scenario or None,
        choice_list=choice_list or None,
    )


def _is_flags(text: str) -> bool:
    return len(text) == 5 and text.isdigit() and max(text[:3]) <= "1"


def _relationship(approximate: int, target: str | None) -> Relationship:
    if target is None:
        return Relationship.NOT_RELATED
    return Relationship.RELATED_TO if approximate else Relationship.EQUIVALENT
