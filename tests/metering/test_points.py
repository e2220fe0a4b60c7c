"""Points are taken and come back exactly as a bucket says, by one clock, whoever asks."""

import asyncio

import pytest
from redis.asyncio import Redis

from metering.calls import script
from metering.points import Bucket, Points
from metering.shards import TAGS, keys_of
from metering.store import Store, open_store
from schema.errors import StoreUnavailable
from tests.sim.store import Store as SimulatedStore

SLOW = Bucket(capacity=500, per_second=1)
WHO = "g" + "a" * 22


class Clocked:
    """The script on a store whose clock a test sets, in milliseconds."""

    def __init__(self, capacity: int, per_second: int) -> None:
        self.now_ms = 1_000_000
        self._store = SimulatedStore(lambda: self.now_ms * 1000)
        self._store.execute(["SCRIPT", "LOAD", script("points").text])
        self._words = ["EVALSHA", script("points").digest, "1", "bucket"]
        self._words += [str(capacity), str(per_second)]

    def spend(self, points: int) -> list[int]:
        """Whether they were there, how many are left, and the wait in milliseconds."""
        return self._store.execute([*self._words, str(points)])

    def is_kept(self) -> bool:
        return bool(self._store.execute(["EXISTS", "bucket"]))


def test_a_bucket_gives_what_it_holds_and_no_more() -> None:
    bucket = Clocked(capacity=500, per_second=5)

    assert bucket.spend(0) == [1, 500, 0]
    assert bucket.spend(200) == [1, 300, 40_000]
    assert bucket.spend(300) == [1, 0, 100_000]
    assert bucket.spend(1) == [0, 0, 200]


def test_a_refusal_takes_nothing_and_says_when_the_points_are_there() -> None:
    bucket = Clocked(capacity=500, per_second=5)
    bucket.spend(450)

    assert [bucket.spend(60) for _ in range(20)] == [[0, 50, 2_000]] * 20
    bucket.now_ms += 1_999
    assert bucket.spend(60) == [0, 59, 1]
    bucket.now_ms += 1
    assert bucket.spend(60) == [1, 0, 100_000]


def test_points_come_back_evenly_and_never_beyond_the_brim() -> None:
    bucket = Clocked(capacity=10, per_second=3)
    bucket.spend(10)

    bucket.now_ms += 1_000
    assert bucket.spend(0) == [1, 3, 2_334]
    bucket.now_ms += 1_000_000
    assert bucket.spend(0) == [1, 10, 0]
    assert bucket.spend(11) == [0, 10, 334]


def test_looking_takes_nothing_and_keeps_nothing() -> None:
    bucket = Clocked(capacity=10, per_second=3)

    assert [bucket.spend(0) for _ in range(3)] == [[1, 10, 0]] * 3
    assert not bucket.is_kept()


def test_points_that_are_given_back_are_there_again_and_never_beyond_the_brim() -> None:
    bucket = Clocked(capacity=10, per_second=1)
    bucket.spend(8)

    assert bucket.spend(-3) == [1, 5, 5_000]
    bucket.now_ms += 2_000
    assert bucket.spend(-8) == [1, 10, 0]
    assert not bucket.is_kept()
    assert bucket.spend(11) == [0, 10, 1_000]


def test_a_full_bucket_is_forgotten() -> None:
    bucket = Clocked(capacity=10, per_second=10)
    bucket.spend(5)

    bucket.now_ms += 499
    assert bucket.is_kept()
    bucket.now_ms += 1
    assert not bucket.is_kept()


@pytest.mark.parametrize("step_ms", [1, 999, 86_400_000])
def test_a_clock_that_steps_back_gives_nothing_free_and_locks_nobody_out(step_ms: int) -> None:
    bucket = Clocked(capacity=10, per_second=1)
    bucket.now_ms += 100_000_000
    bucket.spend(10)

    bucket.now_ms -= step_ms

    assert bucket.spend(1) == [0, 0, 1_000]
    bucket.now_ms += 10_000
    assert bucket.spend(10) == [1, 0, 10_000]


async def test_two_hundred_callers_of_two_servers_share_one_bucket(
    redis_url: str, client: Redis
) -> None:
    async with (
        open_store(redis_url, timeout_seconds=5) as one,
        open_store(redis_url, timeout_seconds=5) as other,
    ):
        servers = (Points(one), Points(other))

        told = await asyncio.gather(*(servers[at % 2].spend(SLOW, WHO, 50) for at in range(200)))

    assert [reading.is_spent for reading in told].count(True) == 10
    [key] = [key async for key in client.scan_iter("{m*}:g:*")]
    assert key == keys_of(TAGS.index(key[1:6])).tries(key.rpartition(":")[2])


async def test_buckets_of_different_people_are_apart(store: Store) -> None:
    points = Points(store)

    await points.spend(SLOW, WHO, 500)

    assert (await points.spend(SLOW, WHO, 1)).is_spent is False
    assert (await points.spend(SLOW, "somebody else", 500)).is_spent is True


@pytest.mark.parametrize("bucket", [Bucket(0, 1), Bucket(1, 0), Bucket(-1, 1)])
async def test_a_bucket_that_is_none_is_refused(
    store: Store, bucket: Bucket, client: Redis
) -> None:
    with pytest.raises(ValueError, match="ARGUMENT"):
        await Points(store).spend(bucket, WHO, 1)

    assert [key async for key in client.scan_iter("{m*}:g:*")] == []


async def test_without_the_store_nothing_is_said(redis_url: str) -> None:
    async with open_store("redis://127.0.0.1:1", timeout_seconds=0.2) as nowhere:
        with pytest.raises(StoreUnavailable):
            await Points(nowhere).spend(SLOW, WHO, 1)
