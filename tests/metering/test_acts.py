"""Acts: what staff and registration do to a ledger, the same in memory and in Valkey."""

import asyncio

import pytest

from metering.store import Store
from metering.verify import verify_live
from schema.acts import ActOutcome
from schema.events import AllowanceGranted, GuestAdopted, UnlockVoided, WindowReset
from schema.people import Viewer
from schema.plans import WindowKind
from schema.usage import Decision, Outcome
from tests.metering.acts import (
    adopt,
    block,
    erase,
    grant,
    reset,
    reset_network,
    seal,
    set_plan,
    unblock,
    void,
    void_grant,
)
from tests.metering.ledgers import (
    Ledger,
    Plans,
    ValkeyLedger,
    code,
    decide,
    guest,
    member,
    ms,
    on_plan,
    outcomes,
    plan,
    view_of,
)

NOON = ms("2040-05-06T12:00")


@pytest.fixture
def ledger(own_ledger: Ledger) -> Ledger:
    """While the store is away nothing of this is done."""
    return own_ledger


@pytest.fixture(autouse=True)
async def proved(ledger: Ledger, plans: Plans) -> object:
    """Whatever was done, the ledger holds afterwards."""
    yield
    if isinstance(ledger, ValkeyLedger):
        assert (await verify_live(ledger.meter.store, plans.plan_of)).problems == ()


async def carry_over(ledger: Ledger, visitor: Viewer, account: Viewer) -> ActOutcome:
    """Registration's two halves: how the second ended."""
    sealed = await ledger.meter.perform(seal(visitor, account.id))
    return (await ledger.meter.perform(adopt(account, visitor.id, sealed.codes))).outcome


async def left(ledger: Ledger, viewer: Viewer) -> int | None:
    return (await ledger.meter.allowance(viewer)).remaining


async def test_a_voided_view_can_be_spent_on_another_code(ledger: Ledger) -> None:
    viewer = guest()
    await decide(ledger, view_of(viewer, 1))

    result = await ledger.meter.perform(void(viewer, 1))

    assert result.outcome is ActOutcome.DONE
    assert await outcomes(ledger, view_of(viewer, 2), view_of(viewer, 1)) == [
        "UNLOCKED",
        "LIMIT_REACHED",
    ]
    [_, event, *_] = await ledger.log()
    assert isinstance(event, UnlockVoided)
    assert (event.id, event.code, event.cause) == (result.event_id, code(1), "mistake")
    assert (event.actor, event.reason) == ("staff-1", "A reader asked for it.")


async def test_what_was_not_charged_cannot_be_voided(ledger: Ledger) -> None:
    viewer = member()
    await decide(ledger, view_of(viewer, 1))

    result = await ledger.meter.perform(void(viewer, 2))

    assert (result.outcome, result.event_id) == (ActOutcome.NOT_UNLOCKED, None)
    assert len(await ledger.log()) == 1
    assert await left(ledger, viewer) == 4


async def test_the_same_act_is_done_once(ledger: Ledger) -> None:
    viewer = guest()
    act = grant(viewer, 2)

    first, again = await ledger.meter.perform(act), await ledger.meter.perform(act)

    assert (first.is_replayed, again.is_replayed) == (False, True)
    assert again.event_id == first.event_id
    assert await left(ledger, viewer) == 3
    assert len(await ledger.log()) == 1


async def test_a_grant_counts_until_it_expires(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.set_clock(NOON)
    await ledger.meter.perform(grant(viewer, 2, NOON + 1000))

    before = await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))
    await ledger.set_clock(NOON + 1000)
    after = await outcomes(ledger, view_of(viewer, 2), view_of(viewer, 3))

    assert (before, after) == (["UNLOCKED", "UNLOCKED"], ["REPEATED", "LIMIT_REACHED"])


