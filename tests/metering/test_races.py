"""Two processes, a thousand views each, all at once: as exact as one after the other."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from metering.shards import keys_of
from metering.store import Store
from metering.verify import verify_live
from schema.usage import Decision, Redirect, ViewRequest
from tests.metering.contender import ANSWERS, REQUESTS, seeded_plans
from tests.metering.ledgers import guest, member, recorded_views, token, view_of

MANY = 1000


async def contend(url: str, *shares: Sequence[ViewRequest]) -> list[Decision | Redirect]:
    """The answers to all shares, one process each, in the order of the shares."""
    processes = [await _contender(url) for _ in shares]
    for process, share in zip(processes, shares, strict=True):
        await _tell(process, REQUESTS.dump_json(list(share)))
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [answer for output, _ in outputs for answer in ANSWERS.validate_json(output)]


async def _contender(url: str) -> Process:
    module = "tests.metering.contender"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, url), stdin=PIPE, stdout=PIPE, limit=1 << 24
    )


async def _tell(process: Process, line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line + b"\n")
    await process.stdin.drain()


def outcomes(answers: Sequence[Decision | Redirect]) -> Counter[str]:
    return Counter(str(a.outcome) if isinstance(a, Decision) else str(a) for a in answers)


@pytest.fixture(autouse=True)
async def proved(store: Store) -> object:
    """Whatever raced, the ledger holds afterwards."""
    yield
    report = await verify_live(store, seeded_plans().plan_of)
    assert report.problems == ()


async def test_one_guest_and_a_thousand_codes_unlock_exactly_one(
    redis_url: str, client: Redis
) -> None:
    viewer = guest(token())
    views = [view_of(viewer, number) for number in range(MANY)]

    answers = await contend(redis_url, views, [view_of(viewer, n) for n in range(MANY)])

    # Each code is asked for by both processes, the one unlocked too.
    assert outcomes(answers) == {"UNLOCKED": 1, "REPEATED": 1, "LIMIT_REACHED": 2 * MANY - 2}
    assert await recorded_views(client) == 2 * MANY


async def test_one_code_is_charged_once_and_free_ever_after(redis_url: str, client: Redis) -> None:
    viewer = guest(token())

    answers = await contend(
        redis_url, *([view_of(viewer, 1) for _ in range(MANY)] for _ in range(2))
    )

    assert outcomes(answers) == {"UNLOCKED": 1, "REPEATED": 2 * MANY - 1}
    assert sum(a.is_charged for a in answers if isinstance(a, Decision)) == 1
    assert await recorded_views(client) == 2 * MANY


async def test_the_same_request_a_thousand_times_is_one_event_and_one_answer(
    redis_url: str, client: Redis
) -> None:
    request = view_of(guest(token()), 1)

    answers = await contend(redis_url, [request] * MANY, [request] * MANY)

    decisions = [answer for answer in answers if isinstance(answer, Decision)]
    assert Counter(decision.is_replayed for decision in decisions) == {False: 1, True: 1999}
    assert len({d.model_copy(update={"is_replayed": False}) for d in decisions}) == 1
    assert await client.xlen(keys_of(7).log) == 1


async def test_two_hundred_guests_of_one_network_get_exactly_its_fifty_places(
    redis_url: str, client: Redis
) -> None:
    network = token()
    shares = [[view_of(guest(network), number) for number in range(100)] for _ in range(2)]

    answers = await contend(redis_url, *shares)

    assert outcomes(answers) == {"UNLOCKED": 50, "NETWORK_LIMIT_REACHED": 150}
    assert await client.hgetall(keys_of(7).network(network)) == {"admitted": "50"}


async def test_a_member_opens_exactly_five_of_fifty_codes(redis_url: str) -> None:
    viewer = member()
    shares = [[view_of(viewer, number % 50) for number in range(MANY)] for _ in range(2)]

    answers = await contend(redis_url, *shares)

    counts = outcomes(answers)
    assert counts["UNLOCKED"] == 5
    assert counts["REPEATED"] + counts["LIMIT_REACHED"] == 2 * MANY - 5


async def test_a_window_that_begins_meanwhile_gives_one_unlock_to_each_side(
    redis_url: str, client: Redis
) -> None:
    """The edge passes between the two processes: every view falls on one side of it."""
    viewer = member("daily")
    edge = 4102444800000  # 2100-01-01
    await client.hset(keys_of(7).head, "at", str(edge - 1))
    views = [[view_of(viewer, number) for number in range(MANY)] for _ in range(2)]

    answers = asyncio.create_task(contend(redis_url, *views))
    while await recorded_views(client) < MANY // 2:
        await asyncio.sleep(0)
    await client.hset(keys_of(7).head, "at", str(edge))

    assert outcomes(await answers)["UNLOCKED"] == 2
    windows = Counter(
        (fields["window"], stream_id.split("-")[0])
        for stream_id, fields in await client.xrange(keys_of(7).log)
        if fields["outcome"] == "U"
    )
    assert windows == {("D.47481", str(edge - 1)): 1, ("D.47482", str(edge)): 1}
