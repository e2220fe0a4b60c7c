"""One shard as the store has it: its keys, its log, its hashes and its receipts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from metering.calls import Call, script
from metering.findings import Findings
from metering.shards import TAGS, keys_of
from metering.store import Store, store_errors, store_ms

ENTRIES_AT_ONCE = 1000
HASHES_AT_ONCE = 500
_KEYS_AT_ONCE = 500
_FIELDS_AT_ONCE = 2000
"""Hashes, other keys and fields read by one script; the store does nothing else meanwhile."""
_SCRIPTS_AT_ONCE = 8
"""Scripts of one round trip; others get their turn between them."""
KEYS_AT_ONCE = _KEYS_AT_ONCE * _SCRIPTS_AT_ONCE
_TAG_LENGTH = len(TAGS[0])
_GONE = -2
"""What PTTL says of a key that is not there."""


Item = TypeVar("Item")


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


class Inspection(NamedTuple):
    """What a shard holds at one instant between two events."""

    now_ms: int
    log_expires_ms: int | None
    head: StoredHash
    hashes: list[StoredHash | str]
    """In the order of their names; the type of a key that is no hash."""


async def keys_by_tag(store: Store, found: Findings) -> dict[str, set[str]]:
    """All keys of the ledger by the tag of their shard, shards without any included."""
    keys: dict[str, set[str]] = {tag: set() for tag in TAGS}
    for client in await store.primaries():
        cursor = 0
        while True:
            with store_errors():
                told: Any = await client.scan(cursor, match="{m*", count=ENTRIES_AT_ONCE)
            cursor, names = told
            _sort_by_tag(names, keys, found)
            if cursor == 0:
                break
    return keys


def _sort_by_tag(names: Sequence[str], keys: Mapping[str, set[str]], found: Findings) -> None:
    for key in names:
        tag = key[1 : 1 + _TAG_LENGTH]
        if tag not in keys or key[1 + _TAG_LENGTH :][:1] not in ("}", ""):
            found.add("key", f"key {key}: no shard has this tag")
        else:
            keys[tag].add(key)


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

    async def mistyped(self, keys: Collection[str]) -> dict[str, str]:
        """The keys that hold another type than their name promises, and which."""
        promised = [(key, kind) for key in sorted(keys) if (kind := self.keys.type_of(key))]
        mistyped = {}
        for some in batches(promised, KEYS_AT_ONCE):
            parts = list(batches(some, _KEYS_AT_ONCE))
            calls = [Call(script("strangers"), *zip(*part, strict=True)) for part in parts]
            replies = await self._store.answers(self._shard, calls)
            for part, told in zip(parts, replies, strict=True):
                for place, stored in zip(told[::2], told[1::2], strict=True):
                    mistyped[part[place - 1][0]] = stored
        return mistyped

    async def receipts(self, keys: Sequence[str]) -> tuple[list[StoredReceipt], dict[str, str]]:
        """The receipts of these names that have not expired yet; and as `mistyped`."""
        parts = list(batches(keys, _KEYS_AT_ONCE))
        calls = [Call(script("receipts"), tuple(part), ()) for part in parts]
        replies = await self._store.answers(self._shard, calls)
        receipts, mistyped, length = [], {}, len(self.keys.receipt(""))
        for part, told in zip(parts, replies, strict=True):
            for key, answer, left_ms in zip(part, told[::2], told[1::2], strict=True):
                if isinstance(answer, list):
                    [mistyped[key]] = answer
                elif answer is not None and left_ms != _GONE:
                    receipts.append(StoredReceipt(key[length:], answer, left_ms))
        return receipts, mistyped

    async def inspect(self, keys: Sequence[str]) -> Inspection:
        """The head and the first hashes of these names, all between the same two events; at least
        one, and no more than the store has time for."""
        names = (self.keys.log, self.keys.head, *keys)
        call = Call(script("inspect"), names, (_FIELDS_AT_ONCE,))
        [[now_ms, log_expires, head, *hashes]] = await self._store.answers(self._shard, [call])
        held = [told[0] if len(told) == 1 else _hash(told) for told in hashes]
        return Inspection(now_ms, _instant_ms(log_expires), _hash(head), held)

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


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in their order, at most `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _hash(told: Sequence[Any]) -> StoredHash:
    fields, expires, field_expires = told
    return StoredHash(_pairs(fields), _instant_ms(expires), _pairs(field_expires))


def _instant_ms(told: int) -> int | None:
    return None if told < 0 else told


def _pairs(values: Sequence[Any]) -> dict[str, Any]:
    """What Lua answers for a mapping: keys and values in turn."""
    return dict(zip(values[::2], values[1::2], strict=True))
