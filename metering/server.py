"""Plain clients of Redis or Valkey servers, and the one place where the absence of one becomes
StoreUnavailable."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.exceptions import TimeoutError as ReplyTimeout
from redis.maint_notifications import MaintNotificationsConfig

from schema.errors import StoreUnavailable

CONNECTIONS = 16
"""Connections of one plain client; who needs one more waits for it."""
CONNECT_SECONDS = 1.0
QUEUE_SECONDS = 2.0


def connection_options() -> dict[str, Any]:
    """What every connection of ours has, to whatever server."""
    return {
        # By default redis-py sends a script again, up to ten times, when a reply is lost.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        "protocol": 2,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def client_of(
    options: Mapping[str, Any],
    *,
    timeout_seconds: float | None,
    connections: int = CONNECTIONS,
    connect_timeout_seconds: float = CONNECT_SECONDS,
    queue_seconds: float = QUEUE_SECONDS,
) -> Redis:
    """A client of the server that redis-py's `options` describe; connections open on first use.

    `timeout_seconds` is for each reply; None when the caller keeps the time.
    """
    pool = BlockingConnectionPool(
        max_connections=connections,
        timeout=queue_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=connect_timeout_seconds,
        **connection_options(),
        **options,
    )
    return Redis.from_pool(pool)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns every failure of the store inside into StoreUnavailable."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as failed:
        reason = f"{type(failed).__name__}: {failed}" if str(failed) else type(failed).__name__
        raise StoreUnavailable("valkey", reason) from failed


def is_refusal(away: StoreUnavailable) -> bool:
    """Whether the store is there and does not let us in, or is not the one that it says it is."""
    refused = (AuthenticationError, NoPermissionError, ssl.SSLCertVerificationError)
    cause: BaseException | None = away
    while cause is not None and not isinstance(cause, refused):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def is_late(away: StoreUnavailable) -> bool:
    """Whether all that is known of the store is that its time was over."""
    cause: BaseException | None = away
    # redis-py wraps what happens while it opens a connection of a socket's file.
    while cause is not None and not isinstance(cause, TimeoutError | ReplyTimeout):
        cause = cause.__cause__
    return cause is not None


async def store_ms(client: Redis) -> int:
    """The clock of a server in milliseconds; raises StoreUnavailable."""
    with store_errors():
        seconds, microseconds = await client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
