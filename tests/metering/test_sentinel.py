"""A ledger behind Sentinel: when the master is lost the replica goes on, and what it never got is
told."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from metering.meter import LedgerMeter, system_clock_ms
from metering.safety import check_store
from metering.shards import keys_of
from metering.store import Store, open_store
from metering.verify import verify_live
from schema.errors import StoreUnavailable
from schema.usage import Decision, Outcome, ViewRequest
from tests.faults.configured import Server, free_ports, started, until
from tests.metering.ledgers import Plans, guest, member, view_of

LOG = keys_of(7).log
# Sentinels notice within a second: no test waits for what takes five in earnest.
SWIFT = ("sentinel down-after-milliseconds ledger 600", "sentinel failover-timeout ledger 3000")

# Where nobody is lost: a machine that stalls must not make them turn back to the old master.
PATIENT = ("sentinel down-after-milliseconds ledger 30000", *SWIFT[1:])


@dataclass
class Watched:
    """A master, its replica and three sentinels."""

    master: Server
    replica: Server
    sentinels: list[Server]

    @property
    def url(self) -> str:
        """The URL of the store."""
        named = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{named}/ledger/0"

    async def is_settled(self) -> bool:
        """Whether the replica follows, and every sentinel knows it and the other sentinels."""
        link = (await self.replica.client.info("replication"))["master_link_status"]
        states = [(await s.client.sentinel_masters())["ledger"] for s in self.sentinels]
        return link == "up" and all(
            (state["num-other-sentinels"], state["num-slaves"]) == (2, 1) for state in states
        )

    async def is_taken_over(self) -> bool:
        """Whether the replica is the master now, and all sentinels say so."""
        states = [(await s.client.sentinel_masters())["ledger"] for s in self.sentinels]
        role = (await self.replica.client.info("replication"))["role"]
        return role == "master" and {state["port"] for state in states} == {self.replica.port}


@asynccontextmanager
async def watched_in(folder: Path, options: Sequence[str]) -> AsyncIterator[Watched]:
    """All five, with their data in the folder."""
    ports = free_ports(5)
    master = Server(folder / "master", ports[0], "valkey.conf")
    follow = f"replicaof 127.0.0.1 {ports[0]}"
    replica = Server(folder / "replica", ports[1], "valkey.conf", [follow])
    monitor = f"sentinel monitor ledger 127.0.0.1 {ports[0]} 2"
    sentinels = [
        Server(folder / f"sentinel{port}", port, "sentinel.conf", options, first=monitor)
        for port in ports[2:]
    ]
    async with started([master, replica, *sentinels]):
        watched = Watched(master, replica, sentinels)
        await until(watched.is_settled)
        yield watched


@pytest.fixture
async def watched(request: pytest.FixtureRequest) -> AsyncIterator[Watched]:
    """Swift sentinels, unless a test's parameter is other options."""
    options = getattr(request, "param", SWIFT)
    with tempfile.TemporaryDirectory(prefix="sentinel-") as folder:
        async with watched_in(Path(folder), options) as opened:
            yield opened


@pytest.fixture
async def store(watched: Watched) -> AsyncIterator[Store]:
    # The machine that runs the tests may stall for longer than a page may wait.
    async with open_store(watched.url, timeout_seconds=2.0) as opened:
        yield opened


@pytest.fixture
def meter(store: Store, plans: Plans) -> LedgerMeter:
    return LedgerMeter(store, plans.plan_of)


async def decided(meter: LedgerMeter, request: ViewRequest) -> Decision:
    [answer] = await meter.view([request])
    assert isinstance(answer, Decision)
    return answer


