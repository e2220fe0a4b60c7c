"""Replaces the live state of a closed shard by what the fold says."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from redis.asyncio import Redis

from metering.live import viewer_fields
from metering.policy import AdmissionRule
from metering.refold import Refold
from metering.shards import keys_of
from metering.store import store_errors, store_ms

_KEYS_AT_ONCE = 500
Item = TypeVar("Item")


async def rewrite(client: Redis, refold: Refold, present: set[str], rule: AdmissionRule) -> None:
    """Write every viewer and network of the fold, and delete every other.

    `present` holds the keys that the shard has. Receipts stay whose event was folded; floods are
    left alone. Ending in the middle does no harm as long as the shard is closed.
    """
    keys = keys_of(refold.state.shard)
    wanted = {keys.viewer(viewer_id) for viewer_id in refold.state.viewers}
    prefixes = (keys.viewer(""), keys.network(""))
    held = {key for key in present if key.startswith(prefixes)}
    await _delete(client, held - wanted)
    await _write_viewers(client, refold, held)
    await _write_networks(client, refold, rule)
    receipts = sorted(key for key in present if key.startswith(keys.receipt("")))
    await _keep_answers(client, receipts, refold.answered)


async def _delete(client: Redis, names: set[str]) -> None:
    for some in _batches(sorted(names)):
        with store_errors():
            await client.unlink(*some)


async def _write_viewers(client: Redis, refold: Refold, held: set[str]) -> None:
    keys = keys_of(refold.state.shard)
    for some in _batches(refold.state.viewers.items()):
        with store_errors():
            async with client.pipeline(transaction=False) as pipeline:
                for viewer_id, state in some:
                    key = keys.viewer(viewer_id)
                    if key in held:
                        pipeline.unlink(key)
                    fields: Any = viewer_fields(state)
                    pipeline.hset(key, mapping=fields)
                await pipeline.execute()


async def _write_networks(client: Redis, refold: Refold, rule: AdmissionRule) -> None:
    keys, now_ms = keys_of(refold.state.shard), await store_ms(client)
    for some in _batches(refold.state.networks.items()):
        with store_errors():
            async with client.pipeline(transaction=False) as pipeline:
                for network, admitted in some:
                    period = rule.period_at(refold.admitted_ms[network])
                    if rule.expires_ms(period) > now_ms:
                        pipeline.hset(keys.network(network), "admitted", str(admitted))
                        pipeline.pexpireat(keys.network(network), rule.expires_ms(period))
                await pipeline.execute()


async def _keep_answers(client: Redis, receipts: list[str], answered: set[str]) -> None:
    for some in _batches(receipts):
        with store_errors():
            answers: Any = await client.mget(some)
        pairs = zip(some, answers, strict=True)
        await _delete(
            client, {key for key, said in pairs if said and said.split(" ")[-1] not in answered}
        )


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(islice(left, _KEYS_AT_ONCE)):
        yield some
