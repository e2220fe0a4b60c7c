"""Points of the API: what operations cost, paid from buckets that fill again. Nothing of it is
recorded, and it is no part of the ledger."""

from dataclasses import dataclass
from hashlib import sha256

from metering.calls import Call, script
from metering.digests import digest_text
from metering.shards import keys_of, shard_of
from metering.store import Store


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many points at most, and how fast they come back."""

    capacity: int
    """1 or more."""
    per_second: int
    """1 or more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A bucket after something was asked of it."""

    is_spent: bool
    """Whether all points asked for were there and are taken; else none is."""
    remaining: int
    """Whole points that are left."""
    wait_ms: int
    """Until the points asked for are there; once they are spent, until the bucket is full."""


class Points:
    """Takes points by the store's clock, whichever server is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def spend(self, bucket: Bucket, who: str, points: int) -> Reading:
        """Take points out of somebody's bucket, all or none; 0 only looks, and what is below 0 is
        given back.

        `who` is any text; only a digest of it leaves this process. A call whose reply is lost is
        sent once more, so that one operation may pay twice. Raises StoreUnavailable.
        """
        digest = digest_text(sha256(f"points {who}".encode()).digest())
        shard = shard_of(digest)
        arguments = (bucket.capacity, bucket.per_second, points)
        call = Call(script("points"), (keys_of(shard).tries(digest),), arguments)
        [(spent, remaining, wait_ms)] = await self._store.answers(shard, [call])
        return Reading(spent == 1, remaining, wait_ms)
