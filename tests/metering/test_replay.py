"""Replaying: what another plan would have granted, by exact numbers."""

from collections.abc import Callable

from metering.live import viewer_fields
from metering.policy import AdmissionRule
from metering.replay import Replay, Tally
from schema.people import Viewer, ViewerKind
from schema.plans import Plan, WindowKind
from tests.metering import acts
from tests.metering.ledgers import (
    ADMISSION,
    SHARD,
    MemoryLedger,
    Plans,
    decide,
    guest,
    member,
    ms,
    plan,
    view_of,
)

DAY = 86_400_000


def replay_under(
    plans: Plans, *others: Plan, counts: Callable[[int], bool] = lambda _: True,
    admission: AdmissionRule = ADMISSION,
) -> Replay:  # fmt: skip
    by_key = {other.key: other for other in others}
    return Replay(
        lambda key, version: by_key.get(key) or plans.versions[key, version], admission, counts
    )


async def replayed(ledger: MemoryLedger, replay: Replay) -> Replay:
    for event in await ledger.log():
        replay.add(event)
    return replay


async def read(ledger: MemoryLedger, who: Viewer, *numbers: int) -> None:
    for number in numbers:
        await decide(ledger, view_of(who, number))


async def test_the_same_plans_grant_what_was_granted_and_end_in_the_same_state(
    plans: Plans,
) -> None:
    ledger, network = MemoryLedger(plans, AdmissionRule(budget=2)), "n" * 12
    guests, one = [guest(network) for _ in range(3)], member()
    for who in guests:
        await read(ledger, who, 1, 2)
    await read(ledger, one, *range(1, 9))
    await ledger.meter.perform(acts.void(one))
    await ledger.meter.perform(acts.grant(one, 1))
    await read(ledger, one, 8, 9)

    replay = await replayed(ledger, replay_under(plans))

    assert replay.tallies[ViewerKind.GUEST] == Tally(
        views=6,
        unlocked_was=2,
        unlocked_would=2,
        refused_was=4,
        refused_would=4,
        limited_was={guests[0].id, guests[1].id},
        limited_would={guests[0].id, guests[1].id},
    )
    assert replay.tallies[ViewerKind.REGISTERED] == Tally(
        views=10,
        unlocked_was=7,
        unlocked_would=7,
        refused_was=3,
        refused_would=3,
        limited_was={one.id},
        limited_would={one.id},
    )
    assert replay.undecided == 0
    again, live = replay._shards[SHARD], ledger.meter.shard(SHARD)
    assert {name: viewer_fields(held) for name, held in again.viewers.items()} == {
        name: viewer_fields(held) for name, held in live.viewers.items()
    }
    assert again.networks == live.networks


async def test_a_wider_plan_lets_in_whom_it_would_have_let_in(plans: Plans) -> None:
    ledger, few, many = MemoryLedger(plans), guest(), guest()
    await read(ledger, few, 1, 1)
    await read(ledger, many, 1, 2, 2, 3, 4)

    replay = await replayed(ledger, replay_under(plans, plan("guest", 3)))

    assert replay.tallies == {
        ViewerKind.GUEST: Tally(
            views=7,
            unlocked_was=2,
            unlocked_would=4,
            refused_was=4,
            refused_would=1,
            limited_was={many.id},
            limited_would={many.id},
        )
    }


async def test_a_narrower_window_refuses_and_a_daily_one_renews(plans: Plans) -> None:
    ledger, who = MemoryLedger(plans), member()
    noon = ms("2030-01-01T12:00")
    for day in range(3):
        await ledger.set_clock(noon + day * DAY)
        await read(ledger, who, day * 2, day * 2 + 1)

    lifetime = await replayed(ledger, replay_under(plans, plan("registered", 2)))
    daily = await replayed(ledger, replay_under(plans, plan("registered", 2, WindowKind.DAY)))

    told = [
        (tally.unlocked_was, tally.unlocked_would, tally.refused_was, tally.refused_would)
        for replay in (lifetime, daily)
        for tally in replay.tallies.values()
    ]
    assert told == [(5, 2, 1, 4), (5, 6, 1, 0)]


async def test_only_views_of_the_days_asked_for_are_counted_and_all_are_folded(
    plans: Plans,
) -> None:
    ledger, who = MemoryLedger(plans), member()
    noon = ms("2030-01-01T12:00")
    for day in range(3):
        await ledger.set_clock(noon + day * DAY)
        await read(ledger, who, day * 2, day * 2 + 1)

    replay = await replayed(
        ledger,
        replay_under(plans, plan("registered", 3), counts=lambda at_ms: at_ms > noon + DAY * 3 / 2),
    )

    [tally] = replay.tallies.values()
    assert (tally.views, tally.unlocked_was, tally.refused_was) == (2, 1, 1)
    assert (tally.unlocked_would, tally.refused_would) == (0, 2)


async def test_a_flood_counts_as_many_views_as_it_stands_for(plans: Plans) -> None:
    ledger, who = MemoryLedger(plans), guest()
    await read(ledger, who, 1, *[2] * 30)
    await ledger.settle(who)

    replay = await replayed(ledger, replay_under(plans, plan("guest", 2)))

    [tally] = replay.tallies.values()
    assert (tally.views, tally.unlocked_was, tally.refused_was) == (31, 1, 30)
    assert (tally.unlocked_would, tally.refused_would) == (2, 0)


async def test_what_an_account_took_over_costs_nothing_under_another_window(plans: Plans) -> None:
    ledger, visitor, account = MemoryLedger(plans), guest(), member()
    await read(ledger, visitor, 1)
    await ledger.meter.perform(acts.seal(visitor, account.id))
    await ledger.meter.perform(acts.adopt(account, visitor.id, [view_of(visitor, 1).code]))
    await read(ledger, account, 1, 2)

    replay = await replayed(ledger, replay_under(plans, plan("registered", 1, WindowKind.MONTH)))

    tally = replay.tallies[ViewerKind.REGISTERED]
    assert (tally.unlocked_was, tally.refused_was) == (1, 0)
    assert (tally.unlocked_would, tally.refused_would) == (1, 0)
