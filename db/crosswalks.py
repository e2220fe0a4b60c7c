"""Reads of crosswalks, in both directions: batch in, batch out, one statement."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from db.codes import Row, codes_in, map_release_of
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey, CodeSystemKey, printed
from schema.crosswalks import (
    Crosswalk,
    ListSize,
    MapRelease,
    RowCounts,
    Translation,
    TranslationDirection,
    TranslationStatus,
    verdict,
)


class RowsWanted(NamedTuple):
    """A part of the rows that a map has for a code."""

    code_id: int
    map_release_id: int
    direction: TranslationDirection
    first: int
    start: int
    """The place of the first one, counted from 0."""


class BelowWanted(NamedTuple):
    """A part of the billable codes below a code, and what a map says about each."""

    code_id: int
    map_release_id: int
    direction: TranslationDirection
    first: int
    after_seq: int | None
    """The place after which it begins, as `Below.seqs` gives it; None for the start."""


@dataclass(frozen=True)
class Below:
    """What a map says about billable codes below one code, in the publisher's order."""

    translations: tuple[Translation, ...]
    seqs: tuple[int, ...]
    """The place of each code, unique in its system: what a cursor holds."""
    total_count: int
    """All billable codes below, in force on the day."""
    has_next_page: bool


async def translations(
    database: Database,
    sources: Sequence[CodeKey],
    to: Collection[CodeSystemKey] | None,
    direction: TranslationDirection,
    on: date,
    first: int,
    after: int = 0,
) -> list[list[Translation]]:
    """What each map says about each source, in the order asked, then in the order maps were loaded.

    `to` names the systems at the other end, None for all. Each translation holds `first` rows at
    most, behind the first `after`. Reading backwards, the rows stay as the map says them: the code
    asked about is their target. What has no map has one translation NOT_LOADED for each system of
    `to`, or one in all. The invented map answers for a real code only with a row, or when `to`
    names its system.
    """
    rows = await database.fetch(
        _SQL["translations"],
        [source.system for source in sources],
        [source.value for source in sources],
        None if to is None else list(to),
        direction is TranslationDirection.REVERSE,
        on,
        first,
        after,
    )
    by_source: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[row["ordinal"]].append(row)
    return [
        _translations(source, by_source[number], to, direction, on)
        for number, source in enumerate(sources, start=1)
    ]


async def rows_of(
    database: Database, wanted: Sequence[RowsWanted], on: date
) -> list[tuple[Crosswalk, ...]]:
    """Parts of the rows that maps have for codes, in the order asked."""
    ids, maps, directions, firsts, starts = zip(*wanted, strict=True) if wanted else ((),) * 5
    backwards = [direction is TranslationDirection.REVERSE for direction in directions]
    rows = await database.fetch(_SQL["rows"], ids, maps, backwards, firsts, starts, on)
    found = []
    for row in rows:
        codes = codes_in(row["codes"], row["releases"], on)
        found.append(tuple(_crosswalk(one, codes) for one in json.loads(row["crosswalks"])))
    return found


async def translations_below(
    database: Database, wanted: Sequence[BelowWanted], on: date, rows_each: int
) -> list[Below]:
    """What maps say about the billable codes below codes, in the order asked; each translation
    holds `rows_each` rows at most."""
    ids, maps, directions, firsts, afters = zip(*wanted, strict=True) if wanted else ((),) * 5
    backwards = [direction is TranslationDirection.REVERSE for direction in directions]
    rows = await database.fetch(_SQL["below"], ids, maps, backwards, firsts, afters, rows_each, on)
    by_code = groupby(rows, lambda row: row["ordinal"])
    return [
        _below(list(group), asked.direction, on)
        for asked, (_, group) in zip(wanted, by_code, strict=True)
    ]


