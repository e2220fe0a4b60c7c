"""A ledger on three nodes: exact whatever moves, and a lost node takes only its own shards away."""

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis.crc import key_slot
from redis.exceptions import MovedError

from metering.meter import LedgerMeter
from metering.safety import check_store
from metering.shards import TAGS, keys_of
from metering.store import Store, open_store
from metering.verify import verify_live
from schema.errors import StoreUnavailable, UnsafeStore
from schema.usage import Decision, Outcome, ViewRequest
from tests.faults.cluster import TestCluster, cluster_in
from tests.faults.configured import Server, until
from tests.metering.ledgers import Plans, guest, member, view_of

SLOT = key_slot(TAGS[7].encode())
NODE_OF_7 = 0
"""The node of the first third of the slots."""


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[TestCluster]:
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        # A lost node is noticed fast: no test waits for what takes five seconds in earnest.
        async with cluster_in(Path(folder), "cluster-node-timeout 1000") as cluster:
            yield cluster


@pytest.fixture
async def cluster(running: TestCluster) -> TestCluster:
    """The three nodes, empty and whole."""
    for node in running.nodes:
        await node.client.flushall()
    return running


@pytest.fixture
async def store(cluster: TestCluster) -> AsyncIterator[Store]:
    # The machine that runs the tests may stall for longer than a page may wait.
    async with open_store(cluster.url, timeout_seconds=2.0) as opened:
        yield opened


@pytest.fixture
def meter(store: Store, plans: Plans) -> LedgerMeter:
    return LedgerMeter(store, plans.plan_of)


async def events_in(store: Store) -> int:
    """Events in the logs of all shards, wherever they are."""
    return sum([await log_length(store, shard) for shard in range(64)])


async def log_length(store: Store, shard: int) -> int:
    """Events of one shard, by a plain client that may be sent elsewhere once."""
    try:
        return await (await store.of(shard)).xlen(keys_of(shard).log)
    except MovedError:
        return await (await store.of(shard)).xlen(keys_of(shard).log)


async def decided(meter: LedgerMeter, request: ViewRequest) -> Decision:
    [answer] = await meter.view([request])
    assert isinstance(answer, Decision)
    return answer


async def at_once(
    callers: int, requests: list[ViewRequest], ask: Callable[[ViewRequest], Awaitable[object]]
) -> None:
    """Ask everything, that many callers at a time."""
    waiting = iter(requests)

    async def caller() -> None:
        for request in waiting:
            await ask(request)

    await asyncio.gather(*(caller() for _ in range(callers)))


