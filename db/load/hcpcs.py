"""HCPCS Level II as CMS publishes it: what both forms of its file say of codes and modifiers.

The two forms, fixed width (hcpcs_anweb.py) and workbook (hcpcs_xlsx.py), give the same fields under
the names that the workbook has for them; what they mean is in the record layout that CMS packs
beside the file. This module turns fields into rows, whichever form they came in.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, NoReturn

from schema.errors import FileRefused

Fields = Mapping[str, str]
"""The fields of one line by name, without blanks around them."""

NAMES = (
    *("HCPC", "SEQNUM", "RECID", "LONG DESCRIPTION", "SHORT DESCRIPTION"),
    *(f"PRICE{n}" for n in range(1, 5)),
    "MULT_PI",
    *(f"CIM{n}" for n in range(1, 4)),
    *(f"MCM{n}" for n in range(1, 4)),
    "STATUTE",
    *(f"LABCERT{n}" for n in range(1, 9)),
    *(f"XREF{n}" for n in range(1, 6)),
    *("COV", "ASC_GRP", "ASC_DT", "OPPS", "OPPS_PI", "OPPS_DT", "PROCNOTE", "BETOS"),
    *(f"TOS{n}" for n in range(1, 6)),
    *("ANEST_BU", "ADD DT", "ACT EFF DT", "TERM DT", "ACTION CD"),
)
"""Every field, in the order of the workbook."""
_OWN = NAMES[4:]
"""What only the first line of a code has."""

_FIRST_LINES = {"3": False, "7": True}
_FURTHER_LINES = {"4": False, "8": True}
_CODE = re.compile(r"[A-Z][0-9]{4}")
_MODIFIER = re.compile(r"[A-Z0-9]{2}")
_CPT = re.compile(r"[0-9]{4}[0-9A-Z]")
_DATE = re.compile(r"[0-9]{8}")


class HcpcsRow(NamedTuple):
    """What a release says of one code or modifier; a field that is blank in the file is empty."""

    value: str
    is_modifier: bool
    title: str
    """The long description, its lines joined."""
    short_title: str
    pricing: tuple[str, ...] = ()
    """How Medicare prices it: one to four indicators of a code, none of a modifier."""
    multiple_pricing: str = ""
    coverage_issues: tuple[str, ...] = ()
    """Sections of the Coverage Issues Manual, since become National Coverage Determinations."""
    carriers_manual: tuple[str, ...] = ()
    """Sections of the Medicare Carriers Manual."""
    statute: str = ""
    laboratory: tuple[str, ...] = ()
    """The certificates that a laboratory needs for it."""
    cross_references: tuple[str, ...] = ()
    """What to report instead, as printed: mostly codes."""
    coverage: str = ""
    surgical_center: str = ""
    """`YY` when ambulatory surgical centers may perform it."""
    surgical_center_from: date | None = None
    outpatient_group: str = ""
    outpatient_policy: str = ""
    outpatient_from: date | None = None
    processing_note: str = ""
    betos: str = ""
    """Its category in the Berenson-Eggers Type of Service."""
    types_of_service: tuple[str, ...] = ()
    anesthesia_units: int = 0
    added_on: date | None = None
    action_on: date | None = None
    """When what `action` says took effect."""
    last_day: date | None = None
    action: str = ""


class Line(NamedTuple):
    """One line or row of a file."""

    number: int
    """From 1, as a reader counts."""
    fields: Fields


def rows_of(file: str, lines: Iterable[Line], columns: Mapping[str, int]) -> list[HcpcsRow]:
    """Codes and modifiers in the order of the file; raises FileRefused with line and column.

    A description that is longer than its field goes on in the lines behind, in sequence. `columns`
    tells where each field begins, from 1.
    """
    reading = _Reading(file, columns)
    for line in lines:
        reading.take(line)
    return reading.rows()


class _Reading:
    """A file while it is read, line by line."""

    def __init__(self, file: str, columns: Mapping[str, int]) -> None:
        self._file = file
        self._columns = columns
        self._records: dict[tuple[str, bool], list[Line]] = {}

    def take(self, line: Line) -> None:
        kind = line.fields["RECID"]
        if kind in _FIRST_LINES:
            self._begin(line, is_modifier=_FIRST_LINES[kind])
        elif kind in _FURTHER_LINES:
            self._go_on(line, is_modifier=_FURTHER_LINES[kind])
        else:
            self._refuse(line, "RECID", f"has no record type {kind!r}")

    def rows(self) -> list[HcpcsRow]:
        if not any(not is_modifier for _, is_modifier in self._records):
            raise FileRefused(self._file, "holds no HCPCS code")
        return [
            self._row(value, is_modifier, lines)
            for (value, is_modifier), lines in self._records.items()
        ]

    def _begin(self, line: Line, *, is_modifier: bool) -> None:
        value = line.fields["HCPC"]
        if not (_MODIFIER if is_modifier else _CODE).fullmatch(value):
            what = "modifier" if is_modifier else "code"
            owner = _owner(value)
            licensed = f": it is one of {owner}, whose texts are not in this file" if owner else ""
            self._refuse(line, "HCPC", f"has no {what} of HCPCS Level II{licensed}")
        if value.startswith("D") and not is_modifier:
            reason = (
                f"{value} is a code of the American Dental Association (CDT), which is licensed"
            )
            self._refuse(line, "HCPC", reason)
        if (value, is_modifier) in self._records:
            self._refuse(line, "HCPC", f"{value} comes twice")
        self._records[value, is_modifier] = [line]

    def _go_on(self, line: Line, *, is_modifier: bool) -> None:
        """A line that goes on has nothing but its text, and stands right behind its code's."""
        key = (line.fields["HCPC"], is_modifier)
        if not self._records or next(reversed(self._records)) != key:
            self._refuse(line, "HCPC", "goes on with a code that the line before it does not have")
        before = self._records[key][-1]
        if not _follows(before.fields["SEQNUM"], line.fields["SEQNUM"]):
            self._refuse(line, "SEQNUM", "does not follow the sequence of the line before it")
        if extra := next((name for name in _OWN if line.fields[name]), None):
            self._refuse(line, extra, "has more than a text in a line that goes on")
        self._records[key].append(line)

    def _row(self, value: str, is_modifier: bool, lines: Sequence[Line]) -> HcpcsRow:
        first, fields = lines[0], lines[0].fields
        title = " ".join(" ".join(line.fields["LONG DESCRIPTION"] for line in lines).split())
        if not title:
            self._refuse(first, "LONG DESCRIPTION", f"{value} has no description")
        return HcpcsRow(
            value=value,
            is_modifier=is_modifier,
            title=title,
            short_title=" ".join(fields["SHORT DESCRIPTION"].split()),
            pricing=_several(fields, "PRICE"),
            multiple_pricing=fields["MULT_PI"],
            coverage_issues=_several(fields, "CIM"),
            carriers_manual=_several(fields, "MCM"),
            statute=" ".join(fields["STATUTE"].split()),
            laboratory=_several(fields, "LABCERT"),
            cross_references=_several(fields, "XREF"),
            coverage=fields["COV"],
            surgical_center=fields["ASC_GRP"],
            surgical_center_from=self._date(first, "ASC_DT"),
            outpatient_group=fields["OPPS"],
            outpatient_policy=fields["OPPS_PI"],
            outpatient_from=self._date(first, "OPPS_DT"),
            processing_note=fields["PROCNOTE"],
            betos=fields["BETOS"],
            types_of_service=_several(fields, "TOS"),
            anesthesia_units=self._number(first, "ANEST_BU"),
            added_on=self._date(first, "ADD DT"),
            action_on=self._date(first, "ACT EFF DT"),
            last_day=self._date(first, "TERM DT"),
            action=fields["ACTION CD"],
        )

    def _date(self, line: Line, name: str) -> date | None:
        text = line.fields[name]
        if not text.strip("0"):
            return None
        day = _day(text)
        if day is None:
            self._refuse(line, name, f"is no day such as 20251001 in {name}")
        return day

    def _number(self, line: Line, name: str) -> int:
        text = line.fields[name] or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= 3):
            self._refuse(line, name, f"is no number in {name}")
        return int(text)

    def _refuse(self, line: Line, name: str, reason: str) -> NoReturn:
        raise FileRefused(self._file, reason, line=line.number, column=self._columns[name])


def _owner(value: str) -> str | None:
    """Whose code it is that stands where one of HCPCS Level II should."""
    return "the American Medical Association (CPT)" if _CPT.fullmatch(value) else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _several(fields: Fields, name: str) -> tuple[str, ...]:
    """What stands in the fields `name`1, `name`2 and so on, blank ones left out."""
    numbered = (name + str(n) for n in range(1, 9))
    texts = (fields.get(field, "") for field in numbered)
    return tuple(" ".join(text.split()) for text in texts if text)


def _follows(before: str, number: str) -> bool:
    """Lines are numbered 00100, 00200 and so on."""
    return before.isdigit() and number.isdigit() and int(number) == int(before) + 100