def translation_of(
    code: Code,
    release: MapRelease,
    told: Mapping[str, Any],
    codes: Mapping[int, Code],
    direction: TranslationDirection = TranslationDirection.FORWARD,
) -> Translation:
    """What one map says about a code, given its row of the function `translation_of` with its JSON
    parsed, and the codes that its crosswalks name, by id."""
    counts = RowCounts(
        total=told["total_count"],
        combination=told["combination_count"],
        no_map=told["no_map_count"],
        equivalent=told["equivalent_count"],
    )
    known = {**codes, code.id: code}
    status, reason = verdict(code, release.spoken, counts, direction, release.ends)
    return Translation(
        requested=code.display,
        source=code,
        status=status,
        reason=reason,
        crosswalks=tuple(_crosswalk(row, known) for row in told["crosswalks"]),
        total_count=counts.total,
        single_count=counts.single,
        lists=tuple(ListSize(*size) for size in told["lists"]),
        map_release=release,
    )


def _below(rows: Sequence[Row], direction: TranslationDirection, on: date) -> Below:
    present = [row for row in rows if row["source"] is not None]
    release = map_release_of(json.loads(rows[0]["map_release"]))
    found = []
    for row in present:
        (code,) = codes_in(f"[{row['source']}]", row["releases"], on).values()
        codes = codes_in(row["codes"], row["releases"], on)
        found.append(translation_of(code, release, _told(row), codes, direction))
    return Below(
        translations=tuple(found),
        seqs=tuple(row["seq"] for row in present),
        total_count=rows[0]["below_count"],
        has_next_page=bool(present) and present[0]["left_count"] > len(present),
    )


def _translations(
    source: CodeKey,
    rows: Sequence[Row],
    to: Collection[CodeSystemKey] | None,
    direction: TranslationDirection,
    on: date,
) -> list[Translation]:
    code = _source(rows[0], on)
    mapped = [row for row in rows if row["map_release"] is not None and _is_asked(row, source, to)]
    answers = [_answer(source, code, row, direction, on) for row in mapped]
    reached = {row["far_system"] for row in mapped}
    absent = [None] if to is None and not mapped else sorted(set(to or ()) - reached)
    return answers + [_not_loaded(source, code, system, direction, on) for system in absent]


def _is_asked(row: Row, source: CodeKey, to: Collection[CodeSystemKey] | None) -> bool:
    """Whether a map is one to answer from: an invented one says nothing of codes it has no row of,
    and its silence is no news."""
    is_invented = row["far_system"] == CodeSystemKey.DEMO != source.system
    return not is_invented or to is not None or row["total_count"] > 0


def _source(row: Row, on: date) -> Code | None:
    if row["source"] is None:
        return None
    (code,) = codes_in(f"[{row['source']}]", row["releases"], on).values()
    return code


def _answer(
    source: CodeKey,
    code: Code | None,
    row: Row,
    direction: TranslationDirection,
    on: date,
) -> Translation:
    release = map_release_of(json.loads(row["map_release"]))
    if code is None:
        return Translation(
            requested=printed(source),
            source=None,
            status=TranslationStatus.UNKNOWN_CODE,
            reason=f"{source.system.short_name} has no code {printed(source)}.",
            crosswalks=(),
            total_count=0,
            map_release=release,
        )
    codes = codes_in(row["codes"], row["releases"], on)
    return translation_of(code, release, _told(row), codes, direction)


def _told(row: Row) -> dict[str, Any]:
    """The columns that a statement has of the function `translation_of`, JSON parsed."""
    counts = ("total_count", "combination_count", "no_map_count", "equivalent_count")
    parsed = {name: json.loads(row[name]) for name in ("lists", "crosswalks")}
    return {**{name: row[name] for name in counts}, **parsed}


def _not_loaded(
    source: CodeKey,
    code: Code | None,
    system: CodeSystemKey | None,
    direction: TranslationDirection,
    on: date,
) -> Translation:
    ends = ("to", "from") if direction is TranslationDirection.REVERSE else ("from", "to")
    other = f" {ends[1]} {system.short_name}" if system else ""
    return Translation(
        requested=code.display if code else printed(source),
        source=code,
        status=TranslationStatus.NOT_LOADED,
        reason=f"No map {ends[0]} {source.system.short_name}{other} in force on {on} is loaded.",
        crosswalks=(),
        total_count=0,
        map_release=None,
    )


def _crosswalk(row: dict[str, Any], codes: Mapping[int, Code]) -> Crosswalk:
    ends = {"source": codes[row.pop("source_id")], "target": codes.get(row.pop("target_id"))}
    return Crosswalk.model_validate({**row, **ends})


_SQL = statements("crosswalks")
