"""Reads of crosswalks, in both directions: batch in, batch out, one statement."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from db.codes import Row, codes_in, map_release_of
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey, CodeSystemKey, printed
from schema.crosswalks import (
    Crosswalk,
    MapRelease,
    RowCounts,
    Translation,
    TranslationDirection,
    TranslationStatus,
    verdict,
)


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


def translation_of(
    code: Code,
    release: MapRelease,
    told: Row,
    crosswalks: Sequence[dict[str, Any]],
    codes: Mapping[int, Code],
    direction: TranslationDirection = TranslationDirection.FORWARD,
) -> Translation:
    """What one map says about a code, given its row of the function `translation_of`.

    `crosswalks` are that row's, parsed; `codes` are those that they name, by id.
    """
    counts = RowCounts(
        total=told["total_count"],
        combination=told["combination_count"],
        no_map=told["no_map_count"],
        equivalent=told["equivalent_count"],
    )
    known = {**codes, code.id: code}
    status, reason = verdict(code, release.label, counts, direction)
    return Translation(
        requested=code.display,
        source=code,
        status=status,
        reason=reason,
        crosswalks=tuple(_crosswalk(row, known) for row in crosswalks),
        total_count=counts.total,
        map_release=release,
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
    return translation_of(code, release, row, json.loads(row["crosswalks"]), codes, direction)


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