async def test_after_the_master_is_lost_views_go_on_at_the_new_one_with_every_balance(
    watched: Watched, meter: LedgerMeter, store: Store, plans: Plans
) -> None:
    viewer, request = member(), view_of(guest())
    first = await decided(meter, request)
    await meter.view([view_of(viewer, number) for number in range(4)])
    assert await check_store(store) == []
    assert await watched.master.client.wait(1, 5000) == 1

    watched.master.kill()
    with pytest.raises(StoreUnavailable):
        await meter.view([view_of(guest())])
    await until(watched.is_taken_over)
    again = await decided(meter, request)
    answers = await meter.view([view_of(viewer, number) for number in range(4, 7)])

    assert again == first.model_copy(update={"is_replayed": True})
    assert [a.outcome for a in answers if isinstance(a, Decision)] == [
        *[Outcome.UNLOCKED],
        *[Outcome.LIMIT_REACHED] * 2,
    ]
    assert await watched.replica.client.xlen(LOG) == 8
    assert (await verify_live(store, plans.plan_of)).problems == ()


async def test_a_master_lost_under_load_takes_at_most_the_tail_that_its_replica_never_got(
    watched: Watched, meter: LedgerMeter, store: Store, plans: Plans
) -> None:
    acknowledged: list[tuple[int, int]] = []  # milliseconds and seq
    is_over = False

    async def read() -> None:
        while not is_over:
            try:
                answer = await decided(meter, view_of(member()))
                acknowledged.append(instant_and_seq(answer.event_id.rpartition(":")[2]))
            except StoreUnavailable:
                await asyncio.sleep(0.02)

    readers = [asyncio.create_task(read()) for _ in range(20)]
    await until(lambda: len(acknowledged) >= 500)
    watched.master.kill()
    killed_ms, before = system_clock_ms(), len(acknowledged)
    await until(watched.is_taken_over)
    await until(lambda: len(acknowledged) >= before + 500)
    is_over = True
    await asyncio.gather(*readers)

    log = await watched.replica.client.xrange(LOG)
    kept = [instant_and_seq(stream_id) for stream_id, _ in log]
    lost = sorted(set(acknowledged) - set(kept))
    last_seq = max(seq for at_ms, seq in kept if at_ms <= killed_ms)
    assert (await verify_live(store, plans.plan_of)).problems == ()
    assert all(at_ms <= killed_ms and seq > last_seq for at_ms, seq in lost)


def instant_and_seq(stream_id: str) -> tuple[int, int]:
    at_ms, seq = stream_id.split("-")
    return int(at_ms), int(seq)


@pytest.mark.parametrize("watched", [PATIENT], indirect=True, ids=["patient"])
async def test_a_master_that_hands_over_is_left_for_the_new_one_and_nothing_is_lost(
    watched: Watched, meter: LedgerMeter, store: Store
) -> None:
    """COORDINATED, of Valkey 9: without it the old master acknowledges views for a while that the
    new one never gets."""
    await decided(meter, view_of(guest()))
    await watched.sentinels[0].client.execute_command("SENTINEL FAILOVER", "ledger", "COORDINATED")
    await until(watched.is_taken_over)

    await decided(meter, view_of(guest()))

    assert await watched.replica.client.xlen(LOG) == 2
    assert await (await store.of(7)).xlen(LOG) == 2


async def test_a_sentinel_that_was_late_while_two_asked_at_once_is_asked_again(
    watched: Watched, store: Store, meter: LedgerMeter
) -> None:
    late, *others = watched.sentinels
    assert late.process is not None
    late.process.send_signal(signal.SIGSTOP)
    await asyncio.gather(meter.view([view_of(guest())]), store.ping())
    late.process.send_signal(signal.SIGCONT)
    for sentinel in others:
        sentinel.kill()

    [client] = await store.primaries()
    await client.connection_pool.disconnect()

    await until(lambda: is_there(store), seconds=10)


async def is_there(store: Store) -> bool:
    with suppress(StoreUnavailable):
        await store.ping()
        return True
    return False


async def test_no_sentinel_and_no_master_are_an_absent_store(plans: Plans) -> None:
    async with open_store("redis+sentinel://127.0.0.1:1,127.0.0.1:2/ledger/0") as store:
        with pytest.raises(StoreUnavailable, match="MasterNotFoundError"):
            await LedgerMeter(store, plans.plan_of).view([view_of(guest())])
        with pytest.raises(StoreUnavailable, match="MasterNotFoundError"):
            await check_store(store)
