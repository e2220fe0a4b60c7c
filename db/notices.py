"""Hears of changes of the catalogue: PostgreSQL tells them on a connection of their own.

docs/decisions/0022 says what is promised while nothing can be heard.
"""

import asyncio
import contextlib
import json
from typing import Any, NamedTuple

import asyncpg
import structlog

from db.pool import one_connection
from db.queries import statements
from schema.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

CHANNEL = "codestile_catalogue"
"""The channel of the function `catalogue_changed`, which every change calls in its transaction."""
LOOK_SECONDS = 2.0
"""How often the number of the last change is read too: a connection that died without a word
would otherwise be listened to for ever."""
PATIENCE_SECONDS = 2.0
"""How long that may take. With the above it bounds how long a change can be missed."""
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 0.1, 5.0
"""Between two tries to connect; each wait is twice the one before."""


class Heard(NamedTuple):
    """What the catalogue is known to be; it changes with every change of the catalogue."""

    connection: int
    """Which connection it was heard on: nobody knows what happened between two of them."""
    version: int
    """The number of the last change, the same in every process on one database."""


class CatalogueWatch:
    """Listens for changes while it runs."""

    def __init__(
        self,
        url: str,
        *,
        look_seconds: float = LOOK_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
    ) -> None:
        self._url = url
        self._look_seconds = look_seconds
        self._patience_seconds = patience_seconds
        self._first_wait_seconds = first_wait_seconds
        self._connections = 0
        self._heard: Heard | None = None

    @property
    def heard(self) -> Heard | None:
        """What was heard last; None while a change could go unheard: keep nothing then."""
        return self._heard

    @property
    def version(self) -> int | None:
        """The number of the last change; None while a change could go unheard."""
        return self._heard and self._heard.version

    async def run(self) -> None:
        """Listen until cancelled, connecting again whenever the connection is lost."""
        wait = self._first_wait_seconds
        while True:
            before = self._connections
            try:
                async with one_connection(self._url) as connection:
                    await self._listen(connection)
            except (StoreUnavailable, TimeoutError) as away:
                _log.warning("catalogue_unheard", reason=str(away) or type(away).__name__)
            except Exception:
                _log.exception("catalogue_watch_failed")
            has_listened = self._connections > before
            wait = self._first_wait_seconds if has_listened else min(2 * wait, LAST_WAIT_SECONDS)
            await asyncio.sleep(wait)

    async def _listen(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Listen until the connection is lost; raises StoreUnavailable."""
        is_lost = asyncio.Event()

        def lost(*_: Any) -> None:
            self._heard = None
            is_lost.set()

        connection.add_termination_listener(lost)
        try:
            async with asyncio.timeout(self._patience_seconds):
                await connection.add_listener(CHANNEL, self._told)
            self._connections += 1
            await self._look_on(connection, is_lost)
        finally:
            self._heard = None
            # A polite end waits for an answer, from a server that may give none.
            connection.terminate()
        raise StoreUnavailable("postgres", "the connection that listens was lost")

    async def _look_on(
        self, connection: "asyncpg.Connection[asyncpg.Record]", is_lost: asyncio.Event
    ) -> None:
        """Read the number again and again. It listens already: what is committed after the number
        was read is told."""
        number = self._connections
        while not is_lost.is_set():
            async with asyncio.timeout(self._patience_seconds):
                version = await connection.fetchval(statements("codes")["catalogue_version"])
            self._hear(number, version)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await is_lost.wait()

    def _told(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        told = json.loads(str(payload))
        _log.info("catalogue_changed", version=told["version"], releases=told["releases"])
        self._hear(self._connections, told["version"])

    def _hear(self, connection: int, version: int) -> None:
        """Take a number as the last one, unless a later one was told while it was read."""
        if self._heard is None or version > self._heard.version:
            self._heard = Heard(connection, version)
