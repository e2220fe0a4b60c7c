"""The store of the ledger: whoever reads or writes a shard asks it where the shard is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from redis.asyncio import Redis

from metering.addresses import StoreAddress, read_address
from metering.calls import Call, raise_refusal
from metering.cluster import Cluster
from metering.coalescer import MAX_WAITING, CallCounts
from metering.deadline import Deadline
from metering.node import Limits, Node, node_at
from metering.sentinel import Mastered
from metering.server import CONNECTIONS, QUEUE_SECONDS, store_errors, store_ms
from schema.errors import StoreUnavailable

__all__ = [
    "CONNECTIONS",
    "QUEUE_SECONDS",
    "TIMEOUT_SECONDS",
    "Store",
    "open_store",
    "store_errors",
    "store_ms",
]

TIMEOUT_SECONDS = 0.25
"""What a page may wait for its meter, a second try included."""


class Servers(Protocol):
    """Which server owns a shard; raises what redis-py raises."""

    async def of(self, shard: int) -> Redis:
        """A plain client of the server that owns the shard now."""
        ...

    async def primaries(self) -> list[Redis]:
        """A plain client of every server that owns shards."""
        ...

    async def replies(self, shard: int, calls: Sequence[Call]) -> list[Any]:
        """As calls.replies_to, wherever the shard is."""
        ...


class OneServer:
    """Every shard on one server, or on the master of the moment."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def of(self, shard: int) -> Redis:  # noqa: ARG002  # there is one server
        """As Servers.of: always the same."""
        return self._node.client

    async def primaries(self) -> list[Redis]:
        """As Servers.primaries."""
        return [self._node.client]

    async def replies(self, shard: int, calls: Sequence[Call]) -> list[Any]:  # noqa: ARG002
        """As Servers.replies."""
        return await self._node.calls.replies(calls)


class Store:
    """Where the 64 shards are. A shard lives on one server; everything raises StoreUnavailable."""

    def __init__(self, servers: Servers, deadline_seconds: float, counts: CallCounts) -> None:
        self.counts = counts
        """What happened to the calls of this process so far."""
        self._servers = servers
        self._deadline_seconds = deadline_seconds

    @classmethod
    def on(cls, client: Redis, deadline_seconds: float = TIMEOUT_SECONDS) -> "Store":
        """The store that is one server, through a client that the caller closes."""
        counts = CallCounts()
        node = Node(client, client, Limits(deadline_seconds), counts)
        return cls(OneServer(node), deadline_seconds, counts)

    async def of(self, shard: int) -> Redis:
        """A plain client of the server that owns the shard now; it is the store's to close."""
        with store_errors():
            return await self._servers.of(shard)

    async def primaries(self) -> list[Redis]:
        """A plain client of every server that owns shards."""
        with store_errors():
            return await self._servers.primaries()

    async def answers(self, shard: int, calls: Sequence[Call]) -> list[Any]:
        """The answer of every call, all of one shard, in order; they run in that order.

        A lost connection is tried once more, a redirection of a Cluster is followed, all within
        the deadline, so a script must know a call that it has met before. Raises MeterOverloaded
        when too many wait already; ValueError when a script refuses an argument, which is our
        mistake.
        """
        with store_errors():
            try:
                with Deadline(self._deadline_seconds):
                    replies = await self._servers.replies(shard, calls)
            except TimeoutError:
                self.counts.late += len(calls)
                raise
            raise_refusal(replies)
            return replies

    async def now_ms(self) -> int:
        """The clock, in milliseconds, of the first server that answers."""
        away: StoreUnavailable | None = None
        for client in await self.primaries():
            try:
                return await store_ms(client)
            except StoreUnavailable as unavailable:
                away = unavailable
        raise away or StoreUnavailable("valkey", "no server owns a shard")

    async def ping(self) -> None:
        """Raises when any of the servers does not answer."""
        clients = await self.primaries()
        with store_errors():
            await asyncio.gather(*(client.ping() for client in clients))


@asynccontextmanager
async def open_store(
    url: str,
    *,
    connections: int = CONNECTIONS,
    timeout_seconds: float = TIMEOUT_SECONDS,
    queue_seconds: float = QUEUE_SECONDS,
    max_waiting: int = MAX_WAITING,
) -> AsyncIterator[Store]:
    """The store on a URL of addresses.read_address, closed at the end.

    User, password and `?ssl_ca_certs=`, the file of the authority that signed the servers'
    certificates, are part of the URL; without the last the system's are trusted. Connections open
    on first use. `timeout_seconds` is for one call, and for each reply of a plain client;
    `connections` and `queue_seconds`, for one of them, concern plain clients only; `max_waiting`
    is how many calls may wait for one server. Raises ValueError for another URL.
    """
    address = read_address(url)
    counts = CallCounts()
    limits = Limits(timeout_seconds, connections, queue_seconds, max_waiting)
    async with _servers(address, limits, counts) as servers:
        yield Store(servers, timeout_seconds, counts)


@asynccontextmanager
async def _servers(
    address: StoreAddress, limits: Limits, counts: CallCounts
) -> AsyncIterator[Servers]:
    opened: Node | Mastered | Cluster
    servers: Servers
    if address.kind == "cluster":
        opened = servers = Cluster(address, limits, counts)
    elif address.kind == "sentinel":
        opened = Mastered(address, limits, counts)
        servers = OneServer(opened.node)
    else:
        opened = node_at(address.options, limits, counts)
        servers = OneServer(opened)
    try:
        yield servers
    finally:
        await opened.aclose()
