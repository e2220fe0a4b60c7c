"""The store of the ledger: whoever reads or writes a shard asks it where the shard is."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from redis.asyncio import Redis

from metering.calls import Call, answers
from metering.server import (
    CONNECTIONS,
    QUEUE_SECONDS,
    TIMEOUT_SECONDS,
    open_server,
    store_errors,
    store_ms,
)

__all__ = [
    "CONNECTIONS",
    "QUEUE_SECONDS",
    "TIMEOUT_SECONDS",
    "OneServer",
    "Store",
    "open_store",
    "store_errors",
    "store_ms",
]


class Store(Protocol):
    """Where the 64 shards are. A shard lives on one server; everything raises StoreUnavailable."""

    async def of(self, shard: int) -> Redis:
        """A plain client of the server that owns the shard now; it is the store's to close."""
        ...

    async def primaries(self) -> list[Redis]:
        """A plain client of every server that owns shards."""
        ...

    async def answers(self, shard: int, calls: Sequence[Call]) -> list[Any]:
        """The answer of every call, all of one shard, in order; they run in that order.

        A lost reply is asked for once more, so a script must know a call that it has met before.
        Raises ValueError when a script refuses an argument, which is our mistake.
        """
        ...


class OneServer:
    """The store that is one server."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def of(self, shard: int) -> Redis:  # noqa: ARG002  # there is one server
        """As Store.of: always the same."""
        return self._client

    async def primaries(self) -> list[Redis]:
        """As Store.primaries."""
        return [self._client]

    async def answers(self, shard: int, calls: Sequence[Call]) -> list[Any]:  # noqa: ARG002
        """As Store.answers, in one round trip."""
        return await answers(self._client, calls)


@asynccontextmanager
async def open_store(
    url: str,
    *,
    connections: int = CONNECTIONS,
    timeout_seconds: float = TIMEOUT_SECONDS,
    queue_seconds: float = QUEUE_SECONDS,
) -> AsyncIterator[Store]:
    """The store on `redis://`, `rediss://` or `unix://`, closed at the end.

    User, password and `?ssl_ca_certs=`, the file of the authority that signed the server's
    certificate, are part of the URL; without the last the system's are trusted. Connections open
    on first use.
    """
    async with open_server(
        url,
        connections=connections,
        timeout_seconds=timeout_seconds,
        queue_seconds=queue_seconds,
    ) as client:
        yield OneServer(client)


async def ping(store: Store) -> None:
    """Raises StoreUnavailable when a part of the store does not answer."""
    with store_errors():
        await asyncio.gather(*(client.ping() for client in await store.primaries()))
