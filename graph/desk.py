"""What the site's staff does to the ledger, and what is told to them, on the stores of the
settings."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from db.plans import PlanBook
from db.pool import Database, open_database
from db.usage_reads import exported_events
from graph.asked import ActOf, Asked, Format, demand_shard, demand_viewer, made
from graph.endings import why_not
from graph.settings import Settings
from graph.stores import stores_to_use
from metering.about import known_of
from metering.archived import UsageArchive
from metering.erasure import account_of, erase_person
from metering.export import cloud_event, csv_header, csv_row
from metering.guarded import GuardedMeter
from metering.lag import archive_lag
from metering.meter import LedgerMeter
from metering.places import shard_of_viewer
from metering.shards import TAGS, shard_of
from metering.store import Store, open_store
from schema.acts import ActOutcome, ActResult, EraseViewer, ResetNetwork
from schema.errors import OptionRefused, StoreUnavailable

PATIENCE_SECONDS = 10.0
"""Nobody waits for a page meanwhile."""
EVENTS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Told:
    """How a command ended."""

    sentence: str
    is_done: bool


AWAY = Told("nothing done: PostgreSQL decides until the ledger's store is back", is_done=False)
"""What may not be done while PostgreSQL decides."""


class Desk:
    """The stores as the desk uses them."""

    def __init__(
        self, store: Store, database: Database, meter: GuardedMeter, plans: PlanBook
    ) -> None:
        self.store = store
        self.database = database
        self.meter = meter
        self.plans = plans

    async def act(
        self, kind: type[ActOf], viewer: str, shard: int | None, asked: Asked, **more: object
    ) -> Told:
        """Do something to one viewer; `shard` None has it looked for. Raises OptionRefused,
        StoreUnavailable."""
        place = await self.place_of(viewer, shard)
        if place is None:
            return _unknown(viewer)
        if self.meter.episode is not None:
            return AWAY
        act = made(kind, viewer_id=viewer, shard=place, **asked.fields(), **more)
        with _repeatable(act.request_id):
            return told(await self.meter.perform(act))

    async def reset_network(self, network: str, shard: int, asked: Asked) -> Told:
        """Let a network's budget begin anew; raises as `act`."""
        demand_shard(shard)
        act = made(ResetNetwork, network=network, shard=shard, **asked.fields())
        if self.meter.episode is not None:
            return AWAY
        with _repeatable(act.request_id):
            return told(await self.meter.perform(act))

    async def erase(self, viewer: str, shard: int | None, asked: Asked) -> Told:
        """Erase a viewer, and the guests that an account was; raises as `act`."""
        place = await self.place_of(viewer, shard)
        if place is None:
            return _unknown(viewer)
        if self.meter.episode is not None:
            return AWAY
        if account := await account_of(self.store, place, viewer):
            return Told(f"nothing done: the guest became {account}; erase that", is_done=False)
        act = made(EraseViewer, viewer_id=viewer, shard=place, **asked.fields())
        with _repeatable(act.request_id):
            erased = await erase_person(self.meter, self.store, self.database, act)
        events = ", ".join(f"{one.viewer_id} by event {one.result.event_id}" for one in erased)
        return Told(
            f"erased {events}; tables, logs and files behind them follow with the worker's next "
            "passes, complete within 48 hours",
            is_done=True,
        )

    async def place_of(self, viewer: str, shard: int | None) -> int | None:
        """The shard of a viewer; None when nothing is known of it. Raises OptionRefused."""
        demand_viewer(viewer)
        if shard is None:
            return await shard_of_viewer(self.store, self.database, viewer)
        demand_shard(shard)
        if viewer.startswith("u") and shard != shard_of(viewer):
            raise OptionRefused(f"{viewer} is not in shard {shard}; leave --shard out")
        return shard

    async def known_of(self, viewer: str, shard: int | None) -> dict[str, Any] | None:
        """Everything about one viewer; None when nothing is known of it."""
        place = await self.place_of(viewer, shard)
        if place is None:
            return None
        return await known_of(self.store, self.database, viewer, place)

    async def exported(
        self, span: tuple[datetime, datetime], form: Format
    ) -> AsyncIterator[list[str]]:
        """The archived events of a time as lines, some at a time, ordered by shard and seq."""
        if form == "csv":
            yield [csv_header()]
        for shard in range(len(TAGS)):
            seq = 0
            while rows := await exported_events(self.database, shard, seq, span, EVENTS_AT_ONCE):
                if form == "csv":
                    yield [csv_row(row) for row in rows]
                else:
                    yield [f"{orjson.dumps(cloud_event(row)).decode()}\n" for row in rows]
                seq = rows[-1]["seq"]

    async def not_archived(self) -> int:
        """How many events are in the logs and not in the archive yet."""
        return (await archive_lag(self.database, self.store.of)).events


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """The desk on the stores of the settings, closed at the end."""
    async with (
        stores_to_use(settings, must_exist=True) as urls,
        open_database(
            urls.database_url, size=2, statement_timeout_seconds=PATIENCE_SECONDS
        ) as database,
        open_store(urls.redis_url, timeout_seconds=PATIENCE_SECONDS) as store,
    ):
        plans = PlanBook(database)
        # While PostgreSQL decides the ledger may not change under it, so nothing is done then.
        meter = GuardedMeter(
            LedgerMeter(store, plans.plan_of),
            database,
            plans.plan_of,
            UsageArchive(database),
            on_loss="refuse",
        )
        await meter.look()
        yield Desk(store, database, meter, plans)


def told(result: ActResult) -> Told:
    """How an act ended, in one sentence."""
    if result.outcome is not ActOutcome.DONE:
        return Told(f"nothing done: {why_not(result.outcome)}", is_done=False)
    when = "done before, by this request" if result.is_replayed else "done"
    return Told(f"{when}: event {result.event_id}", is_done=True)


def _unknown(viewer: str) -> Told:
    return Told(f"nothing done: nothing is known of {viewer}", is_done=False)


@contextmanager
def _repeatable(request_id: str) -> Iterator[None]:
    """Says how to ask again when nobody knows whether the act was done."""
    try:
        yield
    except StoreUnavailable as away:
        reason = str(away).rpartition(" is unavailable: ")[2]
        again = f"{reason}; it may have been done: within the hour repeat it with --request"
        raise StoreUnavailable(away.store, f"{again}={request_id}") from away
