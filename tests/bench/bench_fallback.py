"""How many page views a second PostgreSQL decides while the ledger's store is away.

Beside it, in the same run: one `UPDATE ... RETURNING` of a row a viewer, which decides nothing
right but is the least that a durable counter costs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from db.fallback import open_episode
from db.pool import Database, open_database
from metering.archived import UsageArchive
from metering.fallback import PostgresMeter
from tests.metering.ledgers import Plans, member, plan, view_of

CALLERS = 32
SECONDS = 4.0
ROUNDS = 3
COUNTER = "UPDATE bench SET used = used + 1 WHERE viewer = $1 AND used < 1000000 RETURNING used"


async def per_second(once: Callable[[int], Awaitable[object]]) -> float:
    """Calls a second of so many callers, each of a viewer of its own."""
    done, end = 0, time.perf_counter() + SECONDS

    async def caller(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await once(number)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    return done / (time.perf_counter() - began)


async def filled(database: Database, viewers: list[str]) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE bench (viewer text PRIMARY KEY, used integer)")
        await connection.executemany("INSERT INTO bench VALUES ($1, 0)", [(v,) for v in viewers])


@pytest.mark.bench
async def test_fallback_beside_a_plain_counter(database_url: str) -> None:
    plans = Plans()
    plans.add(plan("registered", 5))
    viewers = [member() for _ in range(CALLERS)]
    async with open_database(database_url, acquire_timeout_seconds=30) as database:
        await filled(database, [viewer.id for viewer in viewers])
        episode = await open_episode(database, "bench", "bench", unseen=0, floor_ms=0)
        assert episode is not None
        meter = PostgresMeter(database, plans.plan_of, UsageArchive(database), episode)
        pairs = [
            (
                await per_second(lambda n: meter.view([view_of(viewers[n], n % 8)])),
                await per_second(lambda n: database.fetch(COUNTER, viewers[n].id)),
            )
            for _ in range(ROUNDS)
        ]

    for fallback, counter in pairs:
        print(
            f"\nfallback {fallback:6.0f} decisions/s   plain update {counter:6.0f}/s   "
            f"{fallback / counter:.2f}"
        )
    # The best round: neighbours on the machine only ever take away.
    assert max(fallback / counter for fallback, counter in pairs) > 0.1
