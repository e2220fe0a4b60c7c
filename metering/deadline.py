"""A deadline that a process which was itself held up does not take for a slow store."""

import asyncio
from types import TracebackType

_HELD_UP_SECONDS = 0.02


class Deadline:
    """As asyncio.timeout, save that it is put off once when the event loop comes to it late.

    A loop that was held up finds the deadline passed and the replies unread at the same time: it
    gets as long again as it was held up, at most the whole time once more, to read them.

    Every call of the ledger has one, so it is not made of an asyncio.timeout: 2.3 microseconds, not
    4.2, of the 22 of a call. It cancels, and takes its own cancelling back, as that does.
    """

    __slots__ = ("_cancelling", "_due_at", "_is_over", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None, "only a task can be cancelled"
        self._task, self._cancelling = task, task.cancelling()
        self._due_at = loop.time() + self._seconds
        self._timer: asyncio.Handle = loop.call_at(self._due_at, self._come_due)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raises TimeoutError when the time was over."""
        self._timer.cancel()
        if self._is_over:
            is_ours = self._task.uncancel() <= self._cancelling
            if is_ours and kind is asyncio.CancelledError:
                raise TimeoutError from raised

    def _come_due(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        held_up = now - self._due_at
        if held_up > _HELD_UP_SECONDS:
            self._timer = loop.call_at(now + min(held_up, self._seconds), self._end)
        else:
            self._timer = loop.call_soon(self._end)

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()
