"""Floods: repeats and refusals beyond the twentieth are counted, exactly, and recorded together."""

import pytest
from redis.asyncio import Redis

from metering.meter import LedgerMeter
from metering.settling import settle_all
from metering.shards import keys_of
from metering.verify import verify_live
from schema.events import PageViewed
from schema.instants import instant
from schema.usage import Outcome
from tests.metering.acts import block, grant
from tests.metering.ledgers import (
    Ledger,
    Plans,
    ValkeyLedger,
    decide,
    guest,
    member,
    ms,
    outcomes,
    recorded_views,
    token,
    view_of,
)

NOON = ms("2040-05-06T12:00")


@pytest.fixture
def ledger(own_ledger: Ledger) -> Ledger:
    """While the store is away nothing of this is done."""
    return own_ledger


@pytest.fixture(autouse=True)
async def proved(ledger: Ledger, plans: Plans) -> object:
    """Whatever was counted, the ledger holds afterwards."""
    yield
    if isinstance(ledger, ValkeyLedger):
        assert (await verify_live(ledger.meter.store, plans.plan_of)).problems == ()


async def counts(ledger: Ledger, outcome: Outcome) -> list[int]:
    """Of the events of one outcome, in order."""
    return [
        event.count
        for event in await ledger.log()
        if isinstance(event, PageViewed) and event.outcome is outcome
    ]


async def test_refusals_beyond_twenty_are_one_event_a_minute(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.set_clock(NOON)
    await decide(ledger, view_of(viewer, 1))

    told = await outcomes(ledger, *(view_of(viewer, number) for number in range(2, 102)))
    within = await counts(ledger, Outcome.LIMIT_REACHED)
    await ledger.set_clock(NOON + 60_000)
    await ledger.settle(viewer, 60_000)

    assert told == ["LIMIT_REACHED"] * 100
    assert within == [1] * 20
    assert await counts(ledger, Outcome.LIMIT_REACHED) == [1] * 20 + [80]
    last = (await ledger.log())[-1]
    assert isinstance(last, PageViewed)
    assert (last.first_at, last.recorded_at) == (instant(NOON), instant(NOON + 60_000))


async def test_a_counted_view_is_answered_without_an_event(ledger: Ledger) -> None:
    viewer = guest()
    for number in range(1, 22):
        singly = await decide(ledger, view_of(viewer, number))

    counted = await decide(ledger, view_of(viewer, 30))

    assert singly.event_id is not None
    assert counted.event_id is None
    assert counted == singly.model_copy(
        update={"event_id": None, "recorded_at": counted.recorded_at}
    )


async def test_the_next_view_after_a_minute_records_what_waits(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.set_clock(NOON)
    await outcomes(ledger, *(view_of(viewer, number) for number in range(1, 27)))
    await ledger.set_clock(NOON + 60_000)

    await outcomes(ledger, view_of(viewer, 30))

    assert await counts(ledger, Outcome.LIMIT_REACHED) == [1] * 20 + [5]
    await ledger.settle(viewer)
    assert await counts(ledger, Outcome.LIMIT_REACHED) == [1] * 20 + [5, 1]


async def test_repeats_are_counted_code_by_code(ledger: Ledger) -> None:
    viewer = member()
    await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))

    await outcomes(ledger, *(view_of(viewer, 1) for _ in range(30)))
    await outcomes(ledger, *(view_of(viewer, 2) for _ in range(20)))

    assert await counts(ledger, Outcome.REPEATED) == [1] * 40
    await ledger.settle(viewer)
    assert await counts(ledger, Outcome.REPEATED) == [1] * 40 + [10]


async def test_a_new_hour_records_singly_again(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.set_clock(NOON)
    await outcomes(ledger, *(view_of(viewer, number) for number in range(1, 24)))
    await ledger.set_clock(NOON + 3_600_000)

    answer = await decide(ledger, view_of(viewer, 2))

    assert answer.event_id is not None
    assert await counts(ledger, Outcome.LIMIT_REACHED) == [1] * 20 + [2, 1]


async def test_what_waits_is_recorded_before_the_state_changes(ledger: Ledger) -> None:
    """Else the log would say that a view was refused which its own balance allowed."""
    viewer = guest()
    await outcomes(ledger, *(view_of(viewer, number) for number in range(1, 27)))

    await ledger.meter.perform(grant(viewer, 1))
    await outcomes(ledger, view_of(viewer, 2))
    await ledger.meter.perform(block(viewer))

    assert await counts(ledger, Outcome.LIMIT_REACHED) == [1] * 20 + [5]
    assert await counts(ledger, Outcome.UNLOCKED) == [1, 1]


async def test_an_unlock_records_the_repeats_before_it(ledger: Ledger) -> None:
    viewer = member()
    await outcomes(ledger, *(view_of(viewer, 1) for _ in range(31)))

    await outcomes(ledger, view_of(viewer, 2))

    kinds = [(e.outcome, e.count) for e in await ledger.log() if isinstance(e, PageViewed)]
    assert kinds[-2:] == [(Outcome.REPEATED, 10), (Outcome.UNLOCKED, 1)]


async def test_a_flood_keeps_receipts_for_seconds_and_a_bounded_log(
    meter: LedgerMeter, client: Redis
) -> None:
    viewer = guest(token())
    views = [view_of(viewer, number) for number in range(1, 2001)]
    for start in range(0, 2000, 500):
        await meter.view(views[start : start + 500])

    assert await client.xlen(keys_of(7).log) == 21
    kept = [await client.pttl(key) for key in await client.keys("{m07ss}:r:*")]
    assert sum(left_ms > 10_000 for left_ms in kept) == 21
    assert await recorded_views(client) == 2000
    assert await client.pttl(keys_of(7).flood(viewer.id)) == -1

    assert await settle_all(meter.store, age_ms=0) == 1
    assert await client.smembers(keys_of(7).waiting) == set()
    assert 3_500_000 < await client.pttl(keys_of(7).flood(viewer.id)) <= 3_600_000
    assert await recorded_views(client) == 2000