async def test_a_grant_that_is_taken_back_counts_no_more(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.meter.perform(grant(viewer, 2))
    [event] = await ledger.log()
    assert isinstance(event, AllowanceGranted)

    unknown = await ledger.meter.perform(void_grant(viewer, 99))
    result = await ledger.meter.perform(void_grant(viewer, event.seq))

    assert unknown.outcome is ActOutcome.NO_SUCH_GRANT
    assert result.outcome is ActOutcome.DONE
    assert await left(ledger, viewer) == 1


async def test_a_viewer_has_fifty_grants_at_most(ledger: Ledger) -> None:
    viewer = guest()
    done = [(await ledger.meter.perform(grant(viewer, 1))).outcome for _ in range(51)]

    assert done == [ActOutcome.DONE] * 50 + [ActOutcome.TOO_MANY_GRANTS]
    assert len(await ledger.log()) == 50
    assert await left(ledger, viewer) == 51


async def test_a_plan_that_was_set_fences_off_older_assignments(ledger: Ledger) -> None:
    viewer = member(number=4)

    done = await ledger.meter.perform(set_plan(viewer))
    again = await ledger.meter.perform(set_plan(viewer))
    stale = await ledger.meter.perform(set_plan(on_plan(viewer, "registered", 3)))

    assert [done.outcome, again.outcome, stale.outcome] == [
        ActOutcome.DONE,
        ActOutcome.UNCHANGED,
        ActOutcome.STALE_ASSIGNMENT,
    ]
    older = on_plan(viewer, "registered", 3)
    assert await outcomes(ledger, view_of(older), view_of(viewer)) == [
        "STALE_ASSIGNMENT",
        "UNLOCKED",
    ]


async def test_a_blocked_viewer_opens_nothing_until_it_is_unblocked(ledger: Ledger) -> None:
    viewer = member()
    await decide(ledger, view_of(viewer, 1))

    done = await ledger.meter.perform(block(viewer))
    while_blocked = await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))
    again = await ledger.meter.perform(block(viewer))
    await ledger.meter.perform(unblock(viewer))
    after = await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))

    assert (done.outcome, again.outcome) == (ActOutcome.DONE, ActOutcome.UNCHANGED)
    assert (while_blocked, after) == (["BLOCKED", "BLOCKED"], ["REPEATED", "UNLOCKED"])


async def test_a_reset_viewer_begins_anew_and_keeps_grants(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.meter.perform(grant(viewer, 1))
    await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))

    done = await ledger.meter.perform(reset(viewer))
    again = await ledger.meter.perform(reset(viewer))

    assert (done.outcome, again.outcome) == (ActOutcome.DONE, ActOutcome.UNCHANGED)
    assert await outcomes(ledger, *(view_of(viewer, n) for n in (1, 2, 3))) == [
        "UNLOCKED",
        "UNLOCKED",
        "LIMIT_REACHED",
    ]


async def test_a_reset_network_admits_its_whole_budget_again(ledger: Ledger) -> None:
    network = "n" * 22
    admitted = [guest(network) for _ in range(51)]
    first = await outcomes(ledger, *map(view_of, admitted))

    result = await ledger.meter.perform(reset_network(network))
    again = await outcomes(ledger, *(view_of(guest(network)) for _ in range(51)))

    assert first == again == ["UNLOCKED"] * 50 + ["NETWORK_LIMIT_REACHED"]
    [event] = [event for event in await ledger.log() if isinstance(event, WindowReset)]
    assert (event.id, event.network, event.viewer_id) == (result.event_id, "n" * 12, None)
    # Who was admitted stays so.
    assert await outcomes(ledger, view_of(admitted[0])) == ["REPEATED"]


async def test_an_erased_viewer_is_unknown(ledger: Ledger) -> None:
    viewer = member()
    await ledger.meter.perform(grant(viewer, 3))
    await decide(ledger, view_of(viewer, 1))

    await ledger.meter.perform(erase(viewer))

    assert await left(ledger, viewer) == 5


async def test_registration_gives_five_more_whether_or_not_the_guest_view_was_spent(
    ledger: Ledger,
) -> None:
    spent, unspent = guest(), guest()
    account, other = member(), member()
    await decide(ledger, view_of(spent, 1))

    carried = await carry_over(ledger, spent, account)
    nothing = await carry_over(ledger, unspent, other)

    assert (carried, nothing) == (ActOutcome.DONE, ActOutcome.UNCHANGED)
    assert [await left(ledger, account), await left(ledger, other)] == [5, 5]
    opened = await decide(ledger, view_of(account, 1))
    assert (opened.outcome, opened.is_charged) == (Outcome.REPEATED, False)


async def test_a_sealed_guest_opens_nothing_again(ledger: Ledger) -> None:
    visitor = guest()
    await decide(ledger, view_of(visitor, 1))
    await carry_over(ledger, visitor, member())

    assert await outcomes(ledger, view_of(visitor, 1), view_of(visitor, 2)) == ["GUEST_SEALED"] * 2
    assert len(await ledger.log()) == 3


