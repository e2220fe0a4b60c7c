"""The MS-DRG Definitions Manual of CMS, in the snapshots of the drgpy package: JSON inside xz.

A snapshot names diagnoses and procedures by the groups that their lists stand under, `371&372&373`,
and by the heading of the list, `PDX`, `AND SDX`; procedures that count only together follow it:
`275|CARDIAC DEFIBRILLATOR IMPLANT ORPCS|0JH608Z`.
"""

import json
import lzma
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from db.load.rows import CodeRow, MemberRow
from db.load.source import SourceFile
from schema.codes import CodeKind
from schema.errors import FileRefused

MOST_BYTES = 60_000_000
"""Most bytes that a snapshot unpacks to; those of 2026 have a fifth of it."""

MDC_LINE = re.compile(r"([0-9]{2}) (.+)")
"""A diagnostic category and its title, as the manual's contents list them."""

_TABLES = ("ccmap", "drg_exclusions", "drgmap", "dxmap", "exmap", "prmap")
_DIAGNOSIS = re.compile(r"[A-Z][0-9A-Z]{2,6}")
_PROCEDURE = re.compile(r"[0-9A-HJ-NP-Z]{7}")
_DRG = re.compile(r"[0-9]{3}")
_EXCLUSION = re.compile(r"[0-9]{4}")
_ACQUIRED = re.compile(r"0[1-9]|1[0-9]")
_LABEL = re.compile(r"([0-9]{3}(?:&[0-9]{3})*)\|(.+)")
_MDC = re.compile(r"_MDC([0-9]{2})(?:_PDX)?")
_SITE = re.compile(r"_TRAUMA24_SITE_([A-Z_]+)")
_SEVERITY_SUFFIX = re.compile(r",? with(?:out)? (?:CC/MCC|MCC|CC)$")
# Words of headings that the package took for codes.
_NO_PROCEDURES = frozenset({"One", "with"})


class SeverityRow(NamedTuple):
    """The weight of one secondary diagnosis."""

    code: str
    level: str
    exclusion: int
    only_alive: bool
    acquired_condition: int | None


@dataclass(frozen=True)
class Definitions:
    """What a version of MS-DRG says."""

    drgs: list[CodeRow]
    """Every DRG in order of number; before the first of several alike their group, `371-373`."""
    drg_mdcs: list[MemberRow]
    """DRGs under their category; those of any category, or of none, are left out."""
    diagnosis_mdcs: list[MemberRow]
    """Diagnoses under the categories that they lead to as principal ones."""
    diagnosis_groups: list[MemberRow]
    procedure_groups: list[MemberRow]
    severities: list[SeverityRow]
    exclusions: dict[int, list[str]]
    """Principal diagnoses, by the number of their group."""
    drg_exclusions: dict[str, list[str]]
    """Secondary diagnoses that weigh nothing, by DRG."""


def read(file: SourceFile, version: str) -> Definitions:
    """All that the snapshot of a version says; raises FileRefused."""
    snapshot = _Snapshot(file, version)
    groups = snapshot.groups()
    exclusions = {int(n): codes for n, codes in snapshot.lists("exmap", _EXCLUSION)}
    diagnosis_groups, diagnosis_mdcs = snapshot.diagnoses()
    return Definitions(
        drgs=snapshot.drgs(groups),
        drg_mdcs=snapshot.drg_mdcs(),
        diagnosis_mdcs=diagnosis_mdcs,
        diagnosis_groups=diagnosis_groups,
        procedure_groups=snapshot.procedures(),
        severities=snapshot.severities(exclusions),
        exclusions=exclusions,
        drg_exclusions=dict(snapshot.lists("drg_exclusions", _DRG)),
    )


