"""The places for what executes at one time, so that much at once is no slower than it must be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException

AT_ONCE = 16
"""Requests that execute at a time; the rest wait their turn. More would not be faster, as one
processor runs them all, and each would be slower: the answers of the stores would lie unread until
they seem late."""
TURN_SECONDS = 10.0
"""How long a request waits for its turn before the reader is told to ask again."""


class Turns:
    """Shared by everything that one process answers from the stores."""

    def __init__(self, at_once: int = AT_ONCE, seconds: float = TURN_SECONDS) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """One of the places; raises HTTPException 503 when none comes free in time."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
        except TimeoutError:
            message = "The server is busy; please ask again."
            raise HTTPException(503, message, headers={"Retry-After": "2"}) from None
        try:
            yield
        finally:
            self._places.release()
