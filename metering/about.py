"""Everything that is kept about one viewer, for the person who asks."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from db.fallback import fallback_rows_of
from db.pool import Database
from db.usage import cursors
from db.usage_reads import days_of_viewer, events_about, first_touch
from metering.export import cloud_event, plain
from metering.fold import ViewerState
from metering.live import STATE_FIELDS, read_viewer
from metering.shards import keys_of
from metering.store import Store, store_errors

_ENTRIES_AT_ONCE = 5_000
_NAMING = ("viewer", "from", "to")
"""The fields of an entry that name viewers."""


async def state_of(store: Store, viewer_id: str, shard: int) -> ViewerState:
    """What the ledger knows of a viewer, its codes left out; raises StoreUnavailable."""
    client = await store.of(shard)
    with store_errors():
        values: Any = await client.hmget(keys_of(shard).viewer(viewer_id), list(STATE_FIELDS))
    pairs = zip(STATE_FIELDS, values, strict=True)
    return read_viewer({name: value for name, value in pairs if value is not None})


async def known_of(store: Store, database: Database, viewer_id: str, shard: int) -> dict[str, Any]:
    """What every store holds of a viewer, ready for JSON; raises StoreUnavailable.

    An event that is archived meanwhile may be told twice, as archived and as waiting, never not
    at all.
    """
    client, keys = await store.of(shard), keys_of(shard)
    with store_errors():
        hash_ = await client.hgetall(keys.viewer(viewer_id))
        flood = await client.hgetall(keys.flood(viewer_id))
    waiting = await _not_archived(store, database, viewer_id)
    archived = await events_about(database, viewer_id)
    touched = await first_touch(database, viewer_id)
    views, states = await fallback_rows_of(database, viewer_id)
    return {
        "viewer": viewer_id,
        "shard": shard,
        "allowance": hash_,
        "countedAndWaiting": flood,
        "archivedEvents": [cloud_event(row) for row in archived],
        "eventsNotArchivedYet": waiting,
        "firstTouches": None if touched is None else _plain(touched),
        "daysOfViews": [plain(day) for day in await days_of_viewer(database, viewer_id)],
        "decidedWhileStoreWasAway": [_plain(view) for view in views],
        "statesWhileStoreWasAway": [_plain(state) for state in states],
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in values.items()}


async def _not_archived(store: Store, database: Database, viewer_id: str) -> list[dict[str, Any]]:
    """The entries behind the cursors that name the viewer, by shard and in their order: an account
    is named in its guests' shards too."""
    found: list[dict[str, Any]] = []
    for cursor in await cursors(database):
        client = await store.of(cursor.shard)
        found += await _naming(client, cursor.shard, cursor.stream_id, viewer_id)
    return found


async def _naming(client: Redis, shard: int, after: str, viewer_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        with store_errors():
            entries: Any = await client.xrange(
                keys_of(shard).log, min=f"({after}", count=_ENTRIES_AT_ONCE
            )
        found += [
            {"id": f"{shard}:{fields.get('epoch')}:{stream_id}", **fields}
            for stream_id, fields in entries
            if viewer_id in (fields.get(name) for name in _NAMING)
        ]
        if len(entries) < _ENTRIES_AT_ONCE:
            return found
        after = entries[-1][0]