class _Snapshot:
    """One snapshot, unpacked."""

    def __init__(self, file: SourceFile, version: str) -> None:
        self._file = file
        told = _parsed(file)
        if told.get("schema_version") != 1 or told.get("version") != version:
            raise self._refusal(f"is no snapshot of {version}")
        self._tables: dict[str, dict[str, Any]] = {}
        for name in _TABLES:
            table = told.get(name)
            if not isinstance(table, dict):
                raise self._refusal(f"has no table {name}")
            self._tables[name] = table

    def groups(self) -> list[tuple[str, ...]]:
        """The DRGs that lists name together, consecutive ones, in order; raises on an overlap."""
        named = {label for table in ("dxmap", "prmap") for _, label in self._labels(table)}
        groups = {
            run for label in named if (found := _LABEL.fullmatch(label)) for run in _runs(found[1])
        }
        drgs = [drg for group in groups for drg in group]
        if len(set(drgs)) != len(drgs) or not set(drgs) <= self._tables["drgmap"].keys():
            raise self._refusal("names a DRG in two groups, or one that it does not describe")
        return sorted(groups)

    def drgs(self, groups: Sequence[tuple[str, ...]]) -> list[CodeRow]:
        titles = {drg: self._title(drg, told) for drg, told in self._tables["drgmap"].items()}
        group_of = {drg: group for group in groups if len(group) > 1 for drg in group}
        rows = []
        for drg in sorted(titles):
            group = group_of.get(drg)
            if group and group[0] == drg:
                title = "; ".join(dict.fromkeys(_SEVERITY_SUFFIX.sub("", titles[d]) for d in group))
                rows.append(CodeRow(group_value(group), CodeKind.HEADER, title, False))
            parent, depth = (group_value(group), 1) if group else (None, 0)
            rows.append(CodeRow(drg, CodeKind.CODE, titles[drg], False, None, parent, depth))
        return rows

    def drg_mdcs(self) -> list[MemberRow]:
        return [
            MemberRow(drg, told["mdc"])
            for drg, told in self._tables["drgmap"].items()
            if told["mdc"]
        ]

    def diagnoses(self) -> tuple[list[MemberRow], list[MemberRow]]:
        """Diagnoses under groups of DRGs, and under categories."""
        groups: dict[tuple[str, str], dict[str, None]] = {}
        mdcs: dict[tuple[str, str], dict[str, None]] = {}
        for code, label in self._labels("dxmap"):
            if category := _MDC.fullmatch(label):
                mdcs.setdefault((code, category[1]), {})
            elif site := _SITE.fullmatch(label):
                # Two of them of different sites make multiple significant trauma, category 24.
                mdcs.setdefault((code, "24"), {})[f"SITE {site[1].replace('_', ' ')}"] = None
            else:
                self._under_groups(groups, code, label)
        return _rows(groups), _rows(mdcs)

    def procedures(self) -> list[MemberRow]:
        groups: dict[tuple[str, str], dict[str, None]] = {}
        for code, label in self._labels("prmap"):
            self._under_groups(groups, code, label)
        return _rows(groups)

    def severities(self, exclusions: Mapping[int, list[str]]) -> list[SeverityRow]:
        rows = [self._severity(code, told) for code, told in self._tables["ccmap"].items()]
        if not {row.exclusion for row in rows} <= exclusions.keys():
            raise self._refusal("names an exclusion group that it does not have")
        return rows

    def _severity(self, code: str, told: object) -> SeverityRow:
        match told:
            case {
                "level": "CC" | "MCC" as level,
                "pdx": str(group),
                "aowa": bool(only_alive),
                "hac": str() | None as acquired,
            } if _EXCLUSION.fullmatch(group) and _DIAGNOSIS.fullmatch(code):
                if acquired is None or _ACQUIRED.fullmatch(acquired):
                    number = None if acquired is None else int(acquired)
                    return SeverityRow(code, level, int(group), only_alive, number)
        raise self._refusal(f"says of {code:.20} no weight")

    def lists(self, table: str, key: re.Pattern[str]) -> Iterator[tuple[str, list[str]]]:
        """The diagnoses under each key of a table."""
        for name, codes in self._tables[table].items():
            is_list = isinstance(codes, list) and all(isinstance(code, str) for code in codes)
            if not key.fullmatch(name) or not is_list or not all(map(_DIAGNOSIS.fullmatch, codes)):
                raise self._refusal(f"has under {name:.20} of {table} no list of diagnoses")
            yield name, codes

    def _labels(self, table: str) -> Iterator[tuple[str, str]]:
        """Each code of a table with each of its labels."""
        form = _DIAGNOSIS if table == "dxmap" else _PROCEDURE
        for code, labels in self._tables[table].items():
            if code in _NO_PROCEDURES and table == "prmap":
                continue
            if not form.fullmatch(code) or not isinstance(labels, list):
                raise self._refusal(f"has {code:.20} in {table}, which is no code with labels")
            for label in labels:
                if not isinstance(label, str):
                    raise self._refusal(f"has a label of {code} that is no text")
                yield code, label

    def _under_groups(
        self, groups: dict[tuple[str, str], dict[str, None]], code: str, label: str
    ) -> None:
        found = _LABEL.fullmatch(label)
        if found is None:
            raise self._refusal(f"labels {code} with {label:.60}")
        for run in _runs(found[1]):
            groups.setdefault((code, group_value(run)), {})[found[2]] = None

    def _title(self, drg: str, told: object) -> str:
        match told:
            case {"desc": str(title), "mdc": str(mdc)} if (
                title and (not mdc or re.fullmatch("[0-9]{2}", mdc)) and _DRG.fullmatch(drg)
            ):
                return title
        raise self._refusal(f"does not describe {drg:.20}")

    def _refusal(self, reason: str) -> FileRefused:
        return FileRefused(self._file.name, reason)


def group_value(drgs: Sequence[str]) -> str:
    """The code of a group of consecutive DRGs: `371-373`, or that of the one alone."""
    return drgs[0] if len(drgs) == 1 else f"{drgs[0]}-{drgs[-1]}"


def _parsed(file: SourceFile) -> dict[str, Any]:
    unpacker = lzma.LZMADecompressor(memlimit=200_000_000)
    try:
        content = unpacker.decompress(file.content, max_length=MOST_BYTES)
    except lzma.LZMAError as broken:
        raise FileRefused(file.name, f"is not whole xz data: {broken}") from broken
    if not unpacker.eof or unpacker.unused_data:
        raise FileRefused(file.name, f"is cut, has a tail or unpacks to over {MOST_BYTES:,} bytes")
    try:
        told = json.loads(content)
    except (ValueError, RecursionError) as broken:
        raise FileRefused(file.name, f"is no JSON: {broken}") from broken
    if not isinstance(told, dict):
        raise FileRefused(file.name, "is no JSON object")
    return told


def _runs(drgs: str) -> Iterator[tuple[str, ...]]:
    """The DRGs of a label, consecutive ones together: `928&929&934` is 928-929 and 934."""
    numbers = drgs.split("&")
    starts = [
        0,
        *(place for place, (a, b) in enumerate(pairwise(numbers), start=1) if int(b) != int(a) + 1),
        len(numbers),
    ]
    return (tuple(numbers[start:end]) for start, end in pairwise(starts))


def _rows(groups: dict[tuple[str, str], dict[str, None]]) -> list[MemberRow]:
    return [MemberRow(code, group, tuple(texts)) for (code, group), texts in groups.items()]
