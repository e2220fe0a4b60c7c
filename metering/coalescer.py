"""The calls of everybody in this process that go to one server, gathered into few pipelines."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from metering.calls import Call, replies_to
from metering.deadline import Deadline
from schema.errors import MeterOverloaded

PIPELINES = 2
"""Pipelines under way at once: one is written while the other is on the server's disk."""
CALLS_AT_ONCE = 128
"""Calls of one pipeline, unless one caller asks for more."""
FEW_CALLS = 16
"""So many stay together even where both pipelines are free."""
MAX_WAITING = 4096
"""Calls that may wait for their turn: more than these the store cannot answer in time."""


@dataclass(slots=True)
class CallCounts:
    """What happened so far in this process; only ever grows."""

    calls: int = 0
    """Calls that were taken in."""
    batches: int = 0
    """Pipelines that were sent, second tries included."""
    shed: int = 0
    """Calls that were refused because too many waited."""
    retried: int = 0
    """Calls that were sent once more because their connection was lost."""
    late: int = 0
    """Calls whose time was over before their answer came."""


@dataclass(slots=True, eq=False)
class _Asked:
    calls: Sequence[Call]
    replies: asyncio.Future[list[Any]]
    is_waiting: bool = True


class Coalescer:
    """Sends what is asked for in one turn of the event loop, or meanwhile, as one pipeline.

    The calls of one caller stay together and in order. Nothing is promised of the order of
    different callers.
    """

    def __init__(
        self,
        client: Redis,
        *,
        deadline_seconds: float,
        max_waiting: int = MAX_WAITING,
        counts: CallCounts | None = None,
    ) -> None:
        """`client` has no timeouts of its own and at least PIPELINES connections."""
        self.waiting = 0
        """Calls that wait for their turn now."""
        self._client = client
        self._deadline_seconds = deadline_seconds
        self._max_waiting = max_waiting
        self._counts = counts or CallCounts()
        self._queue: deque[_Asked] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_woken = False

    async def replies(self, calls: Sequence[Call]) -> list[Any]:
        """As calls.replies_to, with one more try when the connection is lost.

        A caller that is cancelled is not sent any more, or its replies are dropped. Raises
        MeterOverloaded.
        """
        if self.waiting + len(calls) > self._max_waiting:
            self._counts.shed += len(calls)
            raise MeterOverloaded(self.waiting)
        asked = _Asked(calls, asyncio.get_running_loop().create_future())
        self._queue.append(asked)
        self.waiting += len(calls)
        self._counts.calls += len(calls)
        self._wake()
        try:
            return await asked.replies
        except asyncio.CancelledError:
            self._leave_queue(asked)
            raise

    async def aclose(self) -> None:
        """Give up what is under way; whoever still waits gets a lost connection."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        _fail(self._queue, ConnectionLost("the store was closed"))
        self._queue.clear()

    def _leave_queue(self, asked: _Asked) -> None:
        if asked.is_waiting:
            asked.is_waiting = False
            self.waiting -= len(asked.calls)

    def _wake(self) -> None:
        """Start at the end of this turn, when everybody who runs in it has asked."""
        if not self._is_woken and len(self._under_way) < PIPELINES:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._is_woken = False
        while (free := PIPELINES - len(self._under_way)) and (batch := self._take(free)):
            task = asyncio.get_running_loop().create_task(self._carry(batch))
            self._under_way.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._queue:
            self._wake()

    def _take(self, free: int) -> list[_Asked]:
        """The next callers of the queue that still wait; none when nobody does.

        Each free pipeline gets its share. If one took all of them, the store would have nothing to
        do while this process reads the replies, and this process nothing while the store works:
        13,000 decisions a second of 100 callers, not 17,500.
        """
        most = min(CALLS_AT_ONCE, max(FEW_CALLS, -(-self.waiting // free)))
        batch: list[_Asked] = []
        size = 0
        while self._queue:
            asked = self._queue[0]
            if batch and size + len(asked.calls) > most:
                break
            self._queue.popleft()
            if asked.is_waiting:
                self._leave_queue(asked)
                batch.append(asked)
                size += len(asked.calls)
        return batch

    async def _carry(self, batch: Sequence[_Asked]) -> None:
        """Everybody in the batch gets replies or an exception, none later than the deadline.

        After it nobody waits any more. To leave drops the connection: a reply that comes late is
        never read as that of another call.
        """
        try:
            with Deadline(self._deadline_seconds):
                await self._send_twice(batch)
        except Exception as failed:  # whatever it is, callers must not wait for it
            _fail(batch, failed)
        except asyncio.CancelledError:
            _fail(batch, ConnectionLost("the store was closed"))
            raise

    async def _send_twice(self, batch: Sequence[_Asked]) -> None:
        try:
            await self._send(batch)
        except (ConnectionLost, OSError):
            # The other idle connections went the same way: the second try needs a new one.
            await self._client.connection_pool.disconnect(inuse_connections=False)
            self._counts.retried += sum(len(asked.calls) for asked in _present(batch))
            await self._send(batch)

    async def _send(self, batch: Sequence[_Asked]) -> None:
        present = _present(batch)
        calls = [call for asked in present for call in asked.calls]
        if not calls:
            return
        self._counts.batches += 1
        replies = await replies_to(self._client, calls)
        start = 0
        for asked in present:
            end = start + len(asked.calls)
            if not asked.replies.done():
                asked.replies.set_result(replies[start:end])
            start = end


def _present(batch: Sequence[_Asked]) -> list[_Asked]:
    """Those who have not given up."""
    return [asked for asked in batch if not asked.replies.done()]


def _fail(batch: Iterable[_Asked], failed: Exception) -> None:
    for asked in batch:
        if not asked.replies.done():
            asked.replies.set_exception(failed)
