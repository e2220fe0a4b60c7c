"""One shard as the store has it: its keys, its log, its hashes and its receipts."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from metering.calls import Call, script
from metering.findings import Findings
from metering.shards import TAGS, keys_of
from metering.store import Store, store_errors, store_ms

ENTRIES_AT_ONCE = 1000
HASHES_AT_ONCE = 50
"""Hashes read by one script; the store does nothing else meanwhile."""
_GONE = -2
"""What PTTL says of a key that is not there."""


class StoredHash(NamedTuple):
    """A hash, and when it or a part of it goes away by itself."""

    fields: dict[str, str]
    expires_ms: int | None
    """None for never."""
    field_expires_ms: dict[str, int]
    """The fields that expire before the hash does."""


class StoredReceipt(NamedTuple):
    """The answer kept for one request."""

    request_id: str
    answer: str
    left_ms: int
    """How long it is kept from now on; below 0 for ever."""

    @property
    def stream_id(self) -> str:
        """The event that it says it answered with."""
        return self.answer.split(" ")[-1]


class Inspection(NamedTuple):
    """What a shard holds at one instant between two events."""

    now_ms: int
    log_expires_ms: int | None
    head: StoredHash
    hashes: list[StoredHash]


async def keys_by_tag(store: Store, found: Findings) -> dict[str, set[str]]:
    """All keys of the ledger by the tag of their shard, shards without any included."""
    keys: dict[str, set[str]] = {tag: set() for tag in TAGS}
    with store_errors():
        for client in await store.primaries():
            async for key in client.scan_iter(match="{m*", count=ENTRIES_AT_ONCE):
                tag = key[1:].split("}")[0]
                if tag in keys:
                    keys[tag].add(key)
                else:
                    found.add("key", f"key {key}: no shard has this tag")
    return keys


class StoredShard:
    """Reads one shard; raises StoreUnavailable from everywhere."""

    def __init__(self, store: Store, shard: int) -> None:
        self._store = store
        self._shard = shard
        self._last_id = "0-0"
        self.keys = keys_of(shard)

    def start_after(self, stream_id: str) -> None:
        """Read the log from behind this entry on."""
        self._last_id = stream_id

    async def now_ms(self) -> int:
        """The clock of the shard's server, in milliseconds."""
        return await store_ms(await self._store.of(self._shard))

    async def mistyped(self, keys: set[str]) -> dict[str, str]:
        """The keys that hold another type than their name promises, and which."""
        mistyped = {}
        for batch in batches(sorted(keys), ENTRIES_AT_ONCE):
            with store_errors():
                client = await self._store.of(self._shard)
                async with client.pipeline(transaction=False) as pipeline:
                    for key in batch:
                        pipeline.type(key)
                    types = await pipeline.execute()
            for key, stored in zip(batch, types, strict=True):
                promised = self.keys.type_of(key)
                if promised and stored not in (promised, "none"):
                    mistyped[key] = stored
        return mistyped

    async def receipts(self, keys: Sequence[str]) -> list[StoredReceipt]:
        """The receipts of these names that have not expired yet."""
        with store_errors():
            client = await self._store.of(self._shard)
            async with client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.get(key)
                    pipeline.pttl(key)
                replies = await pipeline.execute()
        return [
            StoredReceipt(key.removeprefix(self.keys.receipt("")), answer, left_ms)
            for key, answer, left_ms in zip(keys, replies[::2], replies[1::2], strict=True)
            if answer is not None and left_ms != _GONE
        ]

    async def inspect(self, keys: Sequence[str]) -> Inspection:
        """The head and the hashes of these names, all between the same two events."""
        call = Call(script("inspect"), (self.keys.log, self.keys.head, *keys), ())
        [[now_ms, log_expires, head, *hashes]] = await self._store.answers(self._shard, [call])
        return Inspection(now_ms, _instant_ms(log_expires), _hash(head), [_hash(h) for h in hashes])

    async def entries(self) -> list[tuple[str, list[str]]]:
        """The next entries of the log, at most ENTRIES_AT_ONCE: stream id, and names and values of
        fields in turn."""
        with store_errors():
            client = await self._store.of(self._shard)
            async with client.pipeline(transaction=False) as pipeline:
                # Named in bytes, the reply is left as it comes.
                after = f"({self._last_id}"
                pipeline.execute_command(
                    *(b"XRANGE", self.keys.log, after, "+", "COUNT", ENTRIES_AT_ONCE)
                )
                [entries] = await pipeline.execute()
        if entries:
            self._last_id = entries[-1][0]
        return list(entries)


def batches(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The keys in their order, at most `size` at a time."""
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _hash(told: Sequence[Any]) -> StoredHash:
    fields, expires, field_expires = told
    return StoredHash(_pairs(fields), _instant_ms(expires), _pairs(field_expires))


def _instant_ms(told: int) -> int | None:
    return None if told < 0 else told


def _pairs(values: Sequence[Any]) -> dict[str, Any]:
    """What Lua answers for a mapping: keys and values in turn."""
    return dict(zip(values[::2], values[1::2], strict=True))
