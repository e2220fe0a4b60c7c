"""Tries are let through exactly as a rate says, by one clock, whoever asks and how many at once."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from redis.asyncio import Redis

from db.pool import Database
from metering.calls import script
from metering.meter import LedgerMeter
from metering.rates import Rate, Rates
from metering.rebuild import rebuild
from metering.shards import TAGS, keys_of
from metering.store import Store, open_store
from metering.verify import verify_live
from schema.errors import StoreUnavailable
from tests.faults.cluster import cluster_in
from tests.faults.proxy import proxy_to
from tests.metering.acts import erase
from tests.metering.ledgers import Plans, member, view_of
from tests.sim.store import Store as SimulatedStore

HOURLY = Rate("log in", burst=3, per_seconds=3600)
"""Far apart, so that no test waits for a try and none comes while a test runs."""
WHO = "somebody@codestile.example"


@pytest.fixture
def rates(store: Store) -> Rates:
    return Rates(store)


async def tries_in(client: Redis) -> list[str]:
    """The keys of all tries, of any shard."""
    return sorted([key async for key in client.scan_iter("{m*}:g:*")])


class Clocked:
    """The script on a store whose clock a test sets, in milliseconds."""

    def __init__(self, burst: int, each_ms: int) -> None:
        self.now_ms = 1_000_000
        self._store = SimulatedStore(lambda: self.now_ms * 1000)
        self._store.execute(["SCRIPT", "LOAD", script("rate").text])
        self._words = ["EVALSHA", script("rate").digest, "1", "tries", str(burst), str(each_ms)]

    def spend(self, times: int = 1) -> list[int]:
        """The waits, in milliseconds, of as many tries at the present instant."""
        return [self._store.execute(self._words) for _ in range(times)]

    def is_kept(self) -> bool:
        """Whether anything is known of the tries."""
        return bool(self._store.execute(["EXISTS", "tries"]))


async def test_two_hundred_callers_of_two_servers_share_one_burst(
    redis_url: str, client: Redis
) -> None:
    rate = Rate("register", burst=20, per_seconds=3600)
    async with (
        open_store(redis_url, timeout_seconds=5) as one,
        open_store(redis_url, timeout_seconds=5) as other,
    ):
        servers = (Rates(one), Rates(other))

        waits = await asyncio.gather(*(servers[at % 2].spend(rate, WHO) for at in range(200)))

    assert waits.count(None) == 20
    assert {wait for wait in waits if wait is not None} <= set(range(3590, 3601))
    assert len(await tries_in(client)) == 1


def test_tries_come_back_one_by_one() -> None:
    tries = Clocked(burst=3, each_ms=1000)

    assert tries.spend(4) == [0, 0, 0, 1000]
    tries.now_ms += 999
    assert tries.spend() == [1]
    tries.now_ms += 1
    assert tries.spend(2) == [0, 1000]
    tries.now_ms += 2500
    assert tries.spend(3) == [0, 0, 500]
    tries.now_ms += 3500
    assert tries.spend(4) == [0, 0, 0, 1000]


def test_a_refusal_spends_nothing() -> None:
    tries = Clocked(burst=2, each_ms=1000)

    assert tries.spend(52) == [0, 0] + [1000] * 50
    tries.now_ms += 1000
    assert tries.spend() == [0]


@pytest.mark.parametrize("step_ms", [1, 999, 10_000, 86_400_000])
def test_a_clock_that_steps_back_gives_nothing_free_and_locks_nobody_out(step_ms: int) -> None:
    tries = Clocked(burst=3, each_ms=1000)
    tries.now_ms += 100_000_000
    assert tries.spend(3) == [0, 0, 0]

    tries.now_ms -= step_ms

    assert tries.spend() == [1000]
    tries.now_ms += 1000
    assert tries.spend(2) == [0, 1000]
    tries.now_ms += 3000
    assert tries.spend(4) == [0, 0, 0, 1000]


def test_what_is_paid_for_is_forgotten() -> None:
    tries = Clocked(burst=3, each_ms=1000)
    tries.spend(2)

    tries.now_ms += 1999
    assert tries.is_kept()
    tries.now_ms += 1
    assert not tries.is_kept()


async def test_a_key_is_a_digest_that_expires_when_the_burst_is_whole_again(
    rates: Rates, client: Redis
) -> None:
    await rates.spend(HOURLY, WHO)
    await rates.spend(HOURLY, WHO)

    [key] = await tries_in(client)
    shard, digest = TAGS.index(key[1:6]), key.removeprefix(f"{key[:7]}:g:")
    assert key == keys_of(shard).tries(digest)
    assert (len(digest), await client.type(key)) == (22, "string")
    assert 7_190_000 < await client.pttl(key) <= 7_200_000


async def test_a_key_that_is_worth_nothing_vanishes(rates: Rates, client: Redis) -> None:
    assert await rates.spend(Rate("log in", burst=1, per_seconds=0.05), WHO) is None

    async with asyncio.timeout(20):
        while await tries_in(client):
            await asyncio.sleep(0.02)


async def test_names_and_people_count_apart(rates: Rates) -> None:
    single = Rate("log in", burst=1, per_seconds=3600)
    other = Rate("reset", burst=1, per_seconds=3600)

    waits = [await rates.spend(rate, who) for rate in (single, other) for who in ("a", "b", "a")]

    assert [wait is None for wait in waits] == [True, True, False] * 2


async def test_waits_are_whole_seconds_and_never_none_of_them(rates: Rates) -> None:
    rate = Rate("log in", burst=1, per_seconds=0.9)

    waits = await asyncio.gather(*(rates.spend(rate, WHO) for _ in range(3)))

    assert sorted(waits, key=str) == [1, 1, None]


@pytest.mark.parametrize(("burst", "per_seconds"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0)])
async def test_a_rate_that_is_none_is_refused(
    rates: Rates, client: Redis, burst: int, per_seconds: float
) -> None:
    with pytest.raises(ValueError, match=r"ARGUMENT (burst|milliseconds)"):
        await rates.spend(Rate("log in", burst, per_seconds), WHO)

    assert await tries_in(client) == []


async def test_proof_erasure_and_rebuilding_leave_tries_alone(
    rates: Rates,
    meter: LedgerMeter,
    database: Database,
    client: Redis,
    plans: Plans,
) -> None:
    reader = member()
    await meter.view([view_of(reader, 1)])
    people = [f"{number}" for number in range(200)]
    await asyncio.gather(*(rates.spend(HOURLY, who) for who in people))
    before = {key: await client.get(key) for key in await tries_in(client)}

    report = await verify_live(meter.store, plans.plan_of)
    await meter.perform(erase(reader))
    await rebuild(meter.store, database, range(64), "test", is_forced=True)

    assert (report.events, report.problems) == (1, ())
    assert len(before) == 200
    assert {key: await client.get(key) for key in await tries_in(client)} == before
    assert (await verify_live(meter.store, plans.plan_of)).problems == ()


async def test_tries_of_another_type_are_found_by_the_proof(
    store: Store, client: Redis, plans: Plans
) -> None:
    key = keys_of(7).tries("d" * 22)
    await client.hset(key, "a", "b")

    report = await verify_live(store, plans.plan_of)

    assert [problem.first for problem in report.problems] == [f"key {key}: is a hash, not a string"]


async def test_an_absent_store_is_told() -> None:
    with tempfile.TemporaryDirectory(prefix="rates-") as folder:
        async with open_store(f"unix://{folder}/nobody") as store:
            with pytest.raises(StoreUnavailable):
                await Rates(store).spend(HOURLY, WHO)


async def test_a_lost_reply_may_spend_two(redis_url: str) -> None:
    """Told in the docstring: a try that somebody may make is worth no receipt."""
    database = parse_qs(urlsplit(redis_url).query)["db"][0]
    async with (
        proxy_to(Path(unquote(urlsplit(redis_url).path))) as proxy,
        open_store(f"redis://127.0.0.1:{proxy.port}/{database}", timeout_seconds=5) as store,
    ):
        rates = Rates(store)
        await rates.spend(HOURLY, "somebody else")
        proxy.replies_to_cut = 1

        waits = [await rates.spend(HOURLY, WHO) for _ in range(3)]

    assert [wait is None for wait in waits] == [True, True, False]


@pytest.fixture(scope="module")
async def cluster_url() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="rates-") as folder:
        async with cluster_in(Path(folder)) as cluster:
            yield cluster.url


async def test_a_cluster_keeps_the_same_counts(cluster_url: str) -> None:
    async with open_store(cluster_url, timeout_seconds=5) as store:
        rates = Rates(store)
        people = [f"{number}" for number in range(50)] * 5

        waits = await asyncio.gather(*(rates.spend(HOURLY, who) for who in people))

    assert waits.count(None) == 150
