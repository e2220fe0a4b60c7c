"""What a server does on its own account while it runs."""

import asyncio
import time
from typing import Any

import pytest

from db.assignments import assign, untold
from db.notices import CatalogueWatch
from db.plans import PlanBook, network_key
from graph import app, housekeeping
from graph.app import utc_now
from graph.beside import beside
from graph.housekeeping import Chores
from graph.people.plans import PlanChanges
from graph.settings import Settings
from metering.carryover import CarryOver
from metering.erasures import Erasures
from metering.policy import AdmissionRule
from metering.shards import keys_of, shard_of
from schema.acts import SYSTEM
from tests.graph.accounts import account_on


async def test_changed_plan_is_noticed_and_keys_of_past_periods_are_forgotten(
    services: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", 0.02)
    rule, plans = AdmissionRule(), PlanBook(database)
    await plans.read()
    now = rule.period_at(int(time.time() * 1000))
    await network_key(database, now - 1, rule.period_ms)
    await network_key(database, now + 1, rule.period_ms)

    async with beside(chores_on(services, database, plans, rule).rounds()):
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO plan (key, version, page_view_limit, window_kind, open_sections, "
                "can_list_crosswalks, viewer_kind) "
                "VALUES ('guest', 2, 2, 'LIFETIME', '{HISTORY}', false, 'GUEST')"
            )
        async with asyncio.timeout(5):
            while plans.newest["guest"].version == 1 or len(await periods(database)) > 1:
                await asyncio.sleep(0.02)

    assert plans.newest["guest"].page_view_limit == 2
    assert await periods(database) == [now + 1]


async def test_ledger_is_told_of_a_plan_that_has_ended(
    services: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", 0.02)
    reader = await account_on(database, "subscriber")
    await assign(
        database, reader.id, "registered", ends_at=None, actor=SYSTEM, reason="It has ended."
    )

    chores = chores_on(services, database, services.plans, AdmissionRule())
    async with beside(chores.rounds()), asyncio.timeout(30):
        while await untold(database, reader.id, 1) is not None:
            await asyncio.sleep(0.02)

    client = await services.office.store.of(shard_of(reader.id))
    [(_, event)] = await client.xrange(keys_of(shard_of(reader.id)).log)
    assert (event["type"], event["viewer"], event["assignment"]) == ("plan", reader.id, "1")


@pytest.mark.parametrize(("statements_kept", "listeners"), [(256, 1), (0, 0)])
async def test_a_server_listens_unless_a_pooler_stands_before_the_store(
    database: Any, database_url: str, statements_kept: int, listeners: int
) -> None:
    settings = Settings(database_statement_cache=statements_kept)
    watch = CatalogueWatch(database_url, look_seconds=3600)

    async with app._listening(settings, watch):
        for _ in range(100 if listeners else 10):
            if watch.heard is not None:
                break
            await asyncio.sleep(0.05)
        open_now = await database.fetch(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND query LIKE '%catalogue_version%' AND pid <> pg_backend_pid()"
        )

        assert (watch.heard is not None, len(open_now)) == (listeners == 1, listeners)
    assert watch.heard is None


def chores_on(services: Any, database: Any, plans: PlanBook, rule: AdmissionRule) -> Chores:
    """The chores of a server on that database."""
    meter = services.meter
    return Chores(
        database=database,
        meter=meter,
        plans=plans,
        rule=rule,
        now=utc_now,
        carry_over=CarryOver(database, meter, lambda: 1, utc_now),
        erasures=Erasures(database, meter, meter.store),
        changes=PlanChanges(database, meter, plans, utc_now),
    )


async def periods(database: Any) -> list[int]:
    rows = await database.fetch("SELECT period FROM network_key ORDER BY period")
    return [row["period"] for row in rows]
