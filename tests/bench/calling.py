"""The client that bench_calls.py measures, alone in its process:
`python -m tests.bench.calling WAY URL CALLERS SECONDS`.

Prints one line of JSON: decisions a second, percentiles of what a caller waits, and the CPU of this
process for each decision.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import uvloop
from limits import RateLimitItemPerHour
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.exceptions import WatchError

from metering.calls import Call
from metering.coalescer import CallCounts
from metering.meter import LedgerMeter
from metering.store import OneServer, Store, open_store
from tests.metering.ledgers import Plans, guest, plan, token, view_of

PREPARED = 25_000
"""Calls made beforehand for each second of measuring."""
VIEWS_EACH = 3

Asked = tuple[int, Call]
Ask = Callable[[Asked], Awaitable[object]]
PLANS = Plans()
PLANS.add(plan("guest", 1))


class _Recorder(OneServer):
    """Takes down what a meter calls instead of sending it."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def replies(self, shard: int, calls: Sequence[Call]) -> list[Any]:
        self.asked += ((shard, call) for call in calls)
        return [["GUEST_SEALED"]] * len(calls)


async def prepared(count: int) -> list[Asked]:
    """Calls of guests spread over all shards, each of whom asks for VIEWS_EACH pages."""
    recorder = _Recorder()
    meter = LedgerMeter(Store(recorder, 60.0, CallCounts()), PLANS.plan_of)
    guests = [guest(token(), shard=number % 64) for number in range(count // VIEWS_EACH)]
    for number in range(VIEWS_EACH):
        await meter.view([view_of(viewer, number) for viewer in guests])
    return recorder.asked


async def coalesced(stack: AsyncExitStack, url: str, callers: int) -> Ask:
    """As the ledger does."""
    store = await stack.enter_async_context(open_store(url, timeout_seconds=5.0))

    async def ask(asked: Asked) -> object:
        return await store.answers(asked[0], [asked[1]])

    return ask


async def one_connection_per_call(stack: AsyncExitStack, url: str, callers: int) -> Ask:
    """The same script through redis-py as it is, with a connection for every caller."""
    client = _client(stack, url, callers)

    async def ask(asked: Asked) -> object:
        return await client.evalsha(*asked[1].command[1:])

    return ask


async def watch_multi(stack: AsyncExitStack, url: str, callers: int) -> Ask:
    """The limit of a guest kept by optimistic locking: read, decide here, write if nobody did."""
    client = _client(stack, url, callers)

    async def ask(asked: Asked) -> object:
        log, _, viewer, receipt, *_ = asked[1].keys
        fields = dict(zip(["viewer", "kind", "code", "request"], asked[1].arguments, strict=False))
        while True:
            async with client.pipeline() as pipeline:
                try:
                    await pipeline.watch(viewer, receipt)
                    used, opened = await pipeline.hmget(viewer, ["used", fields["code"]])
                    outcome = "R" if opened else "L" if int(used or 0) >= 1 else "U"
                    pipeline.multi()
                    pipeline.xadd(log, {**fields, "outcome": outcome})
                    pipeline.set(receipt, outcome, px=3_600_000)
                    if outcome == "U":
                        pipeline.hset(viewer, mapping={"used": 1, fields["code"]: "c"})
                    return await pipeline.execute()
                except WatchError:
                    continue

    return ask


async def limits_moving_window(stack: AsyncExitStack, url: str, callers: int) -> Ask:
    """The `limits` library: counts, but keeps no log, no receipts and no codes."""
    return _limits(MovingWindowRateLimiter(_storage(url, callers)))


async def limits_fixed_window(stack: AsyncExitStack, url: str, callers: int) -> Ask:
    """The same, as cheap as it gets."""
    return _limits(FixedWindowRateLimiter(_storage(url, callers)))


async def stock_cluster(stack: AsyncExitStack, url: str, callers: int) -> Ask:
    """The same script through redis-py's client of a Cluster."""
    places = [place.split(":") for place in url.removeprefix("redis+cluster://").split(",")]
    client = await stack.enter_async_context(
        RedisCluster(
            startup_nodes=[ClusterNode(host, int(port)) for host, port in places],
            max_connections=callers + 4,
        )
    )

    async def ask(asked: Asked) -> object:
        return await client.evalsha(*asked[1].command[1:])

    return ask


WAYS: dict[str, Callable[[AsyncExitStack, str, int], Awaitable[Ask]]] = {
    way.__name__: way
    for way in (
        coalesced,
        one_connection_per_call,
        watch_multi,
        limits_moving_window,
        limits_fixed_window,
        stock_cluster,
    )
}


def _client(stack: AsyncExitStack, url: str, callers: int) -> Redis:
    pool = BlockingConnectionPool.from_url(url, max_connections=callers, timeout=None)
    client = Redis.from_pool(pool)
    stack.push_async_callback(client.aclose)
    return client


def _storage(url: str, callers: int) -> RedisStorage:
    return RedisStorage(
        url.replace("unix://", "async+redis+unix://"),
        implementation="redispy",
        max_connections=callers,
    )


def _limits(limiter: Any) -> Ask:
    item = RateLimitItemPerHour(1)

    async def ask(asked: Asked) -> object:
        return await limiter.hit(item, asked[1].arguments[0])

    return ask


async def measured(way: str, url: str, callers: int, seconds: float) -> dict[str, float]:
    """Everybody asks again as soon as they are answered, for so many seconds."""
    calls = iter(await prepared(int(PREPARED * seconds)))
    waited: list[float] = []
    async with AsyncExitStack() as stack:
        ask = await WAYS[way](stack, url, callers)
        await ask(next(calls))  # opens the connections
        began, cpu_before = time.perf_counter(), time.process_time()

        async def caller() -> None:
            while (asked_at := time.perf_counter()) - began < seconds:
                await ask(next(calls))
                waited.append(time.perf_counter() - asked_at)

        await asyncio.gather(*(caller() for _ in range(callers)))
        cpu, took = time.process_time() - cpu_before, time.perf_counter() - began
    waited.sort()
    return {
        "per_second": len(waited) / took,
        "p50_ms": waited[len(waited) // 2] * 1e3,
        "p99_ms": waited[int(len(waited) * 0.99)] * 1e3,
        "cpu_us": cpu / len(waited) * 1e6,
    }


if __name__ == "__main__":
    _, way, url, callers, seconds = sys.argv
    print(json.dumps(uvloop.run(measured(way, url, int(callers), float(seconds)))))
