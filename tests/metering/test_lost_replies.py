"""A store that is slow, cut off, killed or started anew: every view happens once or not at all."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from redis.asyncio import Redis

from metering.meter import LedgerMeter, open_ledger, system_clock_ms
from metering.shards import keys_of
from metering.store import Store
from metering.verify import verify_live
from schema.errors import StoreUnavailable
from schema.usage import Decision, Outcome, Redirect
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.valkey import valkey_in
from tests.metering.ledgers import ADMISSION, Plans, guest, member, view_of


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(Path(unquote(urlsplit(redis_url).path))) as opened:
        yield opened


@pytest.fixture
async def behind(proxy: Proxy, redis_url: str, plans: Plans) -> AsyncIterator[LedgerMeter]:
    """A meter that reaches the store through the proxy, as configured for real."""
    database = parse_qs(urlsplit(redis_url).query)["db"][0]
    url = f"redis://127.0.0.1:{proxy.port}/{database}"
    async with open_ledger(url, plans.plan_of) as opened:
        # The first view opens the connection and loads the script.
        await opened.view([view_of(guest(shard=0))])
        yield opened


async def test_a_lost_reply_is_asked_for_again_and_charged_once(
    proxy: Proxy, behind: LedgerMeter, store: Store, client: Redis, plans: Plans
) -> None:
    viewer = member()
    proxy.replies_to_cut = 1

    answers = await behind.view([view_of(viewer, number) for number in range(8)])

    assert [a.outcome for a in answers if isinstance(a, Decision)] == [
        *[Outcome.UNLOCKED] * 5,
        *[Outcome.LIMIT_REACHED] * 3,
    ]
    assert all(isinstance(a, Decision) and a.is_replayed for a in answers)
    assert await client.xlen(keys_of(7).log) == 8
    assert (await verify_live(store, plans.plan_of)).problems == ()


async def test_a_reply_lost_twice_is_an_absent_store_and_still_one_event(
    proxy: Proxy, behind: LedgerMeter, client: Redis
) -> None:
    request = view_of(guest())
    proxy.replies_to_cut = 2

    with pytest.raises(StoreUnavailable, match="valkey is unavailable"):
        await behind.view([request])
    [told] = await behind.view([request])

    assert isinstance(told, Decision)
    assert (told.outcome, told.is_replayed) == (Outcome.UNLOCKED, True)
    assert await client.xlen(keys_of(7).log) == 1


async def test_the_stores_clock_is_told_whatever_the_machines_own_says(
    store: Store, plans: Plans
) -> None:
    meter = LedgerMeter(store, plans.plan_of, clock_ms=lambda: 0)
    before_ms = system_clock_ms()

    told_ms = await meter.now_ms()

    assert before_ms - 1 <= told_ms <= system_clock_ms() + 1


async def test_a_server_a_whole_period_behind_its_store_still_admits_guests(
    store: Store, plans: Plans
) -> None:
    behind_ms = ADMISSION.period_ms
    meter = LedgerMeter(store, plans.plan_of, clock_ms=lambda: system_clock_ms() - behind_ms)
    network = "n" * 22
    own = ADMISSION.period_at(system_clock_ms() - behind_ms)
    stores = ADMISSION.period_at(await meter.now_ms())

    answers = await meter.view([view_of(guest(network, period=period)) for period in (own, stores)])

    assert answers[0] is Redirect.NETWORK_EXPIRED
    assert isinstance(answers[1], Decision)
    assert answers[1].outcome is Outcome.UNLOCKED


async def test_the_clock_of_an_absent_store_is_unavailable(plans: Plans) -> None:
    async with open_ledger("unix:///nowhere/to/be/found", plans.plan_of) as meter:
        with pytest.raises(StoreUnavailable):
            await meter.now_ms()


async def test_a_slow_store_is_absent_after_a_quarter_of_a_second(
    proxy: Proxy, behind: LedgerMeter
) -> None:
    proxy.delay_seconds = 5.0
    clock = asyncio.get_running_loop().time
    began = clock()

    with pytest.raises(StoreUnavailable):
        await behind.view([view_of(guest())])

    assert 0.24 < clock() - began < 0.75
    proxy.delay_seconds = 0.0
    assert await behind.allowance(guest())


async def test_a_caller_that_gives_up_leaves_no_answer_for_the_next(
    proxy: Proxy, behind: LedgerMeter
) -> None:
    proxy.delay_seconds = 0.1
    views = [asyncio.create_task(behind.view([view_of(guest(), n)])) for n in range(16)]
    await asyncio.sleep(0.05)
    for view in views:
        view.cancel()
    await asyncio.gather(*views, return_exceptions=True)
    proxy.delay_seconds = 0.0

    for number in range(32):
        viewer = member()
        [answer] = await behind.view([view_of(viewer, number)])
        assert isinstance(answer, Decision)
        assert (answer.outcome, answer.allowance.used) == (Outcome.UNLOCKED, 1)


async def test_a_script_the_store_has_forgotten_is_taught_again(
    meter: LedgerMeter, client: Redis
) -> None:
    viewer = member()
    await client.script_flush()

    answers = await meter.view([view_of(viewer, number) for number in range(6)])

    assert [a.outcome for a in answers if isinstance(a, Decision)] == [
        *[Outcome.UNLOCKED] * 5,
        Outcome.LIMIT_REACHED,
    ]
    assert await client.xlen(keys_of(7).log) == 6


async def test_a_script_refuses_a_strange_argument_before_it_writes(
    meter: LedgerMeter, client: Redis
) -> None:
    with pytest.raises(ValueError, match="request id"):
        await meter.view([view_of(guest(), 1, request_id="too short")])

    assert await client.keys("*") == []


async def test_a_ledger_of_a_later_format_is_left_alone(meter: LedgerMeter, client: Redis) -> None:
    await client.hset(keys_of(7).head, "format", "2")

    with pytest.raises(ValueError, match="format 2"):
        await meter.view([view_of(guest())])

    assert await client.keys("*") == [keys_of(7).head]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as path:
        yield Path(path)


async def test_a_killed_store_is_absent_and_heals_with_nothing_lost(
    folder: Path, plans: Plans
) -> None:
    answered: list[Decision] = []
    async with open_ledger(f"unix://{folder}/s", plans.plan_of) as meter:

        async def view(number: int) -> None:
            try:
                [answer] = await meter.view([view_of(member(shard=number % 64), number)])
            except StoreUnavailable:
                return
            assert isinstance(answer, Decision)
            answered.append(answer)

        async with valkey_in(folder) as valkey:
            views = [asyncio.create_task(view(number)) for number in range(5000)]
            while len(answered) < 100:
                await asyncio.sleep(0.001)
            valkey.send_signal(signal.SIGKILL)
            await asyncio.gather(*views)
        assert 100 <= len(answered) < 5000
        with pytest.raises(StoreUnavailable):
            await meter.view([view_of(guest())])

        async with valkey_in(folder):
            [healed] = await meter.view([view_of(guest())])
            report = await verify_live(meter.store, plans.plan_of)
            logged = [
                f"{shard}:1:{stream_id}"
                for shard in range(64)
                for stream_id, _ in await (await meter.store.of(shard)).xrange(keys_of(shard).log)
            ]

    assert isinstance(healed, Decision)
    assert report.problems == ()
    assert {answer.event_id for answer in answered} <= set(logged)
