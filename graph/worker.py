"""The worker: archives the ledger and proves it again and again, beside the servers."""

import asyncio
import signal
from functools import partial
from pathlib import Path

import structlog

from graph.archiving import archiving
from graph.ledger import verified
from graph.rebuilding import rebuild_what_is_lost
from graph.secret import checkpoint_seed, guest_secret
from graph.settings import Settings
from graph.stores import stores_there
from metering.archive import ArchiveRules
from schema.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

ALIVE = "worker.alive"
"""File in the data folder that is touched every ALIVE_SECONDS, for a health check to look at."""
ALIVE_SECONDS = 30.0


async def work(settings: Settings, *, every_seconds: float, months_kept: int | None = None) -> None:
    """Archive, and prove the ledger at once and then every `every_seconds`, until told to stop.

    What differs, and what stops the archive, is logged as an error, once each time; a store that
    is away is waited for. `months_kept` as in ArchiveRules, before that of the settings.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not settings.is_embedded:
        guest_secret(settings)  # refused now rather than when there is something to sign
    alive = asyncio.create_task(_stay_alive(settings.data / ALIVE))
    try:
        rules = ArchiveRules(months_kept=months_kept or settings.months_kept)
        stores, seed = partial(stores_there, settings), partial(_seed, settings)
        mend = partial(rebuild_what_is_lost, budget=settings.network_budget)
        async with archiving(stores, seed, rules, mend):
            while not stop.is_set():
                await _prove(settings)
                await _pause(stop, every_seconds)
    finally:
        alive.cancel()


def _seed(settings: Settings) -> bytes:
    return checkpoint_seed(guest_secret(settings))


async def _prove(settings: Settings) -> None:
    try:
        report = await verified(settings)
    except StoreUnavailable as away:
        _log.warning("store_unavailable", store=away.store, reason=str(away))
        return
    for problem in report.problems:
        _log.error("ledger_differs", kind=problem.kind, first=problem.first, count=problem.count)
    if report.holds:
        _log.info("ledger_holds", events=report.events, viewers=report.viewers)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _stay_alive(file: Path) -> None:
    while True:
        await asyncio.to_thread(file.touch)
        await asyncio.sleep(ALIVE_SECONDS)
