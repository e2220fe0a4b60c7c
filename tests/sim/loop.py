"""An event loop in virtual time: nothing waits, and what happens next depends on nothing but what
was asked before. Connections that are opened in it lead to a network of the simulator's own."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

US_PER_SECOND = 1_000_000


class Stuck(Exception):
    """Everybody waits for somebody else: nothing is due, and nothing ever will be."""


class Wires(Protocol):
    """What a loop opens connections on."""

    async def connect(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        """A connected transport that feeds `protocol`; raises OSError when nobody listens."""
        ...


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order in which they are due and jumps over the time between."""

    def __init__(self) -> None:
        super().__init__()
        self.now_us = 0
        """Microseconds since the loop was made."""
        self.wires: Wires | None = None
        self._selector = _Jump(self)
        # Timers of one instant run together, and none a moment early.
        self._clock_resolution = 0.5 / US_PER_SECOND

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.now_us / US_PER_SECOND

    async def create_connection(  # type: ignore[override]  # only what redis-py asks for
        self, protocol_factory: Callable[[], asyncio.Protocol], *_: Any, **__: Any
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """A connection to the network of the simulator, whatever the address is."""
        assert self.wires is not None, "the loop has no network"
        protocol = protocol_factory()
        return await self.wires.connect(protocol), protocol

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody has to be woken."""


class _Jump:
    """Stands where a loop waits for its sockets: waiting is moving the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("nothing is due")
        if timeout > 0:
            self._loop.now_us += max(1, round(timeout * US_PER_SECOND))
        return []
