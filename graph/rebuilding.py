"""Making the live state of the ledger anew, as commands and processes do it."""

from collections.abc import Collection

import structlog

from db.embedded import StoreUrls
from db.pool import open_database
from graph.settings import Settings
from graph.stores import stores_to_use
from metering.policy import AdmissionRule
from metering.rebuild import Rebuilt, rebuild, rebuild_lost
from metering.store import open_store

_log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 600.0
"""The events of a shard are read in one go, and whoever needs the shard waits in PostgreSQL."""
_CONNECTIONS = 3


async def rebuilt(
    settings: Settings, shards: Collection[int], cause: str, *, is_forced: bool
) -> list[Rebuilt]:
    """Make shards anew, and say in the log how each went; may run while pages are read."""
    async with (
        stores_to_use(settings, must_exist=True) as urls,
        open_database(
            urls.database_url, size=_CONNECTIONS, statement_timeout_seconds=PATIENCE_SECONDS
        ) as database,
        open_store(urls.redis_url, timeout_seconds=PATIENCE_SECONDS) as store,
    ):
        rule = AdmissionRule(budget=settings.network_budget)
        return await rebuild(store, database, shards, cause, admission=rule, is_forced=is_forced)


async def rebuild_what_is_lost(urls: StoreUrls, budget: int) -> list[Rebuilt]:
    """Make anew the shards whose store is behind the archive, and say in the log how each went.

    `budget` as in AdmissionRule. Raises StoreUnavailable.
    """
    async with (
        open_database(
            urls.database_url, size=_CONNECTIONS, statement_timeout_seconds=PATIENCE_SECONDS
        ) as database,
        open_store(urls.redis_url, timeout_seconds=PATIENCE_SECONDS) as store,
    ):
        rule = AdmissionRule(budget=budget)
        done = await rebuild_lost(store, database, "lost", admission=rule)
    for each in done:
        tell(each)
    return done


def tell(done: Rebuilt) -> None:
    """Log that a shard was made anew, as an error where acts of it have to be done again."""
    say = _log.error if done.not_carried else _log.warning
    say(
        "shard_rebuilt",
        shard=done.shard,
        epoch=done.epoch,
        events=done.events,
        viewers=done.viewers,
        tail_lost=done.is_tail_lost,
        imported=done.imported,
        over_granted=done.over_granted,
        uncounted=done.uncounted,
        not_carried=done.not_carried,
    )
