"""The plans and ledgers that the tests of the meter share."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from db.fallback import open_episode
from db.pool import Database
from metering.meter import LedgerMeter, open_ledger
from metering.store import Store
from schema.plans import WindowKind
from tests.metering.ledgers import (
    Ledger,
    MemoryLedger,
    Plans,
    PostgresLedger,
    ValkeyLedger,
    plan,
)


@pytest.fixture
def plans() -> Plans:
    kept = Plans()
    kept.add(plan("guest", 1))
    kept.add(plan("registered", 5))
    kept.add(plan("subscriber", None))
    kept.add(plan("daily", 1, WindowKind.DAY))
    kept.add(plan("monthly", 1, WindowKind.MONTH))
    kept.add(plan("auckland", 1, WindowKind.DAY, time_zone="Pacific/Auckland"))
    kept.add(plan("rolling", 1, WindowKind.ROLLING, rolling_days=30))
    return kept


@pytest.fixture
async def meter(redis_url: str, plans: Plans) -> AsyncIterator[LedgerMeter]:
    # The machine that runs the tests may stall for longer than a page may wait.
    async with open_ledger(redis_url, plans.plan_of, timeout_seconds=5.0) as opened:
        yield opened


@pytest.fixture
def store(meter: LedgerMeter) -> Store:
    return meter.store


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as opened:
        yield opened


@pytest.fixture
async def episode(database: Database) -> int:
    """An open episode: PostgreSQL decides."""
    opened = await open_episode(database, "a test", "no reason", unseen=0, floor_ms=0)
    assert opened is not None
    return opened


@pytest.fixture
def postgres_ledger(database: Database, plans: Plans, episode: int) -> PostgresLedger:
    return PostgresLedger(database, plans, episode)


@pytest.fixture(params=["memory", "valkey", "valkey, clock early", "valkey, clock late"])
def own_ledger(request: pytest.FixtureRequest, plans: Plans) -> Ledger:
    """The same meter in memory, and in Valkey asked by machines whose clocks differ."""
    if request.param == "memory":
        return MemoryLedger(plans)
    error_ms = {"early": -1, "late": 1}.get(request.param.split()[-1], 0)
    return ValkeyLedger(request.getfixturevalue("store"), plans, error_ms=error_ms)


@pytest.fixture(
    params=["memory", "valkey", "valkey, clock early", "valkey, clock late", "postgres"]
)
def ledger(request: pytest.FixtureRequest, plans: Plans) -> Ledger:
    """The same meter in memory, in Valkey asked by machines whose clocks differ, and in PostgreSQL
    while the store is away."""
    if request.param == "memory":
        return MemoryLedger(plans)
    if request.param == "postgres":
        made: PostgresLedger = request.getfixturevalue("postgres_ledger")
        return made
    error_ms = {"early": -1, "late": 1}.get(request.param.split()[-1], 0)
    return ValkeyLedger(request.getfixturevalue("store"), plans, error_ms=error_ms)
