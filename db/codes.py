"""Reads of codes, their place in the tree and their releases: batch in, batch out, one statement.

`on` is the day asked about everywhere: facts are as they were in force on that day.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from db.origins import origins
from db.pool import Database
from db.queries import statements
from schema.codes import (
    Code,
    CodeKey,
    CodeKind,
    CodeLookup,
    CodeMissing,
    CodeStatus,
    CodeSystem,
    CodeSystemKey,
    MissingReason,
    Release,
    display,
    normalize,
    printed,
    why_not_billable,
)
from schema.crosswalks import MapRelease
from schema.holdings import MissingRelease

CodeRef = tuple[CodeSystemKey | None, str]
"""A code as asked for: its system, None when unknown, and the text as typed."""


class Row(Protocol):
    """A row by column name: of a driver, or out of JSON."""

    def __getitem__(self, column: str, /) -> Any: ...


class ChildrenWanted(NamedTuple):
    """One page of the codes right below a parent."""

    parent_id: int
    first: int
    after_seq: int | None
    """The place after which the page begins, as `Children.seqs` gives it; None for the start."""


@dataclass(frozen=True)
class Children:
    """The codes right below a parent, in the publisher's order."""

    codes: tuple[Code, ...]
    seqs: tuple[int, ...]
    """The place of each code, unique in its system: what a cursor holds."""
    total_count: int
    """All children of the parent in force on the day."""
    has_next_page: bool


async def code_systems(database: Database, on: date) -> tuple[CodeSystem, ...]:
    """Every system the catalogue can hold, in system order, with what is loaded of it."""
    return tuple(map(_system, await database.fetch(_SQL["systems"], on)))


def _system(row: Row) -> CodeSystem:
    label, since = row["missing_label"], row["missing_from"]
    return CodeSystem(
        key=row["key"],
        name=row["name"],
        publisher=row["publisher"],
        uri=row["uri"],
        license_notice=row["license_notice"],
        full_descriptors_allowed=row["full_descriptors_allowed"],
        closed_on=row["closed_on"],
        releases=tuple(map(release_of, json.loads(row["releases"]))),
        missing=label and MissingRelease(label=label, effective_from=since),
        origin=origins().get(row["key"]),
    )


async def codes_by_ref(database: Database, refs: Sequence[CodeRef], on: date) -> list[CodeLookup]:
    """What each reference means, in the order asked.

    A system and a value give a Code; a value alone gives the only Code spelled so, or a tuple of
    candidates in system order. A code that only a map names is answered without a title. Whatever
    cannot be answered is a CodeMissing.
    """
    rows = await database.fetch(_SQL["codes_by_ref"], *ref_arguments(refs), on)
    found = {ordinal: list(group) for ordinal, group in groupby(rows, lambda r: r["ordinal"])}
    return [lookup_of(ref, found[n], on) for n, ref in enumerate(refs, start=1)]


async def map_releases(database: Database, on: date) -> tuple[MapRelease, ...]:
    """Every release of a crosswalk, a succession or a grouping, in the order loaded."""
    rows = await database.fetch(_SQL["map_releases"], on)
    return tuple(map_release_of(json.loads(row["body"])) for row in rows)


async def is_anything_loaded(database: Database) -> bool:
    """Whether the catalogue holds a release of any code system."""
    row = await database.fetch_one(_SQL["is_anything_loaded"])
    return row is not None and bool(row["is_loaded"])


async def children_of(
    database: Database, wanted: Sequence[ChildrenWanted], on: date
) -> list[Children]:
    """A page of the codes right below each parent, in the order asked."""
    parents, firsts, afters = zip(*wanted, strict=True) if wanted else ((), (), ())
    rows = await database.fetch(_SQL["children"], parents, firsts, afters, on)
    pages = groupby(rows, lambda row: row["ordinal"])
    return [_children(list(group), on) for _, group in pages]


async def ancestors_of(
    database: Database, ids: Collection[int], on: date
) -> dict[int, tuple[Code, ...]]:
    """The codes above each code, from the root down to the parent; empty for a root."""
    rows = await database.fetch(_SQL["ancestors"], list(set(ids)), on)
    above: defaultdict[int, list[Code]] = defaultdict(list)
    for row in rows:
        above[row["descendant_id"]].append(code_of(row, on))
    return {wanted: tuple(above[wanted]) for wanted in ids}


def ref_arguments(refs: Iterable[CodeRef]) -> tuple[list[str | None], list[str | None]]:
    """The systems and stored values of references, as statements take them."""
    asked = list(refs)
    return [system for system, _ in asked], [normalize(text) for _, text in asked]


def lookup_of(ref: CodeRef, rows: Sequence[Row], on: date) -> CodeLookup:
    """What one reference means, given its rows of the statement `codes_by_ref`."""
    known = [row for row in rows if row["id"] is not None]
    usable = [row for row in known if row["is_system_loaded"] or row["starts"] is None]
    if len(usable) == 1:
        return code_of(usable[0], on)
    if usable:
        return tuple(code_of(row, on) for row in usable)
    return _missing(ref, rows[0], on)


def code_of(row: Row, on: date) -> Code:
    """The code of one row of `code_on` joined with the body of its release."""
    return _code(row, _release(row["release"]) if row["release"] else None, on)


