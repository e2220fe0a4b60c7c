"""The network between servers and the store, and the store's own process: bytes arrive late, in
another order than those of other connections, or never; either side may die at any moment."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from errno import ECONNREFUSED, ECONNRESET
from random import Random
from typing import Any

import hiredis

from tests.sim.loop import VirtualLoop
from tests.sim.lua import Failure, Reply, Status
from tests.sim.store import Store

Trace = Callable[..., None]
"""Takes who does something and what, in parts."""


@dataclass(slots=True)
class Weather:
    """How often something goes wrong, as a chance of each message or turn; all 0 is calm."""

    lost_request: float = 0.0
    lost_reply: float = 0.0
    late_request: float = 0.0
    """Chance that a request arrives after its sender has given up."""
    killed_in_turn: float = 0.0
    """Chance that the store dies between a change and its fsync."""
    silent: float = 0.5
    """Share of what is lost that leaves the connection standing: its sender waits in vain."""


@dataclass(slots=True)
class Host:
    """One machine of the network that runs a server."""

    name: str
    links: list["Link"] = field(default_factory=list)

    def crash(self) -> None:
        """Drop every connection without a word; what was sent is on its way."""
        for link in self.links:
            link.abort()


HOST: ContextVar[Host] = ContextVar("host")
"""The host that whatever runs now runs on: connections that it opens are the host's."""


