"""One server that owns shards: a plain client of it, and the calls that are gathered for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Connection, Redis

from metering.coalescer import MAX_WAITING, PIPELINES, CallCounts, Coalescer
from metering.connections import noticing, packing
from metering.server import CONNECTIONS, QUEUE_SECONDS, client_of


@dataclass(frozen=True)
class Limits:
    """How long one waits for a store, and how many may."""

    deadline_seconds: float
    """For one call of the ledger in all, a second try included."""
    connections: int = CONNECTIONS
    """Of one plain client; calls of the ledger have their own."""
    queue_seconds: float = QUEUE_SECONDS
    """For one of those connections."""
    max_waiting: int = MAX_WAITING
    """Calls of the ledger that may wait for one server."""


class Node:
    """One server; closed by whoever made it."""

    def __init__(self, client: Redis, calling: Redis, limits: Limits, counts: CallCounts) -> None:
        """`calling` is what calls are sent through; see Coalescer."""
        self.client = client
        self.calls = Coalescer(
            calling,
            deadline_seconds=limits.deadline_seconds,
            max_waiting=limits.max_waiting,
            counts=counts,
        )
        self._calling = calling

    async def aclose(self) -> None:
        """Close every connection; whoever waits gets a lost one."""
        await self.calls.aclose()
        await self._calling.aclose()
        await self.client.aclose()


def node_at(
    options: Mapping[str, Any],
    limits: Limits,
    counts: CallCounts,
    on_moved: Callable[[], None] | None = None,
) -> Node:
    """The server that redis-py's `options` describe.

    `on_moved` is called when it tells the plain client that a slot is another node's.
    """
    kind = options.get("connection_class", Connection)
    client = client_of(
        {**options, "connection_class": noticing(kind, on_moved) if on_moved else kind},
        timeout_seconds=limits.deadline_seconds,
        connections=limits.connections,
        queue_seconds=limits.queue_seconds,
    )
    calling = client_of(
        {**options, "connection_class": packing(kind)}, timeout_seconds=None, connections=PIPELINES
    )
    return Node(client, calling, limits, counts)
