"""Calls of one turn share a pipeline; who comes too late or too many is told so, and at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from redis.asyncio import Redis

from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.store import Store, open_store
from metering.verify import verify_live
from schema.errors import MeterOverloaded, StoreUnavailable
from schema.usage import Decision, Outcome, ViewRequest
from tests.faults.proxy import Proxy, proxy_to
from tests.metering.ledgers import Plans, guest, member, view_of

LOG = keys_of(7).log


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(Path(unquote(urlsplit(redis_url).path))) as opened:
        yield opened


@pytest.fixture
def proxy_url(proxy: Proxy, redis_url: str) -> str:
    database = parse_qs(urlsplit(redis_url).query)["db"][0]
    return f"redis://127.0.0.1:{proxy.port}/{database}"


@pytest.fixture
async def behind(proxy_url: str, plans: Plans) -> AsyncIterator[LedgerMeter]:
    """A meter that reaches the store through the proxy; the machine of the tests may stall."""
    async with open_store(proxy_url, timeout_seconds=1.0) as store:
        meter = LedgerMeter(store, plans.plan_of)
        # The first view opens the connection and loads the script; of another shard than the rest.
        await meter.view([view_of(guest(shard=0))])
        yield meter


async def decided(meter: LedgerMeter, request: ViewRequest) -> Decision:
    [answer] = await meter.view([request])
    assert isinstance(answer, Decision)
    return answer


async def views_under_way(
    meter: LedgerMeter, proxy: Proxy, requests: list[ViewRequest]
) -> list[asyncio.Task[Decision]]:
    """Each alone in a pipeline whose reply the proxy now holds back."""
    tasks = []
    for request in requests:
        tasks.append(asyncio.create_task(decided(meter, request)))
        await asyncio.sleep(0.02)
    return tasks


async def test_what_is_asked_for_in_one_turn_goes_out_as_one_pipeline(
    behind: LedgerMeter, client: Redis
) -> None:
    before = behind.store.counts.batches

    answers = await asyncio.gather(*(decided(behind, view_of(guest())) for _ in range(16)))

    assert {answer.outcome for answer in answers} == {Outcome.UNLOCKED}
    assert behind.store.counts.batches - before == 1
    assert behind.store.counts.calls == 17
    assert await client.xlen(LOG) == 16


async def test_a_crowd_of_one_turn_is_shared_by_both_pipelines(
    behind: LedgerMeter, client: Redis
) -> None:
    before = behind.store.counts.batches

    answers = await asyncio.gather(*(decided(behind, view_of(guest())) for _ in range(200)))

    assert {answer.outcome for answer in answers} == {Outcome.UNLOCKED}
    assert behind.store.counts.batches - before == 2
    assert await client.xlen(LOG) == 200


async def test_what_is_asked_for_while_pipelines_are_under_way_gathers_for_the_next(
    proxy: Proxy, behind: LedgerMeter, client: Redis
) -> None:
    before = behind.store.counts.batches
    proxy.delay_seconds = 0.08
    first = await views_under_way(behind, proxy, [view_of(guest()), view_of(guest())])

    later = []
    for _ in range(16):
        later.append(asyncio.create_task(decided(behind, view_of(guest()))))
        await asyncio.sleep(0)
    await asyncio.gather(*first, *later)

    assert behind.store.counts.batches - before == 3
    assert await client.xlen(LOG) == 18


async def test_more_calls_than_two_pipelines_hold_make_a_third(behind: LedgerMeter) -> None:
    before = behind.store.counts.batches

    await asyncio.gather(*(decided(behind, view_of(guest())) for _ in range(300)))

    assert behind.store.counts.batches - before == 3


async def test_the_calls_of_each_caller_run_in_order_among_those_of_others(
    behind: LedgerMeter,
) -> None:
    crowd = [member() for _ in range(60)]

    answers = await asyncio.gather(
        *(behind.view([view_of(viewer, number) for number in range(7)]) for viewer in crowd)
    )

    expected = [(Outcome.UNLOCKED, used) for used in range(1, 6)]
    expected += [(Outcome.LIMIT_REACHED, 5)] * 2
    for told in answers:
        assert [(a.outcome, a.allowance.used) for a in told if isinstance(a, Decision)] == expected


async def test_more_callers_than_may_wait_are_told_at_once_and_leave_no_event(
    proxy_url: str, client: Redis, plans: Plans
) -> None:
    async with open_store(proxy_url, max_waiting=10) as store:
        meter = LedgerMeter(store, plans.plan_of)

        answers = await asyncio.gather(
            *(meter.view([view_of(guest())]) for _ in range(25)), return_exceptions=True
        )

    assert [type(answer) for answer in answers] == [list] * 10 + [MeterOverloaded] * 15
    assert (store.counts.calls, store.counts.shed) == (10, 15)
    assert await client.xlen(LOG) == 10


async def test_a_caller_with_more_calls_than_may_wait_is_refused_whole(
    proxy_url: str, client: Redis, plans: Plans
) -> None:
    async with open_store(proxy_url, max_waiting=10) as store:
        meter = LedgerMeter(store, plans.plan_of)

        with pytest.raises(MeterOverloaded, match="0 calls wait already"):
            await meter.view([view_of(guest(), number) for number in range(11)])
        await meter.view([view_of(guest(), number) for number in range(10)])

    assert store.counts.shed == 11
    assert await client.xlen(LOG) == 10


async def test_a_call_whose_time_is_over_is_not_tried_again_and_its_connection_is_dropped(
    proxy: Proxy, behind: LedgerMeter, client: Redis
) -> None:
    late, connections = view_of(guest()), proxy.connections
    proxy.delay_seconds = 5.0

    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        await behind.view([late])
    proxy.delay_seconds = 0.0
    others = await asyncio.gather(*(decided(behind, view_of(member(), n)) for n in range(40)))
    told = await decided(behind, late)

    assert (behind.store.counts.late, behind.store.counts.retried) == (1, 0)
    assert proxy.connections > connections
    assert [(a.outcome, a.allowance.limit) for a in others] == [(Outcome.UNLOCKED, 5)] * 40
    assert (told.outcome, told.is_replayed) == (Outcome.UNLOCKED, True)
    assert await client.xlen(LOG) == 41


async def test_a_process_that_was_itself_held_up_reads_what_the_store_answered(
    redis_url: str, plans: Plans
) -> None:
    async with open_store(redis_url) as store:  # not through the proxy, which is held up as well
        meter = LedgerMeter(store, plans.plan_of)
        await meter.view([view_of(guest())])
        asking = asyncio.create_task(decided(meter, view_of(guest())))
        while store.counts.batches < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)

        time.sleep(0.4)

        assert (await asking).outcome is Outcome.UNLOCKED
    assert store.counts.late == 0


async def test_a_pipeline_that_hangs_holds_up_nobody_else(
    proxy: Proxy, behind: LedgerMeter
) -> None:
    proxy.delay_seconds = 5.0
    [hung] = await views_under_way(behind, proxy, [view_of(guest())])
    proxy.delay_seconds = 0.0

    async with asyncio.timeout(0.9):
        others = [await decided(behind, view_of(guest())) for _ in range(5)]

    assert {answer.outcome for answer in others} == {Outcome.UNLOCKED}
    with pytest.raises(StoreUnavailable):
        await hung


async def test_everybody_in_a_pipeline_whose_reply_is_lost_is_asked_again_and_charged_once(
    proxy: Proxy, behind: LedgerMeter, client: Redis, store: Store, plans: Plans
) -> None:
    proxy.replies_to_cut = 1

    answers = await asyncio.gather(*(decided(behind, view_of(guest())) for _ in range(16)))

    assert [(a.outcome, a.is_replayed) for a in answers] == [(Outcome.UNLOCKED, True)] * 16
    assert behind.store.counts.retried == 16
    assert await client.xlen(LOG) == 16
    assert (await verify_live(store, plans.plan_of)).problems == ()


async def test_a_caller_that_gives_up_while_it_waits_is_never_sent(
    proxy: Proxy, behind: LedgerMeter, client: Redis
) -> None:
    proxy.delay_seconds = 0.1
    under_way = await views_under_way(behind, proxy, [view_of(guest()), view_of(guest())])
    waiting = [asyncio.create_task(decided(behind, view_of(guest()))) for _ in range(5)]
    await asyncio.sleep(0)

    for task in waiting[:4]:
        task.cancel()
    await asyncio.gather(*waiting[:4], return_exceptions=True)
    await asyncio.gather(*under_way, waiting[4])

    assert await client.xlen(LOG) == 3


async def test_who_gave_up_takes_no_place_from_those_who_come(
    proxy_url: str, proxy: Proxy, plans: Plans
) -> None:
    async with open_store(proxy_url, max_waiting=3, timeout_seconds=2.0) as store:
        meter = LedgerMeter(store, plans.plan_of)
        proxy.delay_seconds = 0.1
        under_way = await views_under_way(meter, proxy, [view_of(guest()), view_of(guest())])
        given_up = [asyncio.create_task(decided(meter, view_of(guest()))) for _ in range(3)]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)

        await asyncio.gather(*under_way, *(decided(meter, view_of(guest())) for _ in range(3)))

    assert store.counts.shed == 0


async def test_callers_of_a_forgotten_script_are_all_answered_and_charged_once(
    behind: LedgerMeter, client: Redis, store: Store, plans: Plans
) -> None:
    await client.script_flush()

    answers = await asyncio.gather(
        *(behind.view([view_of(viewer, n) for n in range(6)]) for viewer in [member()] * 20),
        *(behind.allowance(guest()) for _ in range(20)),
    )

    opened = [a for told in answers[:20] if isinstance(told, list) for a in told]
    assert sum(a.is_charged for a in opened if isinstance(a, Decision)) == 5
    assert await client.xlen(LOG) == 120
    assert (await verify_live(store, plans.plan_of)).problems == ()


async def test_who_waits_when_the_store_is_closed_is_told_so(
    proxy_url: str, proxy: Proxy, plans: Plans
) -> None:
    async with open_store(proxy_url) as store:
        meter = LedgerMeter(store, plans.plan_of)
        proxy.delay_seconds = 0.2
        tasks = await views_under_way(meter, proxy, [view_of(guest()) for _ in range(3)])

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
