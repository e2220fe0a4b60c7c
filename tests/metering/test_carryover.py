"""Carry-over over very many guests, on real stores."""

from datetime import UTC, datetime

import pytest

from db.pool import Database
from metering.carryover import CarryOver
from metering.meter import LedgerMeter
from metering.verify import verify_live
from schema.acts import ADOPTED_GUESTS_MAX
from schema.usage import Decision, Outcome
from tests.metering.ledgers import Plans, guest, member, view_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize("guests", [300, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_however_many_guests_an_account_was_it_gains_what_five_had(
    database: Database, meter: LedgerMeter, plans: Plans, guests: int
) -> None:
    account = member()
    pumped = [guest(shard=number % 64) for number in range(guests)]
    await database.fetch(
        "INSERT INTO account (id, email, address) VALUES ($1, 'a@b.example', 'a@b.example')",
        account.id,
    )
    await database.fetch(
        "INSERT INTO carried_guest (account_id, guest_id, shard, asked_at) "
        "SELECT $1, unnest($2::text[]), unnest($3::int[]), $4",
        *(account.id, [one.id for one in pumped], [one.shard for one in pumped], NOW),
    )
    for start in range(0, guests, 500):
        views = enumerate(pumped[start : start + 500], start)
        await meter.view([view_of(one, number) for number, one in views])
    carry_over = CarryOver(database, meter, lambda: 1, lambda: NOW)

    await carry_over.finish(account)
    outcomes = []
    for start in range(0, guests, 500):
        asked = range(start, min(guests, start + 500))
        answers = await meter.view([view_of(account, number) for number in asked])
        outcomes += [answer.outcome for answer in answers if isinstance(answer, Decision)]

    assert outcomes.count(Outcome.REPEATED) == ADOPTED_GUESTS_MAX == 5
    assert outcomes.count(Outcome.UNLOCKED) == 5
    assert outcomes.count(Outcome.LIMIT_REACHED) == guests - 10
    # Sealed all the same: none opens anything any more, and none is met again.
    left = await database.fetch("SELECT 1 FROM carried_guest WHERE done_at IS NULL")
    assert left == []
    assert (await verify_live(meter.store, plans.plan_of)).problems == ()
