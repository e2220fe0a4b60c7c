"""A store of one master and its replicas, whose sentinels say which one the master is."""

import asyncio
from typing import Any

from redis.asyncio import Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from metering.addresses import StoreAddress
from metering.coalescer import CallCounts
from metering.connections import packing
from metering.node import Limits, Node
from metering.server import CONNECT_SECONDS, connection_options

_ASK_SECONDS = 0.08
"""For the answer of one sentinel: the time of a call must do for one that hangs and the next."""


class _Sentinels(Sentinel):
    """Asked by one connection at a time.

    redis-py moves the sentinel that answered to the front of its list while it goes through it. Two
    that do so at once write one sentinel over another: it is never asked again, and its connection
    is never closed.
    """

    def __init__(self, nodes: list[tuple[str, int]], sentinel_kwargs: dict[str, Any]) -> None:
        # redis-py has no types here
        super().__init__(nodes, sentinel_kwargs=sentinel_kwargs)  # type: ignore[no-untyped-call]
        self._asking = asyncio.Lock()

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Host and port of the master; raises MasterNotFoundError."""
        async with self._asking:
            host, port = await super().discover_master(service_name)
        return host, port


class Mastered:
    """The master, whichever it is now: a connection that opens asks the sentinels first."""

    def __init__(self, address: StoreAddress, limits: Limits, counts: CallCounts) -> None:
        self._sentinel = _Sentinels(
            list(address.nodes),
            sentinel_kwargs={
                "socket_timeout": _ASK_SECONDS,
                "socket_connect_timeout": _ASK_SECONDS,
                **connection_options(),
                **_tls_of(address.options),
                **(address.sentinel_options or {}),
            },
        )
        is_tls = address.options.get("connection_class") is SSLConnection
        kind = SentinelManagedSSLConnection if is_tls else SentinelManagedConnection
        client = self._client(address, limits.deadline_seconds, kind)
        self.node = Node(client, self._client(address, None, packing(kind)), limits, counts)

    def _client(
        self,
        address: StoreAddress,
        timeout_seconds: float | None,
        kind: type[AbstractConnection],
    ) -> Redis:
        options = {n: v for n, v in address.options.items() if n != "connection_class"}
        client: Redis = self._sentinel.master_for(
            address.master,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=CONNECT_SECONDS,
            connection_class=kind,
            **connection_options(),
            **options,
        )
        return client

    async def aclose(self) -> None:
        """Close every connection, to the sentinels too."""
        await self.node.aclose()
        await self._sentinel.aclose()


def _tls_of(options: dict[str, Any]) -> dict[str, Any]:
    """The sentinels are spoken to as the servers are, under an account of their own."""
    is_tls = options.get("connection_class") is SSLConnection
    named = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return {"ssl": True, **named} if is_tls else {}
