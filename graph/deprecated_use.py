"""How often each key asks for what will go away: counted in memory, written every few seconds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import date, datetime

import structlog

from db.keys import add_deprecated_uses
from db.pool import Database
from graph.beside import beside
from schema.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0
MOST_COUNTS = 10_000
"""Counts kept in memory; while PostgreSQL is away for long, further ones are lost."""
Counts = dict[tuple[str, str, date], int]


class DeprecatedUse:
    """Counts of one server that are not written yet."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], most: int = MOST_COUNTS
    ) -> None:
        self._database = database
        self._now = now
        self._most = most
        self._counts: Counts = {}
        self._lost = 0

    def note(self, key_id: str, coordinates: Iterable[str]) -> None:
        """Count that a key's operation asked for these, today."""
        today = self._now().date()
        for coordinate in coordinates:
            self._add((key_id, coordinate, today), 1)

    async def flush(self) -> None:
        """Write what was counted, in one statement. What could not be written is kept; where it
        is not known whether it was written, it may be counted twice."""
        counts, self._counts = self._counts, {}
        if self._lost:
            _log.warning("deprecated_use_lost", uses=self._lost)
            self._lost = 0
        if not counts:
            return
        try:
            await add_deprecated_uses(self._database, counts)
        except BaseException as failed:
            # A flush that is cancelled is made again at the end.
            for place, uses in counts.items():
                self._add(place, uses)
            if not isinstance(failed, StoreUnavailable):
                raise

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Flush every few seconds until this ends, and once more then."""
        try:
            async with beside(self._flush_on()):
                yield
        finally:
            await self.flush()

    async def _flush_on(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception:
                _log.exception("deprecated_use_failed")

    def _add(self, place: tuple[str, str, date], uses: int) -> None:
        if place in self._counts or len(self._counts) < self._most:
            self._counts[place] = self._counts.get(place, 0) + uses
        else:
            self._lost += uses
