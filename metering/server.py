"""A plain client of one Redis or Valkey server, and the one place where its absence becomes
StoreUnavailable."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from schema.errors import StoreUnavailable

CONNECTIONS = 16
"""Calls at the store at once; more wait their turn, which is what bounds the load on it."""
TIMEOUT_SECONDS = 0.25
QUEUE_SECONDS = 2.0


@asynccontextmanager
async def open_server(
    url: str,
    *,
    connections: int = CONNECTIONS,
    timeout_seconds: float = TIMEOUT_SECONDS,
    connect_timeout_seconds: float = 1.0,
    queue_seconds: float = QUEUE_SECONDS,
) -> AsyncIterator[Redis]:
    """A client on `redis://`, `rediss://` or `unix://`, closed at the end.

    User, password and `?ssl_ca_certs=`, the file of the authority that signed the server's
    certificate, are part of the URL; without the last the system's are trusted. Connections open
    on first use.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=queue_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=connect_timeout_seconds,
        # By default redis-py sends a script again, up to ten times, when a reply is lost.
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        protocol=2,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
    client = Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns every failure of the store inside into StoreUnavailable."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as failed:
        reason = f"{type(failed).__name__}: {failed}" if str(failed) else type(failed).__name__
        raise StoreUnavailable("valkey", reason) from failed


async def store_ms(client: Redis) -> int:
    """The store's clock in milliseconds; raises StoreUnavailable."""
    with store_errors():
        seconds, microseconds = await client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
