"""A store killed again and again, and replies cut a thousand times: each view happens once."""

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from metering.meter import open_ledger
from metering.verify import verify_live
from schema.usage import Decision
from tests.faults.load import Load, logged_requests
from tests.faults.proxy import proxy_to
from tests.faults.valkey import valkey_in
from tests.metering.ledgers import Plans, guest, member, view_of


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as path:
        yield Path(path)


async def kill(times: int, folder: Path, plans: Plans) -> None:
    rng, load = Random(times), Load()
    url = f"unix://{folder}/s"
    async with open_ledger(url, plans.plan_of, timeout_seconds=5.0, queue_seconds=30.0) as meter:
        for _ in range(times):
            async with valkey_in(folder) as valkey:
                running = asyncio.create_task(load.run(meter, rng))
                await load.wait_for(rng.randint(50, 400))
                valkey.send_signal(signal.SIGKILL)
                valkey.wait()
                await running
        async with valkey_in(folder):
            retried, load.unanswered = load.unanswered, []
            for request in retried:
                assert await load.ask(meter, request)
            client = await meter.store.of(0)
            logged = await logged_requests(client)
            report = await verify_live(meter.store, plans.plan_of)

    told = {answer.event_id for _, answer in load.answered.values()}
    assert len(retried) >= times
    # The log holds what was answered, no more and no less, each once.
    assert told == set(logged)
    assert Counter(logged.values()) == Counter(request[:12] for request in load.answered)
    assert report.problems == ()


async def test_a_store_killed_three_times_loses_and_doubles_nothing(
    folder: Path, plans: Plans
) -> None:
    await kill(3, folder, plans)


@pytest.mark.slow
async def test_a_store_killed_twenty_times_loses_and_doubles_nothing(
    folder: Path, plans: Plans
) -> None:
    await kill(20, folder, plans)


async def cut_replies(times: int, redis_url: str, plans: Plans) -> None:
    socket = Path(unquote(urlsplit(redis_url).path))
    database = parse_qs(urlsplit(redis_url).query)["db"][0]
    told: list[Decision] = []
    again: list[Decision] = []
    async with proxy_to(socket) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/{database}"
        async with open_ledger(url, plans.plan_of, timeout_seconds=5.0) as meter:
            await meter.view([view_of(guest(shard=0))])
            for at in range(times):
                request = view_of(member(), at % 3)
                proxy.replies_to_cut = 1
                told += [a for a in await meter.view([request]) if isinstance(a, Decision)]
                again += [a for a in await meter.view([request]) if isinstance(a, Decision)]
                assert proxy.replies_to_cut == 0
            client = await meter.store.of(0)
            logged = await logged_requests(client)
            report = await verify_live(meter.store, plans.plan_of)

    assert all(answer.is_replayed for answer in told)
    assert again == told
    assert len({answer.event_id for answer in told}) == times
    # One more for the view that opened the connection.
    assert len(logged) == times + 1
    assert report.problems == ()


async def test_a_hundred_lost_replies_are_a_hundred_events(redis_url: str, plans: Plans) -> None:
    await cut_replies(100, redis_url, plans)


@pytest.mark.slow
async def test_a_thousand_lost_replies_are_a_thousand_events(redis_url: str, plans: Plans) -> None:
    await cut_replies(1000, redis_url, plans)
