"""What is loaded: systems, releases and maps, kept in memory until a change of them is told."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Literal, TypeVar, cast

from db.codes import code_systems, map_releases
from db.notices import Heard
from db.pool import Database
from schema.codes import CodeSystem
from schema.crosswalks import MapRelease

DAYS_KEPT = 8
"""Days that answers are kept of; nearly all questions are of today."""
Found = TypeVar("Found")


class Loaded:
    """Reads what is loaded, from memory where that is known to be the truth.

    Every answer of a site names it, and it changes a few times a year. Nothing is kept while a
    change could go unheard.
    """

    def __init__(self, database: Database, heard: Callable[[], Heard | None]) -> None:
        """`heard` tells what the catalogue is known to be now, None when nobody would tell of a
        change."""
        self._database = database
        self._heard = heard
        self._of: Heard | None = None
        self._kept: dict[tuple[str, date], tuple[object, ...]] = {}

    @property
    def version(self) -> int | None:
        """The number of the last change of the catalogue; None while that is not known."""
        heard = self._heard()
        return heard and heard.version

    async def systems(self, on: date) -> tuple[CodeSystem, ...]:
        """Every system in system order, with what is loaded of it; staleness as of the day."""
        return await self._read("systems", code_systems, on)

    async def maps(self, on: date) -> tuple[MapRelease, ...]:
        """Every release of a crosswalk in the order loaded; staleness as of the day."""
        return await self._read("maps", map_releases, on)

    async def _read(
        self,
        what: Literal["systems", "maps"],
        read: Callable[[Database, date], Awaitable[tuple[Found, ...]]],
        on: date,
    ) -> tuple[Found, ...]:
        heard = self._heard()
        if heard != self._of:
            self._kept.clear()
            self._of = heard
        if heard is not None and (what, on) in self._kept:
            return cast("tuple[Found, ...]", self._kept[what, on])
        found = await read(self._database, on)
        # A change that was told meanwhile may be missing in it.
        if heard is not None and heard == self._of == self._heard():
            self._keep(what, on, found)
        return found

    def _keep(self, what: str, on: date, found: tuple[object, ...]) -> None:
        self._kept[what, on] = found
        while len(self._kept) > 2 * DAYS_KEPT:
            del self._kept[next(iter(self._kept))]
