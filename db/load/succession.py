"""What new codes were coded as before, as rows of a map: the conversion table of ICD-10-CM."""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from db.load.conversion import ConversionRow, Span, read
from db.load.map_writer import write_map
from db.load.report import LoadReport, Progress
from db.load.rows import EdgeRow
from db.load.source import CodeMap, Edition
from db.load.stored import Connection
from db.queries import statements
from schema.codes import CodeKind, CodeSystemKey
from schema.crosswalks import CONVERSION, Relationship
from schema.errors import FileRefused

PREVIOUSLY_CODED_AS = CodeMap(
    CONVERSION, "SUCCESSION", CodeSystemKey.ICD10CM, CodeSystemKey.ICD10CM
)
"""From a new code to the codes before it."""


@dataclass(frozen=True)
class KnownCodes:
    """The codes that ranges are read against: what the catalogue has, or a map names."""

    codes: Sequence[str]
    """Those that can be reported, now or once, sorted."""
    groups: Sequence[str]
    """Those above them, sorted."""

    @classmethod
    def of(cls, kinds: Mapping[str, str | None]) -> "KnownCodes":
        """By value the kind of each code; None for one that only a map names."""
        is_code = {value: kind in (None, CodeKind.CODE) for value, kind in kinds.items()}
        return cls(
            codes=sorted(value for value, is_one in is_code.items() if is_one),
            groups=sorted(value for value, is_one in is_code.items() if not is_one),
        )

    def within(self, span: Span) -> list[str]:
        """The codes, or the categories, from the first to the last, both among them. Of a range
        that is gone as a whole, those that its last digit counts; empty where it counts nothing."""
        if span.first == span.last:
            return [span.first]
        known = self.groups if span.is_group else self.codes
        between = known[bisect_left(known, span.first) : bisect_right(known, span.last)]
        found = [value for value in between if _is_alike(value, span)]
        return sorted({span.first, *found, span.last}) if found else _counted(span)


def _counted(span: Span) -> list[str]:
    """H8141, H8142 and H8143 for the first and the last of them."""
    stem, first, last = span.first[:-1], span.first[-1], span.last[-1]
    if span.last[:-1] != stem or not (first + last).isdigit():
        return []
    return [f"{stem}{digit}" for digit in range(int(first), int(last) + 1)]


def _is_alike(value: str, span: Span) -> bool:
    """Whether a code between the ends is meant: S06890A to S06899A are initial encounters only,
    T15 to T19 categories only."""
    ends_alike = len(span.first) == len(span.last) and span.first[-1] == span.last[-1]
    if span.is_group or (ends_alike and span.first[-1].isalpha()):
        return len(value) == len(span.first) and (span.is_group or value[-1] == span.last[-1])
    return True


def edges(file: str, rows: Sequence[ConversionRow], known: KnownCodes) -> list[EdgeRow]:
    """The rows of the map, ranges written out; raises FileRefused on a range of unknown codes.

    A row that the table repeats word for word is taken once.
    """
    scenarios: defaultdict[str, int] = defaultdict(int)
    return [edge for row in dict.fromkeys(rows) for edge in _edges_of(file, row, known, scenarios)]


def _edges_of(
    file: str, row: ConversionRow, known: KnownCodes, scenarios: dict[str, int]
) -> Iterator[EdgeRow]:
    attrs = json.dumps({"printed": row.printed, "effective_from": row.effective_from.isoformat()})
    if not row.parts:
        yield EdgeRow(row.value, None, Relationship.NOT_RELATED, attrs=attrs)
    is_combination = len(row.parts) > 1
    if is_combination:
        scenarios[row.value] += 1
    for number, part in enumerate(row.parts, start=1):
        for target in dict.fromkeys(_targets(file, row, part, known)):
            yield EdgeRow(
                source=row.value,
                target=target,
                # The table does not say which of the two is the wider.
                relationship=Relationship.RELATED_TO,
                is_combination=is_combination,
                scenario=scenarios[row.value] if is_combination else None,
                choice_list=number if is_combination else None,
                attrs=attrs,
            )


def _targets(
    file: str, row: ConversionRow, part: Sequence[Span], known: KnownCodes
) -> Iterator[str]:
    for span in part:
        found = known.within(span)
        if not found:
            reason = f"{row.value} names {row.printed}, and none of it is known: load codes first"
            raise FileRefused(file, reason)
        yield from found


async def write_conversion(
    connection: Connection, progress: Progress, edition: Edition[CodeMap]
) -> LoadReport:
    """Store an edition of the conversion table, unless these bytes are stored.

    A range stands for the codes of it that the catalogue knows as it is loaded.
    """
    (file,) = edition.files
    system = edition.subject.target_system
    kinds = await connection.fetch(statements("load")["kinds"], system)
    known = KnownCodes.of({row["value"]: row["kind"] for row in kinds})
    return await write_map(
        connection, progress, edition, lambda: edges(file.name, read(file), known)
    )
