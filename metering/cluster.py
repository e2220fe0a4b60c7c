"""A store that is a Cluster: every shard on the node that owns its slot, wherever that moves."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisClusterException,
    RedisError,
)
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as ReplyTimeout

from metering.addresses import StoreAddress
from metering.calls import Call, reply_asking
from metering.coalescer import CallCounts
from metering.node import Limits, Node, node_at
from metering.server import CONNECT_SECONDS, connection_options
from metering.shards import TAGS

_SLOTS = tuple(key_slot(tag.encode()) for tag in TAGS)
_MOVES = 3
"""Times one caller follows a slot that moves."""
_READ_AGAIN_SECONDS = 0.2
"""Between two readings of the map while a node does not answer."""


class Cluster:
    """The nodes of a Cluster; redis-py keeps the map of who owns which slot."""

    def __init__(self, address: StoreAddress, limits: Limits, counts: CallCounts) -> None:
        self._options = address.options
        self._limits = limits
        self._counts = counts
        self._map = _map_of(address, limits).nodes_manager
        self._nodes: dict[tuple[str, int], Node] = {}
        self._reading: asyncio.Task[None] | None = None
        self._read_at = 0.0
        self._is_behind = False
        """Whether a plain client was sent elsewhere since the map was read."""
        self._failure: Exception | None = None

    async def of(self, shard: int) -> Redis:
        """As Servers.of. One that turns out to be behind says so, and the next one is right."""
        await self._catch_up()
        return self._node(await self._owner(shard)).client

    async def primaries(self) -> list[Redis]:
        """As Servers.primaries, in the order of their slots."""
        await self._catch_up()
        await self._know()
        owners = {slot: nodes[0] for slot, nodes in self._map.slots_cache.items()}
        places = dict.fromkeys(_place_of(owners[slot]) for slot in sorted(owners))
        return [self._node(place).client for place in places]

    async def replies(self, shard: int, calls: Sequence[Call]) -> list[Any]:
        """As Servers.replies; a call that is sent on keeps its request id.

        After a redirection everything from there on is sent again: what did run meanwhile answers
        from its receipt.
        """
        place, moves, replies = await self._owner(shard), 0, list[Any]()
        while True:
            told = await self._told(place, calls[len(replies) :])
            at = _first_redirection(told)
            if at is None:
                return replies + told
            replies += told[:at]
            redirection = told[at]
            named = (redirection.host or place[0], redirection.port)
            if isinstance(redirection, MovedError):
                moves += 1
                if moves > _MOVES:
                    return replies + told[at:]
                place = await self._moved(shard, place, named)
            else:
                call = calls[len(replies)]
                replies.append(await reply_asking(self._node(named).client, call))
                if len(replies) == len(calls):
                    return replies

    async def aclose(self) -> None:
        """Close every connection."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        for node in self._nodes.values():
            await node.aclose()
        await self._map.aclose()
        await self._map.aclose("startup_nodes")

    async def _told(self, place: tuple[str, int], calls: Sequence[Call]) -> list[Any]:
        try:
            return await self._node(place).calls.replies(calls)
        except (ConnectionLost, ReplyTimeout, OSError, asyncio.CancelledError):
            # Perhaps a replica took over. Nobody waits for it: other shards are on other nodes.
            self._read_soon()
            raise

    async def _owner(self, shard: int) -> tuple[str, int]:
        """Host and port of the node that owns the shard, as far as we know."""
        await self._know()
        owners = self._map.slots_cache.get(_SLOTS[shard])
        if not owners:
            self._read_soon()
            raise ClusterDownError(f"no node owns the slot of shard {shard}")
        return _place_of(owners[0])

    async def _moved(
        self, shard: int, left: tuple[str, int], named: tuple[str, int]
    ) -> tuple[str, int]:
        """Where the shard is now: as the map says, unless it is behind what a node just said."""
        await asyncio.shield(self._read())
        place = await self._owner(shard)
        return named if place == left else place

    async def _know(self) -> None:
        if not self._map.slots_cache:
            await asyncio.shield(self._read())
            if not self._map.slots_cache:
                raise ClusterDownError(f"no node tells who owns which slot: {self._failure}")

    def _fall_behind(self) -> None:
        self._is_behind = True

    async def _catch_up(self) -> None:
        if self._is_behind:
            await asyncio.shield(self._read())

    def _read(self) -> asyncio.Task[None]:
        """Read the map, for everybody who needs it at this moment."""
        if self._reading is None or self._reading.done():
            self._read_at = asyncio.get_running_loop().time()
            self._reading = asyncio.create_task(self._read_map())
        return self._reading

    def _read_soon(self) -> None:
        if asyncio.get_running_loop().time() - self._read_at >= _READ_AGAIN_SECONDS:
            self._read()

    async def _read_map(self) -> None:
        self._is_behind = False
        known = [_place_of(node) for node in self._map.nodes_cache.values()]
        try:
            await self._map.initialize(additional_startup_nodes_info=known)
            self._failure = None
        except (RedisClusterException, RedisError, OSError) as failed:
            self._failure = failed
            return
        present = {_place_of(node) for node in self._map.nodes_cache.values()}
        for place in self._nodes.keys() - present:
            await self._nodes.pop(place).aclose()

    def _node(self, place: tuple[str, int]) -> Node:
        if place not in self._nodes:
            host, port = place
            options = self._options | {"host": host, "port": port}
            self._nodes[place] = node_at(options, self._limits, self._counts, self._fall_behind)
        return self._nodes[place]


def _map_of(address: StoreAddress, limits: Limits) -> RedisCluster:
    options = {name: value for name, value in address.options.items() if name != "connection_class"}
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
        # A node that is lost takes its own shards with it, no others.
        require_full_coverage=False,
        # The names of the URL stay: all addresses of a Cluster may change while we run.
        dynamic_startup_nodes=False,
        socket_timeout=limits.deadline_seconds,
        socket_connect_timeout=min(limits.deadline_seconds, CONNECT_SECONDS),
        ssl="connection_class" in address.options,
        **connection_options(),
        **options,
    )


def _place_of(node: ClusterNode) -> tuple[str, int]:
    return node.host, int(node.port)


def _first_redirection(replies: Sequence[Any]) -> int | None:
    # MovedError is an AskError to redis-py.
    redirected = (at for at, reply in enumerate(replies) if isinstance(reply, AskError))
    return next(redirected, None)
