"""How far the archive is behind the logs."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from db.pool import Database
from db.usage import Cursor, cursors
from metering.archive import ClientOf
from metering.shards import keys_of
from metering.store import store_errors, store_ms


@dataclass(frozen=True, slots=True)
class ShardLag:
    """How far the archive of one shard is behind."""

    shard: int
    events: int
    """Events in the log that are not archived yet; negative never."""
    seconds: float
    """Age of the oldest of them, by the store's clock; 0 when there is none."""
    stopped: str | None
    """What keeps the shard from being archived; None: nothing."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the archive is behind, by shard and in all."""

    shards: tuple[ShardLag, ...]

    @property
    def events(self) -> int:
        """Events that are not archived yet."""
        return sum(shard.events for shard in self.shards)

    @property
    def seconds(self) -> float:
        """Age of the oldest event that is not archived yet; 0 when there is none."""
        return max((shard.seconds for shard in self.shards), default=0.0)

    @property
    def stopped(self) -> dict[int, str]:
        """What keeps shards from being archived, by shard."""
        return {lag.shard: lag.stopped for lag in self.shards if lag.stopped is not None}


async def archive_lag(database: Database, client_of: ClientOf) -> Lag:
    """How far the archive is behind now; any process may ask. Raises StoreUnavailable."""
    by_client: dict[Redis, list[Cursor]] = defaultdict(list)
    for cursor in await cursors(database):
        by_client[await client_of(cursor.shard)].append(cursor)
    lags: list[ShardLag] = []
    for client, held in by_client.items():
        lags += await _lags(client, held)
    return Lag(tuple(sorted(lags, key=lambda lag: lag.shard)))


async def _lags(client: Redis, held: list[Cursor]) -> list[ShardLag]:
    now_ms = await store_ms(client)
    with store_errors():
        async with client.pipeline(transaction=False) as pipeline:
            for cursor in held:
                keys = keys_of(cursor.shard)
                pipeline.hget(keys.head, "seq")
                pipeline.xlen(keys.log)
                pipeline.xrange(keys.log, min=f"({cursor.stream_id}", count=1)
            told: list[Any] = await pipeline.execute()
    return [
        _lag(cursor, int(seq or 0), length, oldest, now_ms)
        for cursor, seq, length, oldest in zip(held, told[::3], told[1::3], told[2::3], strict=True)
    ]


def _lag(
    cursor: Cursor, head_seq: int, length: int, oldest: list[tuple[str, object]], now_ms: int
) -> ShardLag:
    # An epoch leaves numbers out: what is behind cannot be more than what the log holds.
    behind = min(max(0, head_seq - cursor.seq), length) if oldest else 0
    age_ms = now_ms - int(oldest[0][0].split("-")[0]) if oldest else 0
    return ShardLag(cursor.shard, behind, max(0, age_ms) / 1000, cursor.stopped)