class Link(asyncio.Transport):
    """The client's end of one connection."""

    def __init__(self, network: "Network", host: Host, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.host = host
        self.is_open = True
        self._network = network
        self._protocol = protocol
        self._reader = hiredis.Reader(encoding="utf-8")
        self._arrives_us = 0
        self._returns_us = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.is_open:
            self._network.send(self, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self.reset(None)

    def reset(self, reason: Exception | None) -> None:
        """The connection ends; the client hears of it in the next moment."""
        if self.is_open:
            self.is_open = False
            self._network.loop.call_soon(self._protocol.connection_lost, reason)

    def is_closing(self) -> bool:
        return not self.is_open

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002  # asyncio's
        return default

    def commands(self, data: bytes) -> list[list[str]]:
        """The commands that are complete now."""
        self._reader.feed(data)
        found = []
        while (command := self._reader.gets()) is not False:
            found.append(command)
        return found

    def due_us(self, latency_us: int, *, is_request: bool) -> int:
        """When a message arrives: never before one that was sent earlier."""
        now_us = self._network.loop.now_us
        if is_request:
            self._arrives_us = max(self._arrives_us, now_us + latency_us)
            return self._arrives_us
        self._returns_us = max(self._returns_us, now_us + latency_us)
        return self._returns_us

    def take(self, data: bytes) -> None:
        """What the store sent arrives."""
        if self.is_open:
            self._protocol.data_received(data)


class Network:
    """Every connection to one store, and the process that serves them."""

    def __init__(self, loop: VirtualLoop, rng: Random, store: Store, trace: Trace) -> None:
        self.loop = loop
        self.store = store
        self.weather = Weather()
        self.is_up = True
        self.kills = 0
        self.latency_us: int | None = None
        """How long every message takes, and every sync; None: by chance."""
        self._rng = rng
        self._trace = trace
        self._links: list[Link] = []
        self._waiting: deque[tuple[Link, list[list[str]]]] = deque()
        self._life = 0
        """Counts the lives of the store: what belongs to an earlier one is void."""
        self._is_busy = False

    async def connect(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        """As Wires.connect."""
        host = HOST.get()
        await asyncio.sleep(self._latency_us() / 1e6)
        if not self.is_up:
            raise ConnectionRefusedError(ECONNREFUSED, "connection refused")
        link = Link(self, host, protocol)
        host.links.append(link)
        self._links.append(link)
        protocol.connection_made(link)
        return link

    def send(self, link: Link, data: bytes) -> None:
        """A client sends bytes."""
        chance = self._rng.random()
        weather, latency_us = self.weather, self._latency_us()
        if chance < weather.lost_request:
            self._trace("network", "loses a request of", link.host.name)
            self._lose(link)
            return
        if chance < weather.lost_request + weather.late_request:
            latency_us = self._rng.randrange(250_000, 2_500_000)
            self._trace("network", "holds back a request of", link.host.name, latency_us, "us")
        life = self._life
        due_us = link.due_us(latency_us, is_request=True)
        self.loop.call_at(due_us / 1e6, self._arrive, link, data, life)

    def _lose(self, link: Link) -> None:
        if self._rng.random() >= self.weather.silent:
            self.loop.call_later(self._latency_us() / 1e6, link.reset, _reset())

    def _arrive(self, link: Link, data: bytes, life: int) -> None:
        # What its sender gave up arrives all the same: it was under way.
        if life == self._life and self.is_up:
            self._waiting.append((link, link.commands(data)))
            self._turn()

    def _turn(self) -> None:
        """Execute everything that has come, then sync; the replies go out after that."""
        if self._is_busy or not self._waiting:
            return
        self._is_busy = True
        replies: list[tuple[Link, bytes]] = []
        cuts = [self.store.synced]
        while self._waiting:
            link, commands = self._waiting.popleft()
            answers = []
            for command in commands:
                answers.append(self._execute(link, command))
                cuts.append(len(self.store.file))
            replies.append((link, b"".join(answers)))
        if len(self.store.file) > self.store.synced:
            if self._rng.random() < self.weather.killed_in_turn:
                self.store.synced = self._rng.choice(cuts)
                self.kill()
                return
            sync_us = self._rng.randrange(50, 2000) if self.latency_us is None else 0
            self.loop.call_later(sync_us / 1e6, self._synced, replies, self._life)
        else:
            self._synced(replies, self._life)

    def _execute(self, link: Link, command: list[str]) -> bytes:
        reply = self.store.execute(command)
        name = command[0].upper()
        if name == "EVALSHA":
            self._trace("store", link.host.name, *command[3:], "->", reply)
        elif name in {"SCRIPT", "TIME"}:
            self._trace("store", link.host.name, name, *command[1:2])
        return encoded(reply)

    def _synced(self, replies: list[tuple[Link, bytes]], life: int) -> None:
        if life != self._life:
            return
        self.store.sync()
        for link, data in replies:
            self._reply(link, data)
        self._is_busy = False
        self._turn()

    def _reply(self, link: Link, data: bytes) -> None:
        if self._rng.random() < self.weather.lost_reply:
            self._trace("network", "loses a reply to", link.host.name)
            self._lose(link)
            return
        due_us = link.due_us(self._latency_us(), is_request=False)
        self.loop.call_at(due_us / 1e6, link.take, data)

    def kill(self, down_us: int | None = None) -> None:
        """The store dies and starts again from what is on disk."""
        self.kills += 1
        self._life += 1
        self._is_busy = self.is_up = False
        self._waiting.clear()
        lost = len(self.store.file) - self.store.synced
        self._trace("store", "dies;", lost, "changes were not on disk")
        for link in self._links:
            link.reset(_reset())
        self._links.clear()
        self.store.restart()
        down = self._rng.randrange(10_000, 800_000) if down_us is None else down_us
        self.loop.call_later(down / 1e6, self._start, self._life)

    def _start(self, life: int) -> None:
        if life == self._life:
            self.is_up = True
            self._trace("store", "is up again")

    def _latency_us(self) -> int:
        if self.latency_us is not None:
            return self.latency_us
        # Mostly fast, now and then slow enough to change the order.
        return self._rng.randrange(1000 if self._rng.random() < 0.8 else 60_000)


def _reset() -> ConnectionResetError:
    return ConnectionResetError(ECONNRESET, "connection reset by peer")


def encoded(reply: Reply) -> bytes:
    """A reply as it is sent."""
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, Status):
        return b"+%s\r\n" % reply.encode()
    if isinstance(reply, Failure):
        return b"-%s\r\n" % reply.text.encode().replace(b"\r\n", b" ")
    if isinstance(reply, str):
        text = reply.encode()
        return b"$%d\r\n%s\r\n" % (len(text), text)
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    return b"*%d\r\n%s" % (len(reply), b"".join(encoded(part) for part in reply))
