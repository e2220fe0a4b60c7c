"""Reads of ways through several maps: batch in, batch out, one statement."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from db.codes import Row, codes_in, map_release_of
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey, CodeSystemKey, printed
from schema.crosswalk_paths import (
    CrosswalkHop,
    CrosswalkPath,
    CrosswalkRoute,
    PathCounts,
    missing_map,
    route_verdict,
)
from schema.crosswalks import Crosswalk, MapRelease, TranslationStatus

MOST_STEPS = 100_000
"""Steps that one batch may take; the widest hundred codes of ICD-9-CM take a tenth of it."""


async def routes(
    database: Database,
    sources: Sequence[CodeKey],
    via: Sequence[CodeSystemKey],
    on: date,
    first: int,
    after: int = 0,
    most_steps: int = MOST_STEPS,
) -> list[CrosswalkRoute] | None:
    """The ways from each source through the systems of `via`, in the order asked; the last of them
    is where they lead.

    Each route holds `first` ways at most, behind the first `after`. None where there are more ways
    than can be followed in that many steps.
    """
    asked = list(dict.fromkeys(sources))
    rows = await database.fetch(
        _SQL["paths"],
        [source.system for source in asked],
        [source.value for source in asked],
        list(via),
        most_steps,
        on,
        first,
        after,
    )
    if rows and rows[0]["walked"] >= most_steps:
        return None
    found = {
        key: _route(key, [key.system, *via], row, on) for key, row in zip(asked, rows, strict=True)
    }
    return [found[source] for source in sources]


def _route(key: CodeKey, systems: Sequence[CodeSystemKey], row: Row, on: date) -> CrosswalkRoute:
    maps = {body["id"]: map_release_of(body) for body in json.loads(row["maps"])}
    code = _source(row, on)
    status, reason = _verdict(key, code, systems, row, list(maps.values()), on)
    codes = codes_in(row["codes"], row["releases"], on)
    return CrosswalkRoute(
        requested=code.display if code else printed(key),
        source=code,
        status=status,
        reason=reason,
        paths=tuple(_path(hops, maps, codes) for hops in json.loads(row["paths"] or "[]")),
        total_count=row["path_count"] or 0,
    )


def _source(row: Row, on: date) -> Code | None:
    if row["source"] is None:
        return None
    (code,) = codes_in(f"[{row['source']}]", row["releases"], on).values()
    return code


def _verdict(
    key: CodeKey,
    code: Code | None,
    systems: Sequence[CodeSystemKey],
    row: Row,
    maps: Sequence[MapRelease],
    on: date,
) -> tuple[TranslationStatus, str]:
    if gap := missing_map(systems, maps):
        here, there = (system.short_name for system in gap)
        reason = f"No map from {here} to {there} in force on {on} is loaded."
        return TranslationStatus.NOT_LOADED, reason
    if code is None:
        reason = f"{key.system.short_name} has no code {printed(key)}."
        return TranslationStatus.UNKNOWN_CODE, reason
    reached = tuple(row["reached"] or ())
    ends = [*systems, None][len(reached) : len(reached) + 2]
    counts = PathCounts(
        total=row["path_count"] or 0,
        chosen=row["chosen_count"] or 0,
        combination=row["combination_count"] or 0,
        equivalent=row["equivalent_count"] or 0,
        no_map=row["no_map_count"] or 0,
        ends_at_groups=ends in json.loads(row["groupings"]),
        reached=reached,
    )
    return route_verdict(code, systems, counts)


def _path(
    hops: Sequence[dict[str, Any]], maps: Mapping[int, MapRelease], codes: Mapping[int, Code]
) -> CrosswalkPath:
    return CrosswalkPath(hops=tuple(_hop(hop, maps, codes) for hop in hops))


def _hop(
    hop: dict[str, Any], maps: Mapping[int, MapRelease], codes: Mapping[int, Code]
) -> CrosswalkHop:
    ends = {"source": codes[hop.pop("source_id")], "target": codes[hop.pop("target_id")]}
    row = Crosswalk.model_validate({**hop, **ends})
    return CrosswalkHop(row=row, map_release=maps[row.map_release_id])


_SQL = statements("crosswalk_paths")
