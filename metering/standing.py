"""How the log of a shard stands to what the archive knows of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from redis.asyncio import Redis

from db.pool import Database
from db.usage import Cursor, cursors
from metering.entries import read_id
from metering.intake import ArchiveStopped, LogPart, take
from metering.log import UnreadableEvent
from metering.shards import keys_of
from metering.store import Store, store_errors

Entry = tuple[str, dict[str, str]]
"""Stream id and fields."""
_ENTRIES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Tail:
    """What a log holds behind the cursor of its archive."""

    head: Mapping[str, str]
    end: Cursor
    """The cursor, moved over what continues the archive."""
    proven: list[Entry]
    """What continues the archive."""
    orphans: list[Entry]
    """What follows and does not."""

    @property
    def head_seq(self) -> int:
        """What the head says; 0 when there is none."""
        return int(self.head.get("seq", "0"))

    @property
    def seen_seq(self) -> int:
        """The highest seq that is known to have been given."""
        orphaned = (_seq(stream_id) for stream_id, _ in self.orphans)
        return max(self.head_seq, self.end.head_seq, self.end.seq, *orphaned)

    @property
    def is_rewound(self) -> bool:
        """Whether the store is behind what it was seen to hold, or gave a seq twice."""
        if self.head_seq < max(self.end.head_seq, self.end.seq):
            return True
        return bool(self.orphans) and _seq(self.orphans[0][0]) <= self.end.seq

    @property
    def is_whole(self) -> bool:
        """Whether it goes on after the archive, up to its head, and nothing is lost of it."""
        return not self.is_rewound and not self.orphans and self.head_seq == self.end.seq


async def tail_of(client: Redis, cursor: Cursor) -> Tail:
    """The tail of a shard's log; raises StoreUnavailable."""
    keys, last, entries = keys_of(cursor.shard), cursor.stream_id, list[Entry]()
    with store_errors():
        head: Any = await client.hgetall(keys.head)
        while True:
            some: Any = await client.xrange(keys.log, min=f"({last}", count=_ENTRIES_AT_ONCE)
            entries += some
            if len(some) < _ENTRIES_AT_ONCE:
                break
            last = some[-1][0]
    return tail_behind(cursor, head, entries)


def tail_behind(cursor: Cursor, head: Mapping[str, str], entries: list[Entry]) -> Tail:
    """How entries behind a cursor stand to it: pure."""
    end = cursor
    for place, entry in enumerate(entries):
        try:
            end = _moved(end, entry)
        except ArchiveStopped:
            return Tail(head, end, entries[:place], entries[place:])
    return Tail(head, end, entries, [])


def _moved(cursor: Cursor, entry: Entry) -> Cursor:
    """The cursor behind one more entry; raises ArchiveStopped when that does not come next."""
    seen = {"seq": str(max(cursor.head_seq, cursor.seq))}
    stream_id, fields = entry
    flat = list(chain.from_iterable(fields.items()))
    taken = take(cursor, LogPart(seen, [(stream_id, flat)], is_end=False))
    return replace(cursor, recorded_ms=taken.recorded_ms, seq=taken.seq, epoch=taken.epoch)


def _seq(stream_id: str) -> int:
    try:
        return read_id(stream_id)[1]
    except UnreadableEvent:
        return 0


async def lost_shards(store: Store, database: Database) -> list[int]:
    """The shards whose store is behind what the archive knows, or that were left closed.

    A log that misses entries which the archive never had is none of them: its live state may
    know more than the archive does. Raises StoreUnavailable.
    """
    return [cursor.shard for cursor in await cursors(database) if await is_lost(store, cursor)]


async def is_lost(store: Store, cursor: Cursor) -> bool:
    """Whether the shard has to be made anew."""
    keys, client = keys_of(cursor.shard), await store.of(cursor.shard)
    with store_errors():
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(keys.head)
            pipeline.xrange(keys.log, min=f"({cursor.stream_id}", count=1)
            pipeline.exists(keys.lost_log)
            head, entries, is_unfinished = await pipeline.execute()
    is_rewound = tail_behind(cursor, head, entries).is_rewound
    return "closed" in head or bool(is_unfinished) or is_rewound
