"""A deadline that a process which was itself held up does not take for a slow store."""

import asyncio
from types import TracebackType

_HELD_UP_SECONDS = 0.02


class Deadline:
    """As asyncio.timeout, save that it is put off once when the event loop comes to it late.

    A loop that was held up finds the deadline passed and the replies unread at the same time: it
    gets as long again as it was held up, at most the whole time once more, to read them.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        loop = asyncio.get_running_loop()
        self._due_at = loop.time() + self._seconds
        self._timer = loop.call_at(self._due_at, self._come_due)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raises TimeoutError when the time was over."""
        self._timer.cancel()
        await self._timeout.__aexit__(kind, raised, traceback)

    def _come_due(self) -> None:
        now = asyncio.get_running_loop().time()
        held_up = now - self._due_at
        spared = min(held_up, self._seconds) if held_up > _HELD_UP_SECONDS else 0.0
        self._timeout.reschedule(now + spared)
