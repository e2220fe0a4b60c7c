"""General Equivalence Mappings of CMS: in text as published, and in the CSV form of NBER.

Flags are approximate, no map, combination, scenario, choice list (CMS, GEMs Technical FAQ). A row
without the approximate flag asserts equivalence; any other only that the two are related, since
source, target or both may be the more specific.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from db.load.rows import EdgeRow
from db.load.source import CodeMap, SourceFile
from schema.codes import CodeSystemKey
from schema.crosswalks import Relationship
from schema.errors import FileRefused

_ICD9, _ICD10 = CodeSystemKey.ICD9CM_DX, CodeSystemKey.ICD10CM
_ICD9_PX, _PCS = CodeSystemKey.ICD9CM_PX, CodeSystemKey.ICD10PCS

GEM_I9_I10 = CodeMap("GEM_I9_I10", "CROSSWALK", _ICD9, _ICD10)
GEM_I10_I9 = CodeMap("GEM_I10_I9", "CROSSWALK", _ICD10, _ICD9)
GEM_I9_PCS = CodeMap("GEM_I9_PCS", "CROSSWALK", _ICD9_PX, _PCS)
GEM_PCS_I9 = CodeMap("GEM_PCS_I9", "CROSSWALK", _PCS, _ICD9_PX)
MAPS = {map.kind: map for map in (GEM_I9_I10, GEM_I10_I9, GEM_I9_PCS, GEM_PCS_I9)}
"""The four mappings by kind."""

_CODES = {
    _ICD9: re.compile(r"\d{3,5}|V\d{2,4}|E\d{3,4}"),
    _ICD10: re.compile(r"[A-Z]\d[0-9A-Z]{1,5}"),
    _ICD9_PX: re.compile(r"\d{3,4}"),
    _PCS: re.compile(r"[0-9A-HJ-NP-Z]{7}"),
}
_NO_TARGET = {_ICD9: "NODX", _ICD10: "NODX", _ICD9_PX: "NOI9", _PCS: "NOPCS"}
_FLAGS = re.compile(r"[01]{3}[0-9]{2}")
_TEXT_LINE = re.compile(r"(\w+) +(\w+) +([0-9]+) *", re.ASCII)
_FLAG_COLUMNS = ["flags", "approximate", "no_map", "combination", "scenario", "choice_list"]


class _Printed(NamedTuple):
    """A row as printed, in upper case, and the column of each part: its cell in a CSV file."""

    line: int
    source: str
    target: str
    flags: str
    target_column: int
    flags_column: int


def read(file: SourceFile, wanted: CodeMap | None = None) -> tuple[CodeMap, list[EdgeRow]]:
    """Which mapping a file is, and its rows in order; raises FileRefused where a row is odd.

    Unless told by `wanted`, it is the one mapping that every row fits: codes of the four look
    different, and so does what each prints for no target.
    """
    is_text = b"," not in file.content[: file.content.find(b"\n")]
    printed = list(_text_rows(file) if is_text else _csv_rows(file))
    code_map = _map_of(file.name, printed, [wanted] if wanted else list(MAPS.values()))
    rows = [_edge(file.name, row, code_map) for row in printed]
    _refuse_twice(file.name, printed)
    return code_map, rows


def _text_rows(file: SourceFile) -> Iterator[_Printed]:
    for number, line in file.lines("ascii"):
        match = _TEXT_LINE.fullmatch(line)
        if match is None:
            raise FileRefused(file.name, "is not source, target and five flags", line=number)
        source, target, flags = match.groups()
        columns = match.start(2) + 1, match.start(3) + 1
        yield _Printed(number, source.upper(), target.upper(), flags, *columns)


def _csv_rows(file: SourceFile) -> Iterator[_Printed]:
    rows = csv.reader((line for _, line in file.lines("ascii")), strict=True)
    try:
        header = next(rows, [])
        if header[2:] != _FLAG_COLUMNS or not all(name.startswith("icd") for name in header[:2]):
            raise FileRefused(file.name, f"has the columns {header}", line=1)
        for row in rows:
            if len(row) != 8 or list(row[2]) != row[3:]:
                reason = "is not source, target and five flags"
                raise FileRefused(file.name, reason, line=rows.line_num)
            yield _Printed(rows.line_num, row[0].upper(), row[1].upper(), row[2], 2, 3)
    except csv.Error as broken:
        raise FileRefused(file.name, f"is not CSV: {broken}", line=rows.line_num) from broken


def _map_of(file: str, rows: Sequence[_Printed], possible: list[CodeMap]) -> CodeMap:
    """The one of the possible mappings that all rows fit."""
    for row in rows:
        still = [one for one in possible if _is_source(row, one) and _is_target(row, one)]
        if not still:
            raise _misfit(file, row, possible)
        possible = still
    if not rows:
        raise FileRefused(file, "holds no row")
    if len(possible) > 1:
        raise FileRefused(file, f"may be any of {_listed(possible)}; say which with --map")
    return possible[0]


def _is_source(row: _Printed, one: CodeMap) -> bool:
    return _CODES[one.source_system].fullmatch(row.source) is not None


def _is_target(row: _Printed, one: CodeMap) -> bool:
    system = one.target_system
    return row.target == _NO_TARGET[system] or _CODES[system].fullmatch(row.target) is not None


def _misfit(file: str, row: _Printed, possible: Sequence[CodeMap]) -> FileRefused:
    if not any(_is_source(row, one) for one in possible):
        reason = f"{row.source} is no source of {_listed(possible)}"
        return FileRefused(file, reason, line=row.line)
    reason = f"{row.target} is no target of {row.source} in {_listed(possible)}"
    return FileRefused(file, reason, line=row.line, column=row.target_column)


def _listed(maps: Sequence[CodeMap]) -> str:
    return " or ".join(map(str, maps))


def _edge(file: str, row: _Printed, code_map: CodeMap) -> EdgeRow:
    if not _FLAGS.fullmatch(row.flags):
        reason = f"{row.flags} is not five flags"
        raise FileRefused(file, reason, line=row.line, column=row.flags_column)
    approximate, no_map, combination, scenario, choice_list = map(int, row.flags)
    # Some releases print NoI9 with the flags of a target: the sentinel wins.
    has_target = row.target != _NO_TARGET[code_map.target_system]
    # ICD-9 procedure 35.84 has rows numbered in both that lack the flag: the numbers win.
    is_numbered = scenario > 0 and choice_list > 0
    if wrong := _contradiction(has_target, bool(no_map), bool(combination), is_numbered):
        raise FileRefused(file, wrong, line=row.line, column=row.flags_column)
    meant = f"{approximate}{int(not has_target)}{int(is_numbered)}{scenario}{choice_list}"
    return EdgeRow(
        source=row.source,
        target=row.target if has_target else None,
        relationship=_relationship(approximate, has_target),
        is_approximate=approximate == 1,
        is_combination=is_numbered,
        scenario=scenario or None,
        choice_list=choice_list or None,
        attrs=None if meant == row.flags else json.dumps({"printed": row.flags}),
    )


def _contradiction(
    has_target: bool, no_map: bool, combination: bool, is_numbered: bool
) -> str | None:
    """What is wrong with the flags of a row; None when nothing is."""
    if no_map and has_target:
        return "says no map and names a target"
    if combination and not is_numbered:
        return "is part of a combination without scenario and list"
    if is_numbered and not has_target:
        return "is part of a combination and names no target"
    return None


def _relationship(approximate: int, has_target: bool) -> Relationship:
    if not has_target:
        return Relationship.NOT_RELATED
    return Relationship.RELATED_TO if approximate else Relationship.EQUIVALENT


def _refuse_twice(file: str, rows: Sequence[_Printed]) -> None:
    seen = set()
    for row in rows:
        key = (row.source, row.target, row.flags)
        if key in seen:
            reason = f"{row.source} to {row.target} comes twice with the flags {row.flags}"
            raise FileRefused(file, reason, line=row.line)
        seen.add(key)
