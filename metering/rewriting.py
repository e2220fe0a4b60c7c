"""Replaces the live state of a closed shard by what the fold says."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeVar

from redis.asyncio import Redis

from metering.balances import Balances
from metering.calls import Call, script
from metering.policy import AdmissionRule
from metering.refold import Refold
from metering.shards import keys_of
from metering.store import Store, store_errors, store_ms
from schema.errors import StoreUnavailable

_KEYS_AT_ONCE = 500
Item = TypeVar("Item")


async def rewrite(
    store: Store, refold: Refold, present: set[str], token: str, rule: AdmissionRule
) -> None:
    """Write every viewer and network of the fold, and delete every other.

    `present` holds the keys that the shard has, `token` is what it was closed with. Receipts stay
    whose event was folded; floods and tries are left alone. Ending in the middle does no harm as
    long as the shard is closed. Raises StoreUnavailable, also when another process took the shard
    over.
    """
    balances, shard = refold.balances, refold.balances.state.shard
    keys, client = keys_of(shard), await store.of(shard)
    wanted = {keys.viewer(viewer_id) for viewer_id in balances.viewers}
    prefixes = (keys.viewer(""), keys.network(""))
    held = {key for key in present if key.startswith(prefixes)}
    await _delete(client, held - wanted)
    await _write_viewers(store, balances, token)
    await _write_networks(client, balances, rule)
    receipts = sorted(key for key in present if key.startswith(keys.receipt("")))
    await _keep_answers(client, receipts, refold.answered)


async def _delete(client: Redis, names: set[str]) -> None:
    for some in _batches(sorted(names)):
        with store_errors():
            await client.unlink(*some)


async def _write_viewers(store: Store, balances: Balances, token: str) -> None:
    shard = balances.state.shard
    keys = keys_of(shard)
    for some in _batches(balances.viewers):
        names, values = [keys.head], [token]
        for viewer_id in some:
            fields = balances.fields(viewer_id)
            names.append(keys.viewer(viewer_id))
            values.append(str(2 * len(fields)))
            values.extend(chain.from_iterable(fields.items()))
        # One command: a server that keeps everything writes to its disk once for all of it.
        call = Call(script("put_viewers"), tuple(names), tuple(values))
        [is_ours] = await store.answers(shard, [call])
        if not is_ours:
            raise StoreUnavailable("valkey", f"another process makes shard {shard} anew")


async def _write_networks(client: Redis, balances: Balances, rule: AdmissionRule) -> None:
    keys, now_ms = keys_of(balances.state.shard), await store_ms(client)
    for some in _batches(balances.state.networks.items()):
        with store_errors():
            async with client.pipeline(transaction=False) as pipeline:
                for network, admitted in some:
                    period = rule.period_at(balances.admitted_ms[network])
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
