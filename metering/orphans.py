"""Events that a store acknowledged on a state that is lost: set aside, then recorded again.

Between the two they are in a stream of their own, so that whoever makes a shard anew may die at
any point. What they did to a balance is decided again by the ledger as it is then.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from db.fallback import DecidedView
from metering.imports import EPOCH_OF_IMPORTS, VIEW_FIELDS, import_call
from metering.log import UnreadableEvent, read_event
from metering.policy import AdmissionRule
from metering.shards import ShardKeys, keys_of
from metering.standing import Entry
from metering.store import Store, store_errors
from schema.events import REQUEST_ID_LENGTH, PageViewed, UnlockImported, ViewEvent
from schema.instants import milliseconds

_AT_ONCE = 100
_RECEIPTS_AT_ONCE = 1000
_REQUEST_LETTERS = 22
_BLANK_WHEN_NONE = ("limit", "network")
_COUNTED = ("outcome", "kind", "plan", "assignment", "window", "used", "limit", "network")


@dataclass(slots=True)
class Recorded:
    """What became of the events of a lost state."""

    imported: int = 0
    """Page views that are events of the new epoch."""
    over_granted: int = 0
    """Pages shown that the rebuilt state would have refused."""
    over_admitted: int = 0
    """Guests admitted above the budget of their network."""
    uncounted: int = 0
    """Repeats and refusals that were counted together with one that was recorded again."""
    not_carried: Counter[str] = field(default_factory=Counter)
    """Acts that have to be done again by hand, by type of entry."""


async def set_aside(
    client: Redis, shard: int, orphans: Sequence[Entry], receipts: Sequence[str]
) -> None:
    """Move entries of a closed shard from its log, with the answers that readers got to them.

    `receipts`: the keys of all receipts of the shard.
    """
    keys = keys_of(shard)
    answers = await _receipts_by_event(client, receipts if orphans else ())
    for start in range(0, len(orphans), _AT_ONCE):
        some = orphans[start : start + _AT_ONCE]
        with store_errors():
            # All or nothing, so that none is there twice after a crash.
            async with client.pipeline(transaction=True) as pipeline:
                for stream_id, fields in some:
                    key, answer = answers.get(stream_id, ("", ""))
                    pipeline.xadd(keys.lost_log, _kept(fields, stream_id, key, answer))
                    if key:
                        pipeline.unlink(key)
                pipeline.xdel(keys.log, *(stream_id for stream_id, _ in some))
                await pipeline.execute()


async def set_floods_aside(client: Redis, shard: int, at_ms: int) -> None:
    """Move what was counted and waits in a closed shard; `at_ms` is later than all of it."""
    keys = keys_of(shard)
    with store_errors():
        waiting: Any = await client.smembers(keys.waiting)
        for viewer_id in sorted(waiting):
            held: Any = await client.hgetall(keys.flood(viewer_id))
            async with client.pipeline(transaction=True) as pipeline:
                for value in (value for name, value in held.items() if name.startswith("+")):
                    fields = _counted_entry(viewer_id, value)
                    pipeline.xadd(keys.lost_log, _kept(fields, f"{at_ms}-1", "", ""))
                pipeline.unlink(keys.flood(viewer_id))
                pipeline.srem(keys.waiting, viewer_id)
                await pipeline.execute()


def _counted_entry(viewer_id: str, value: str) -> dict[str, str]:
    """The entry that shared/floods.lua would write of what waits."""
    count, first, *values = value.split(" ")
    *group, code, request, context = values
    fields = dict(zip(_COUNTED, group, strict=True))
    fields |= {name: "" for name in _BLANK_WHEN_NONE if fields[name] == "-"}
    fields |= {"code": code, "request": request, "context": context}
    return (
        {"type": "view", "epoch": "1", "viewer": viewer_id} | fields | {"count": f"{count}@{first}"}
    )


def _kept(fields: Mapping[str, str], stream_id: str, key: str, answer: str) -> Any:
    """An entry of the stream of lost events; '' for a receipt that is gone."""
    said = {f"+{name}": value for name, value in fields.items()}
    return said | {"id": stream_id, "key": key, "answer": answer}


async def _receipts_by_event(client: Redis, receipts: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Key and answer of receipts, by the stream id at the end of the answer."""
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(receipts), _RECEIPTS_AT_ONCE):
        some = receipts[start : start + _RECEIPTS_AT_ONCE]
        with store_errors():
            answers: Any = await client.mget(some)
        for key, answer in zip(some, answers, strict=True):
            if answer is not None:
                found[answer.split(" ")[-1]] = key, answer
    return found


async def record_again(store: Store, shard: int, admission: AdmissionRule) -> Recorded:
    """Record in an open shard what was set aside; raises StoreUnavailable.

    Cut off in the middle it may be called again: a view is recorded once within an hour.
    """
    keys, done = keys_of(shard), Recorded()
    client = await store.of(shard)
    while True:
        with store_errors():
            some: Any = await client.xrange(keys.lost_log, count=_AT_ONCE)
        if not some:
            with store_errors():
                await client.unlink(keys.lost_log)
            return done
        views = [view for _, held in some if (view := _view(shard, keys, held, done))]
        calls = [import_call(shard, viewer_id, view, admission) for viewer_id, view in views]
        for reply in await store.answers(shard, calls) if calls else []:
            done.imported += 1
            done.over_granted += int(reply[1])
            done.over_admitted += int(reply[2])
        with store_errors():
            await client.xdel(keys.lost_log, *(place for place, _ in some))


def _view(
    shard: int, keys: ShardKeys, held: Mapping[str, str], done: Recorded
) -> tuple[str, DecidedView] | None:
    """The view that an entry was, and whose; None, and counted, for anything else."""
    fields = {name[1:]: value for name, value in held.items() if name.startswith("+")}
    try:
        event = read_event(shard, held["id"], fields)
    except UnreadableEvent:
        done.not_carried["unreadable"] += 1
        return None
    if not isinstance(event, ViewEvent):
        if fields["type"] != "epoch":
            done.not_carried[fields["type"]] += 1
        return None
    assert isinstance(event, PageViewed | UnlockImported)
    done.uncounted += event.count - 1
    at_ms = milliseconds(event.decided_at)
    answer = _answer(event, fields, held["answer"], at_ms)
    request_id = held["key"].removeprefix(keys.receipt("")) or _request_id(event, held["id"])
    entry = {name: fields[name] for name in VIEW_FIELDS}
    return event.viewer_id, DecidedView(request_id, at_ms, entry, answer)


def _answer(event: ViewEvent, fields: Mapping[str, str], told: str, at_ms: int) -> str:
    """The receipt of the view as it was answered, under the id of a view that came from
    elsewhere; when its window ends is known from the old receipt alone."""
    resets = told.split(" ")[4] if told else "-"
    charged = "1" if event.outcome.is_charging else "0"
    limit = fields["limit"] or "-"
    place = f"{at_ms}-{event.request_id[:REQUEST_ID_LENGTH]}"
    used = fields["used"]
    return f"{fields['outcome']} {charged} {used} {limit} {resets} {EPOCH_OF_IMPORTS} {place}"


def _request_id(event: ViewEvent, stream_id: str) -> str:
    """A request id for a view whose own is known by its beginning only, the same each time."""
    seq = stream_id.split("-")[1]
    return event.request_id + seq.rjust(_REQUEST_LETTERS - len(event.request_id), "0")
