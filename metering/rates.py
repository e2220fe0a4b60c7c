"""How often something may be tried: limits beside the ledger, in the same store, of which nothing
is recorded."""

from dataclasses import dataclass
from hashlib import sha256

from metering.calls import Call, script
from metering.digests import digest_text
from metering.shards import keys_of, shard_of
from metering.store import Store


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, then one more whenever another `per_seconds` have passed."""

    name: str
    """What is tried; limits of different names count apart."""
    burst: int
    """Tries that may come at once, 1 or more."""
    per_seconds: float
    """Until the next try exists, 0.001 or more; a full burst is back after `burst` times this."""


class Rates:
    """Tries let through by the store's clock, whichever server is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def spend(self, rate: Rate, who: str) -> int | None:
        """None when the try may be made, which spends it; else the whole seconds, 1 or more, until
        one may, and nothing is spent.

        `who` is any text; only a digest of it leaves this process. That hides no address and no
        e-mail from someone who guesses, so of these give a digest with a key. A call whose reply is
        lost is sent once more, so that one try may spend two. Raises StoreUnavailable; ValueError
        for a rate that lets nothing through or everything.
        """
        digest = _digest(rate, who)
        shard = shard_of(digest)
        arguments = (rate.burst, round(rate.per_seconds * 1000))
        call = Call(script("rate"), (keys_of(shard).tries(digest),), arguments)
        [wait_ms] = await self._store.answers(shard, [call])
        return -(-wait_ms // 1000) or None


def _digest(rate: Rate, who: str) -> str:
    digest = sha256(f"{rate.name} {who}".encode()).digest()
    return digest_text(digest)
