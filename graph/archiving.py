"""The archive as a process runs it: on its stores, until told to stop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from db.embedded import StoreUrls
from db.pool import open_database
from metering.archive import ArchiveRules
from metering.rounds import Change, Rounds, open_rounds
from schema.errors import StoreUnavailable

FindStores = Callable[[], StoreUrls | None]
"""Where the stores are; None: nowhere yet."""
Mend = Callable[[StoreUrls], Awaitable[object]]
"""Makes anew what a store has lost; called at the start, and when a log goes on no more."""
_log = structlog.get_logger(__name__)

IDLE_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""A batch reads and writes far more at a time than a page view, and nobody waits for it."""
BESIDE_PAGES = ArchiveRules(batch=250, shards_at_once=1)
"""In a server: the loop does nothing else while a batch is chained, some milliseconds here."""


async def keep_archiving(
    find_stores: FindStores,
    seed: Callable[[], bytes],
    rules: ArchiveRules,
    mend: Mend | None = None,
) -> None:
    """Archive until cancelled. Stores that are away, or not to be found yet, are waited for.

    `seed` is asked once there are stores: before that a private secret may not be made yet.
    """
    told = None
    while True:
        try:
            urls = find_stores()
            if urls is not None:
                is_stopped = True
                async with _rounds(urls, seed(), rules) as rounds:
                    while True:
                        if is_stopped and mend is not None:
                            await mend(urls)
                        is_stopped = await _one_round(rounds)
                        told = None
        except StoreUnavailable as away:
            if told != str(away):
                _log.warning("archive_waits", store=away.store, reason=str(away))
            told = str(away)
        except Exception as failed:
            # Not even a fault of ours may end archiving for good.
            if told != str(failed):
                _log.exception("archive_failed")
            told = str(failed)
        await asyncio.sleep(IDLE_SECONDS)


@asynccontextmanager
async def _rounds(urls: StoreUrls, seed: bytes, rules: ArchiveRules) -> AsyncIterator[Rounds]:
    size = rules.shards_at_once + 1
    async with (
        open_database(
            urls.database_url, size=size, statement_timeout_seconds=PATIENCE_SECONDS
        ) as database,
        open_rounds(database, urls.redis_url, seed, rules, PATIENCE_SECONDS) as rounds,
    ):
        yield rounds


async def _one_round(rounds: Rounds) -> bool:
    """Whether a shard stopped in it."""
    done = await rounds.round()
    for change in done.changes:
        tell(change)
    await asyncio.sleep(0 if done.is_behind else IDLE_SECONDS)
    return any(change.stopped is not None for change in done.changes)


def tell(change: Change) -> None:
    """Log that a shard stopped, as an error, or that it goes on."""
    if change.stopped is None:
        _log.info("archive_goes_on", shard=change.shard)
    else:
        _log.error("archive_stopped", shard=change.shard, reason=change.stopped)


@asynccontextmanager
async def archiving(
    find_stores: FindStores,
    seed: Callable[[], bytes],
    rules: ArchiveRules,
    mend: Mend | None = None,
) -> AsyncIterator[None]:
    """Archive beside whatever is done inside."""
    task = asyncio.create_task(keep_archiving(find_stores, seed, rules, mend))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
