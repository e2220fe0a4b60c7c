"""Recording what was counted and waits: floods of repeats and refusals whose minute is over."""

from metering.calls import Call, script
from metering.floods import MINUTE_MS
from metering.shards import TAGS, keys_of
from metering.store import Store, store_errors

_VIEWERS_AT_ONCE = 200


async def settle(store: Store, shard: int, viewer_id: str, age_ms: int = MINUTE_MS) -> int:
    """Records what was counted for the viewer for `age_ms` or longer; answers how many events.

    Raises StoreUnavailable.
    """
    [written] = await store.answers(shard, [_call(shard, viewer_id, age_ms)])
    return int(written)


async def settle_all(store: Store, age_ms: int = MINUTE_MS) -> int:
    """The same for every viewer for whom something waits; raises StoreUnavailable."""
    written = 0
    for shard in range(len(TAGS)):
        with store_errors():
            client = await store.of(shard)
            waiting = sorted(map(str, await client.smembers(keys_of(shard).waiting)))
        for start in range(0, len(waiting), _VIEWERS_AT_ONCE):
            some = waiting[start : start + _VIEWERS_AT_ONCE]
            calls = [_call(shard, viewer_id, age_ms) for viewer_id in some]
            written += sum(map(int, await store.answers(shard, calls)))
    return written


def _call(shard: int, viewer_id: str, age_ms: int) -> Call:
    keys = keys_of(shard)
    names = (keys.log, keys.head, keys.flood(viewer_id), keys.waiting)
    return Call(script("settle"), names, (viewer_id, age_ms))
