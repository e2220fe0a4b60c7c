"""What a server does on its own account while it runs."""

import asyncio
import time
from typing import Any

import pytest

from db.plans import PlanBook, network_key
from graph import housekeeping
from graph.housekeeping import Chores, beside
from metering.carryover import CarryOver
from metering.erasures import Erasures
from metering.policy import AdmissionRule


async def test_changed_plan_is_noticed_and_keys_of_past_periods_are_forgotten(
    services: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "ROUND_SECONDS", 0.02)
    rule, plans = AdmissionRule(), PlanBook(database)
    await plans.read()
    now = rule.period_at(int(time.time() * 1000))
    await network_key(database, now - 1, rule.period_ms)
    await network_key(database, now + 1, rule.period_ms)

    chores = Chores(
        database=database,
        meter=services.meter,
        plans=plans,
        rule=rule,
        now=services.now,
        carry_over=CarryOver(database, services.meter, lambda: 1, services.now),
        erasures=Erasures(database, services.meter, services.meter.store),
    )
    async with beside(chores.rounds()):
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


async def periods(database: Any) -> list[int]:
    rows = await database.fetch("SELECT period FROM network_key ORDER BY period")
    return [row["period"] for row in rows]
