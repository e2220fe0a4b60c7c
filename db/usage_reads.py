"""The archive as people read it: events of a time, and everything about one viewer."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from db.pool import Database
from db.queries import statements

_SQL = statements("usage_reads")


class KeyDay(NamedTuple):
    """What one key viewed on one day, UTC."""

    day: date
    views: int
    charged: int
    repeated: int
    refused: int


class ArchivedUntil(NamedTuple):
    """How far a shard is archived."""

    recorded_ms: int
    """When its last archived event was recorded; 0 when there is none."""
    waiting: int
    """Events that the archiver has seen behind it."""


async def exported_events(
    database: Database, shard: int, after_seq: int, span: tuple[datetime, datetime], count: int
) -> list[Mapping[str, Any]]:
    """Archived events of a shard behind a seq, by column, in their order; `count` at most.

    `span`: recorded at the first instant or later, and before the second.
    """
    rows = await database.fetch(_SQL["exported_events"], shard, after_seq, *span, count)
    return [dict(row) for row in rows]


async def events_about(database: Database, viewer: str) -> list[Mapping[str, Any]]:
    """Archived events of a viewer and those of others that name it, by column, oldest first;
    detached months included."""
    return [dict(row) for row in await database.fetch(_SQL["events_about"], viewer)]


async def archived_shard_of(database: Database, viewer: str) -> int | None:
    """The shard whose archived events are the viewer's; None when there are none."""
    row = await database.fetch_one(_SQL["shard_of_viewer"], viewer)
    return None if row is None else int(row["shard"])


async def known_requests(
    database: Database, viewers: Collection[str], requests: Collection[str]
) -> set[tuple[str, str]]:
    """Viewer and request of the archived events of those viewers and requests; detached months
    included."""
    rows = await database.fetch(_SQL["known_requests"], sorted(set(viewers)), list(requests))
    return {(row["viewer"], row["request"]) for row in rows}


async def first_touch(database: Database, viewer: str) -> dict[str, datetime] | None:
    """When the viewer did what for the first time; what it never did is missing, None: nothing."""
    row = await database.fetch_one(_SQL["first_touch"], viewer)
    return None if row is None else {name: at for name, at in row.items() if at is not None}


async def days_of_viewer(database: Database, viewer: str) -> list[date]:
    """The days, in UTC, on which the viewer viewed pages, oldest first."""
    return [row["day"] for row in await database.fetch(_SQL["days_of_viewer"], viewer)]


async def views_of_viewer(
    database: Database, viewer: str, before: tuple[datetime, int], count: int
) -> list[Mapping[str, Any]]:
    """Archived page views of a viewer that were recorded before an instant and seq, by column,
    newest first; `count` at most."""
    rows = await database.fetch(_SQL["views_of_viewer"], viewer, *before, count)
    return [dict(row) for row in rows]


async def key_days(
    database: Database, key_ids: Sequence[str], first: date, last: date
) -> dict[str, list[KeyDay]]:
    """What each key viewed on which day, oldest first; days without views, and keys that viewed
    nothing, are missing."""
    found: dict[str, list[KeyDay]] = {}
    for key_id, *counts in await database.fetch(_SQL["key_days"], list(key_ids), first, last):
        found.setdefault(key_id, []).append(KeyDay(*counts))
    return found


async def archived_until(database: Database, shard: int) -> ArchivedUntil:
    """How far a shard is archived."""
    row = await database.fetch_one(_SQL["archived_until"], shard)
    assert row is not None, "the migration made a cursor for every shard"
    return ArchivedUntil(*row)
