"""A store of one master and its replicas, whose sentinels say which one the master is."""

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


class Mastered:
    """The master, whichever it is now: a connection that opens asks the sentinels first."""

    def __init__(self, address: StoreAddress, limits: Limits, counts: CallCounts) -> None:
        self._sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py has no types here
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