async def calls_give_as_many_events(meter: LedgerMeter, plans: Plans, calls: int) -> None:
    guests = [guest(shard=number % 64) for number in range(calls // 10)]
    members = [member(shard=number % 64) for number in range(calls // 50)]
    requests = [view_of(guests[n % len(guests)], n // len(guests)) for n in range(calls // 2)]
    requests += [view_of(members[n % len(members)], n // len(members)) for n in range(calls // 2)]
    unlocked: Counter[str] = Counter()

    async def ask(request: ViewRequest) -> None:
        answer = await decided(meter, request)
        unlocked[request.viewer.id] += answer.is_charged

    await at_once(256, requests, ask)

    assert await events_in(meter.store) == calls
    assert {unlocked[viewer.id] for viewer in guests} == {1}
    assert {unlocked[viewer.id] for viewer in members} == {5}
    assert (await verify_live(meter.store, plans.plan_of)).problems == ()


async def test_5000_calls_give_5000_events_and_nobody_a_page_too_many(
    meter: LedgerMeter, plans: Plans
) -> None:
    await calls_give_as_many_events(meter, plans, 5_000)


@pytest.mark.slow
async def test_50000_calls_give_50000_events_and_nobody_a_page_too_many(
    meter: LedgerMeter, plans: Plans
) -> None:
    await calls_give_as_many_events(meter, plans, 50_000)


async def test_each_node_gets_the_calls_of_its_own_shards_in_two_pipelines_of_its_own(
    cluster: TestCluster, meter: LedgerMeter
) -> None:
    await asyncio.gather(*(decided(meter, view_of(guest(shard=shard))) for shard in range(64)))
    logs = [await node.client.keys("*:log") for node in cluster.nodes]

    assert [len(names) for names in logs] == [21, 22, 21]
    assert meter.store.counts.batches == 6


async def test_a_script_the_nodes_have_never_seen_is_taught_to_each(
    cluster: TestCluster, meter: LedgerMeter, store: Store
) -> None:
    for node in cluster.nodes:
        await node.client.script_flush()

    await meter.view([view_of(guest(shard=shard)) for shard in range(64)])

    assert await events_in(store) == 64


async def move(cluster: TestCluster, slot: int, to: int) -> None:
    """Give the slot to another node as resharding does."""
    source, target = await cluster.owner_of(slot), cluster.nodes[to]
    await cluster.begin_move(slot, source, target)
    await cluster.end_move(slot, source, target)


@pytest.fixture
async def moved_back(cluster: TestCluster) -> AsyncIterator[None]:
    """After the test the slot of shard 7 is where it was."""
    yield
    owner = await cluster.owner_of(SLOT)
    if owner is not cluster.nodes[NODE_OF_7]:
        await move(cluster, SLOT, NODE_OF_7)


@pytest.mark.usefixtures("moved_back")
async def test_a_shard_that_has_moved_is_followed_with_its_balances(
    cluster: TestCluster, meter: LedgerMeter, store: Store, plans: Plans
) -> None:
    viewer, request = member(), view_of(guest())
    first = await decided(meter, request)
    await meter.view([view_of(viewer, number) for number in range(4)])
    await move(cluster, SLOT, 2)

    again = await decided(meter, request)
    answers = await meter.view([view_of(viewer, number) for number in range(4, 7)])

    assert again == first.model_copy(update={"is_replayed": True})
    assert [a.outcome for a in answers if isinstance(a, Decision)] == [
        *[Outcome.UNLOCKED],
        *[Outcome.LIMIT_REACHED] * 2,
    ]
    assert await cluster.nodes[2].client.xlen(keys_of(7).log) == 8
    assert (await verify_live(store, plans.plan_of)).problems == ()


@pytest.mark.usefixtures("moved_back")
async def test_after_a_plain_client_was_sent_elsewhere_the_next_one_is_the_new_owners(
    cluster: TestCluster, store: Store
) -> None:
    before = await store.of(7)
    await before.ping()
    await move(cluster, SLOT, 1)

    with pytest.raises(MovedError):
        await before.xlen(keys_of(7).log)

    assert await (await store.of(7)).xlen(keys_of(7).log) == 0
    assert len(await store.primaries()) == 3


@pytest.mark.usefixtures("moved_back")
async def test_a_shard_moved_back_and_forth_while_calls_run_loses_and_doubles_nothing(
    cluster: TestCluster, meter: LedgerMeter, store: Store, plans: Plans
) -> None:
    viewers = [member() for _ in range(100)]
    requests = [view_of(viewer, number) for number in range(20) for viewer in viewers]
    unlocked: Counter[str] = Counter()
    is_moving = True

    async def ask(request: ViewRequest) -> None:
        """Until it is answered, always under the same id, as a client would."""
        while True:
            try:
                answer = await decided(meter, request)
            except StoreUnavailable:
                assert not moving.done(), moving.result()
                await asyncio.sleep(0.05)
                continue
            unlocked[request.viewer.id] += answer.is_charged
            return

    async def keep_moving() -> None:
        target = 1
        while is_moving:
            await move(cluster, SLOT, target)
            target = (target + 1) % 3
            await asyncio.sleep(0.05)

    moving = asyncio.create_task(keep_moving())
    await at_once(50, requests, ask)
    is_moving = False
    await moving

    assert await log_length(store, 7) == 2000
    assert {unlocked[viewer.id] for viewer in viewers} == {5}
    assert (await verify_live(store, plans.plan_of)).problems == ()


@pytest.mark.usefixtures("moved_back")
async def test_a_shard_that_the_servers_move_themselves_is_never_away(
    cluster: TestCluster, meter: LedgerMeter, store: Store, plans: Plans
) -> None:
    """CLUSTER MIGRATESLOTS of Valkey 9: calls wait for a moment, then follow."""
    source, target = cluster.nodes[NODE_OF_7], cluster.nodes[1]
    moving = asyncio.create_task(cluster.hand_over(SLOT, source, target))

    async def caller() -> int:
        """Asks until the slot has moved, and five times more; how often that was."""
        asked, left = 0, 5
        while left:
            left -= moving.done()
            await decided(meter, view_of(member()))
            asked += 1
        return asked

    asked = sum(await asyncio.gather(*(caller() for _ in range(20))))
    await moving

    assert asked > 20 * 5
    assert await target.client.xlen(keys_of(7).log) == asked
    assert (await verify_live(store, plans.plan_of)).problems == ()


@pytest.mark.usefixtures("moved_back")
async def test_a_shard_that_is_about_to_move_is_asked_at_the_node_that_gets_it(
    cluster: TestCluster, meter: LedgerMeter, store: Store
) -> None:
    """ASK: the receipt is found there already; a new view has to wait for the slot."""
    viewer = member()
    request = view_of(viewer)
    first = await decided(meter, request)
    # So many repeats that one is counted: then every key that a view asks for is there.
    await meter.view([view_of(viewer) for _ in range(21)])
    source, target = cluster.nodes[NODE_OF_7], cluster.nodes[1]
    await target.client.script_flush()
    keys = await cluster.begin_move(SLOT, source, target)

    again = await decided(meter, request)
    with pytest.raises(StoreUnavailable, match="TryAgainError"):
        await meter.view([view_of(member())])
    await cluster.end_move(SLOT, source, target)
    await decided(meter, view_of(member()))

    # The log, its head, the viewer, its flood, who waits, and the receipts of 22 views.
    assert len(keys) == 27
    assert again == first.model_copy(update={"is_replayed": True})
    assert await log_length(store, 7) == 22


async def started_again(cluster: TestCluster, node: Server) -> None:
    if node.process is None or node.process.poll() is not None:
        await node.start()
    await until(cluster.is_whole)


async def test_a_lost_node_takes_its_own_shards_away_and_no_others_until_it_is_back(
    cluster: TestCluster, meter: LedgerMeter, store: Store, plans: Plans
) -> None:
    requests = {shard: view_of(guest(shard=shard)) for shard in range(64)}
    await meter.view(list(requests.values()))
    cluster.nodes[NODE_OF_7].kill()
    try:
        answers = await asyncio.gather(
            *(meter.view([view_of(guest(shard=shard))]) for shard in range(64)),
            return_exceptions=True,
        )
        with pytest.raises(StoreUnavailable):
            await store.ping()
        with pytest.raises(StoreUnavailable):
            await verify_live(store, plans.plan_of)
        assert await meter.now_ms() > 0
    finally:
        await started_again(cluster, cluster.nodes[NODE_OF_7])
    healed = await decided(meter, requests[7])

    assert Counter(type(answer) for answer in answers) == {StoreUnavailable: 21, list: 43}
    assert healed.is_replayed
    assert await events_in(store) == 64 + 43
    assert (await verify_live(store, plans.plan_of)).problems == ()


async def test_a_node_that_hangs_takes_its_own_shards_away_and_no_others(
    cluster: TestCluster, plans: Plans
) -> None:
    process = cluster.nodes[NODE_OF_7].process
    assert process is not None
    async with open_store(cluster.url, timeout_seconds=1.0) as store:
        meter = LedgerMeter(store, plans.plan_of)
        requests = [view_of(guest(shard=shard)) for shard in range(64)]
        await meter.view(requests)
        process.send_signal(signal.SIGSTOP)
        try:
            answers = await asyncio.gather(
                *(meter.view([view_of(guest(shard=shard))]) for shard in range(64)),
                return_exceptions=True,
            )
        finally:
            process.send_signal(signal.SIGCONT)
        again = [await decided(meter, request) for request in requests]

        assert Counter(type(answer) for answer in answers) == {StoreUnavailable: 21, list: 43}
        assert (store.counts.late, store.counts.retried) == (21, 0)
        assert all(answer.is_replayed for answer in again)
        assert (await verify_live(store, plans.plan_of)).problems == ()


async def test_a_whole_cluster_of_the_documented_files_is_safe(store: Store) -> None:
    assert await check_store(store) == []


async def test_every_primary_is_checked(cluster: TestCluster, store: Store) -> None:
    await cluster.nodes[2].client.config_set("appendfsync", "everysec")
    try:
        with pytest.raises(UnsafeStore, match="appendfsync everysec"):
            await check_store(store)
    finally:
        await cluster.nodes[2].client.config_set("appendfsync", "always")


async def test_a_cluster_with_slots_that_nobody_owns_is_refused(
    cluster: TestCluster, store: Store
) -> None:
    for node in cluster.nodes:
        await node.client.execute_command("CLUSTER DELSLOTS", 16383)
    try:
        with pytest.raises(UnsafeStore) as refused:
            await check_store(store)
    finally:
        await cluster.nodes[2].client.execute_command("CLUSTER ADDSLOTS", 16383)
        await until(cluster.is_whole)

    assert str(refused.value) == (
        "The Cluster serves 16383 of its 16384 slots: bring back the node that is lost, or give "
        "its slots to another."
    )


async def test_one_node_of_a_cluster_alone_is_no_store(cluster: TestCluster) -> None:
    async with open_store(f"redis://127.0.0.1:{cluster.nodes[0].port}/0") as store:
        with pytest.raises(UnsafeStore) as refused:
            await check_store(store)

    assert str(refused.value) == (
        "The store is one node of a Cluster of 3: name it by a URL of redis+cluster:// instead."
    )


async def test_an_absent_cluster_is_unavailable(plans: Plans) -> None:
    async with open_store("redis+cluster://127.0.0.1:1,127.0.0.1:2") as store:
        with pytest.raises(StoreUnavailable, match="no node tells who owns which slot"):
            await LedgerMeter(store, plans.plan_of).view([view_of(guest())])