async def test_a_carry_over_that_was_cut_off_is_finished_by_asking_again(ledger: Ledger) -> None:
    visitor, account = guest(), member()
    await decide(ledger, view_of(visitor, 1))
    await ledger.meter.perform(seal(visitor, account.id))

    again = await ledger.meter.perform(seal(visitor, account.id))
    adopted = [
        await ledger.meter.perform(adopt(account, visitor.id, again.codes)) for _ in range(2)
    ]

    assert (again.outcome, again.codes) == (ActOutcome.UNCHANGED, (code(1),))
    assert [result.outcome for result in adopted] == [ActOutcome.DONE, ActOutcome.UNCHANGED]
    assert sum(isinstance(event, GuestAdopted) for event in await ledger.log()) == 1


async def test_a_carry_over_under_an_unlimited_plan_gives_nothing_back(
    ledger: Ledger, plans: Plans
) -> None:
    """Its window may be of another kind than the one in which the account was charged."""
    plans.add(plan("club", None, window=WindowKind.MONTH))
    visitor, account = guest(), member()
    await decide(ledger, view_of(account, 1))
    await decide(ledger, view_of(account, 2))
    await decide(ledger, view_of(visitor, 3))
    before = await left(ledger, account)

    adopted = await carry_over(ledger, visitor, on_plan(account, "club", 1))

    back = on_plan(account, "registered", 2)
    assert adopted is ActOutcome.DONE
    assert await left(ledger, back) == before
    again = [view_of(back, number) for number in (1, 2, 3)]
    assert await outcomes(ledger, *again) == ["REPEATED"] * 3


async def test_a_guest_becomes_one_account_only(ledger: Ledger) -> None:
    visitor, account = guest(), member()
    await decide(ledger, view_of(visitor, 1))
    await ledger.meter.perform(seal(visitor, account.id))

    other = await ledger.meter.perform(seal(visitor, member().id))

    assert (other.outcome, other.codes) == (ActOutcome.SEALED_FOR_ANOTHER, ())


async def test_an_account_takes_over_five_guests_in_its_life(ledger: Ledger) -> None:
    account = member()
    ended = []
    for number in range(8):
        visitor = guest()
        await decide(ledger, view_of(visitor, number))
        ended.append(await carry_over(ledger, visitor, account))

    assert ended == [ActOutcome.DONE] * 5 + [ActOutcome.TOO_MANY_GUESTS] * 3
    assert await outcomes(ledger, *(view_of(account, number) for number in range(12))) == [
        *["REPEATED"] * 5,
        *["UNLOCKED"] * 5,
        *["LIMIT_REACHED"] * 2,
    ]


async def test_a_guest_with_grants_brings_no_more_than_its_plan_allows(ledger: Ledger) -> None:
    visitor, account = guest(), member()
    await ledger.meter.perform(grant(visitor, 3))
    await outcomes(ledger, *(view_of(visitor, number) for number in (3, 2, 1)))

    sealed = await ledger.meter.perform(seal(visitor, account.id, codes_max=1))

    assert sealed.codes == (code(1),)


async def test_a_window_that_ends_closes_what_was_taken_over(ledger: Ledger) -> None:
    visitor, account = guest(), member("daily")
    await ledger.set_clock(NOON)
    await decide(ledger, view_of(visitor, 1))
    await carry_over(ledger, visitor, account)

    today = await outcomes(ledger, view_of(account, 1), view_of(account, 2))
    await ledger.set_clock(NOON + 86_400_000)
    tomorrow = await outcomes(ledger, view_of(account, 1), view_of(account, 2))

    assert (today, tomorrow) == (["REPEATED", "UNLOCKED"], ["UNLOCKED", "LIMIT_REACHED"])


async def test_a_void_and_a_view_at_once_never_give_two_codes(ledger: Ledger) -> None:
    viewer = guest()
    await decide(ledger, view_of(viewer, 1))

    await asyncio.gather(
        *(ledger.meter.perform(void(viewer, 1)) for _ in range(20)),
        *(ledger.meter.view([view_of(viewer, number)]) for number in range(2, 22)),
    )

    charged = [
        answer
        for answer in await ledger.meter.view([view_of(viewer, number) for number in range(1, 30)])
        if isinstance(answer, Decision) and answer.outcome in (Outcome.UNLOCKED, Outcome.REPEATED)
    ]
    assert len(charged) == 1


async def test_what_cannot_be_written_is_refused_before_anything_is(store: Store) -> None:
    with pytest.raises(ValueError, match="viewer id"):
        await ValkeyLedger(store, Plans()).meter.perform(
            grant(guest().model_copy(update={"id": "x"}), 1)
        )

    assert await (await store.of(7)).keys("*") == []