def codes_in(facts: str | None, releases: str | None, on: date) -> dict[int, Code]:
    """The codes by id of a JSON array of rows of `code_on`, given that of all releases; None for
    an array of nothing, as before the first release of any system."""
    known = _releases(releases or "[]")
    return {
        body["id"]: _code(_dated(body), known.get(body["release_id"]), on)
        for body in json.loads(facts or "[]")
    }


def code_in(facts: str, releases: str, on: date) -> Code:
    """The code of a row of `code_on` in JSON, given all releases."""
    (code,) = codes_in(f"[{facts}]", releases, on).values()
    return code


def _dated(body: dict[str, Any]) -> dict[str, Any]:
    """A row of `code_on` out of JSON, with its dates as a driver would give them."""
    starts, ends_before = body["starts"], body["ends_before"]
    return {
        **body,
        "starts": starts and date.fromisoformat(starts),
        "ends_before": ends_before and date.fromisoformat(ends_before),
    }


def _code(row: Row, release: Release | None, on: date) -> Code:
    key = CodeKey(CodeSystemKey(row["system"]), row["value"])
    starts, ends_before = row["starts"], row["ends_before"]
    if starts is None or not row["is_system_loaded"]:
        return _undescribed(row, key)
    kind, status = CodeKind(row["kind"]), _status(starts, ends_before, on)
    last_day = ends_before and ends_before - timedelta(days=1)
    reason = why_not_billable(
        display(key, kind), kind, row["is_billable"], status, starts, last_day
    )
    return Code(
        id=row["id"],
        key=key,
        kind=kind,
        title=row["title"],
        short_title=row["short_title"],
        status=status,
        is_billable=reason is None,
        why_not_billable=reason,
        effective_from=starts,
        effective_to=last_day,
        release=release,
        parent_id=row["parent_id"],
    )


def _undescribed(row: Row, key: CodeKey) -> Code:
    """A code of which no release that had begun by the day says anything."""
    return Code(
        id=row["id"],
        key=key,
        kind=CodeKind(row["kind"] or CodeKind.CODE),
        title=None,
        short_title=None,
        status=CodeStatus.INACTIVE if row["is_system_loaded"] else CodeStatus.UNKNOWN,
        is_billable=None,
        why_not_billable=None,
        effective_from=None,
        effective_to=None,
        release=None,
        parent_id=None,
    )


@lru_cache(maxsize=512)
def _release(body: str) -> Release:
    return release_of(json.loads(body))


@lru_cache(maxsize=64)
def _releases(bodies: str) -> dict[int, Release]:
    return {body["id"]: release_of(body) for body in json.loads(bodies)}


def release_of(body: dict[str, Any]) -> Release:
    """The release of a body of `releases_on`, with the reason if it is stale."""
    return Release.model_validate(with_stale_reason(body))


def map_release_of(body: dict[str, Any]) -> MapRelease:
    """The map release of a body of `map_releases_on`, with the reason if it is stale."""
    return MapRelease.model_validate(with_stale_reason(body))


def with_stale_reason(body: dict[str, Any]) -> dict[str, Any]:
    """The body of a release, with the reason if it is stale in the place of what is expected."""
    expected, since = body.pop("expected_label"), body.pop("expected_from")
    reason = (
        expected and f"{expected}, in force since {since}, is not loaded; this is {body['label']}."
    )
    return {**body, "stale_reason": reason}


def _status(starts: date, ends_before: date | None, on: date) -> CodeStatus:
    if starts > on:
        return CodeStatus.FUTURE
    return CodeStatus.INACTIVE if ends_before and ends_before <= on else CodeStatus.ACTIVE


def _missing(ref: CodeRef, row: Row, on: date) -> CodeMissing:
    """Why a reference means nothing; a row with an id is of a code that no release describes yet,
    one without has the columns of `absence_on`."""
    system, text = ref
    key = CodeKey(system, normalize(text) or "") if system else None
    name = system.short_name if system else "its code system"
    if normalize(text) is None:
        reason = MissingReason.NOT_A_CODE
        message = "A code has 1 to 20 letters, digits and hyphens; dots and blanks are ignored."
    elif not row["is_asked_system_loaded"]:
        reason = MissingReason.NOT_LOADED
        message = f"No release of {name} that had begun by {on} is loaded."
    elif key is None:
        reason = MissingReason.UNKNOWN
        message = f"No loaded code system has the code {' '.join(text.split()).upper()}."
    elif row["is_beginning"]:
        reason = MissingReason.NOT_LOADED
        begins = f"{printed(key)} is the beginning of some"
        message = f"Only complete codes of {name} are loaded here; {begins}."
    else:
        reason = MissingReason.UNKNOWN
        message = _unknown(printed(key), name, json.loads(row["newest_release"]))
    return CodeMissing(requested=text, reason=reason, message=message)


def _unknown(code: str, system: str, newest: dict[str, Any]) -> str:
    says = f"{system} {newest['label']}, the newest release loaded here, has no code {code}"
    if newest["expected_label"] is None:
        return f"{says}."
    return f"{says}; {newest['expected_label']} has been in force since {newest['expected_from']}."


def _children(rows: Sequence[Row], on: date) -> Children:
    present = [row for row in rows if row["id"] is not None]
    return Children(
        codes=tuple(code_of(row, on) for row in present),
        seqs=tuple(row["seq"] for row in present),
        total_count=rows[0]["total_count"],
        has_next_page=bool(present) and present[0]["left_count"] > len(present),
    )


_SQL = statements("codes")
