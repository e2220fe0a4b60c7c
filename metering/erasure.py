"""Erasing a person: the account, and the guests that it once was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.fallback import erase_fallback
from db.pool import Database
from db.usage_reads import events_about
from metering.live import read_viewer
from metering.meter import Meter
from metering.places import shard_of_viewer
from metering.requests import derived_id
from metering.shards import keys_of
from metering.store import Store, store_errors
from schema.acts import ActResult, EraseViewer


@dataclass(frozen=True, slots=True)
class Erased:
    """One viewer that was erased."""

    viewer_id: str
    result: ActResult


async def account_of(store: Store, shard: int, guest_id: str) -> str | None:
    """The account that a guest became; None for every other viewer."""
    client = await store.of(shard)
    with store_errors():
        moved = await client.hget(keys_of(shard).viewer(guest_id), "moved")
    return None if moved is None else str(moved)


async def erase_person(
    meter: Meter, store: Store, database: Database, act: EraseViewer
) -> list[Erased]:
    """Erase a viewer and the guests whose codes it took over, each in its own shard.

    The guests go first: as long as the account is there, an erasure that was cut off can be
    asked for again and finds them. Raises StoreUnavailable.
    """
    erased = []
    for guest_id in await _guests_of(store, database, act):
        shard = await shard_of_viewer(store, database, guest_id)
        if shard is not None:
            request_id = derived_id(act.request_id, guest_id)
            guest = {"viewer_id": guest_id, "shard": shard, "request_id": request_id}
            erased.append(await _erase(meter, database, act.model_copy(update=guest)))
    erased.append(await _erase(meter, database, act))
    return erased


async def _guests_of(store: Store, database: Database, act: EraseViewer) -> Sequence[str]:
    client = await store.of(act.shard)
    with store_errors():
        fields: Any = await client.hgetall(keys_of(act.shard).viewer(act.viewer_id))
    guests = {*read_viewer(fields).adopted}
    for row in await events_about(database, act.viewer_id):
        if row["type"] == "adopt" and row["viewer"] == act.viewer_id and row["other"]:
            guests.add(row["other"])
        if row["type"] == "seal" and row["other"] == act.viewer_id and row["viewer"]:
            guests.add(row["viewer"])
    return sorted(guests)


async def _erase(meter: Meter, database: Database, act: EraseViewer) -> Erased:
    result = await meter.perform(act)
    await erase_fallback(database, act.viewer_id)
    return Erased(act.viewer_id, result)
