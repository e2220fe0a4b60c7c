"""What every meter promises: one body, run over the meter in memory and the one in Valkey."""

from datetime import datetime, timedelta

import pytest

from metering.fold import Grant
from schema.instants import instant
from schema.pages import SectionKind
from schema.usage import (
    Allowance,
    ClientClass,
    Decision,
    Outcome,
    Redirect,
    ReferrerClass,
    ViewContext,
)
from tests.metering.ledgers import (
    ADMISSION,
    Ledger,
    code,
    decide,
    guest,
    member,
    ms,
    on_plan,
    outcomes,
    token,
    view_of,
)

# Times to come: the store's own clock is always behind them.
NOON = ms("2040-05-06T12:00")
MIDNIGHT = ms("2040-05-07")
CONTEXT = ViewContext(
    client=ClientClass.BROWSER,
    referrer=ReferrerClass.SEARCH,
    section=SectionKind.CROSSWALKS,
    key_id="key-1",
)


async def test_guest_first_page_is_charged_and_the_second_is_refused(ledger: Ledger) -> None:
    viewer = guest()

    first = await decide(ledger, view_of(viewer, 1))
    second = await decide(ledger, view_of(viewer, 2))

    assert (first.outcome, first.is_charged, first.is_replayed) == (Outcome.UNLOCKED, True, False)
    assert first.allowance == Allowance(limit=1, used=1, resets_at=None)
    assert (second.outcome, second.is_charged) == (Outcome.LIMIT_REACHED, False)
    assert second.allowance == Allowance(limit=1, used=1, resets_at=None)
    assert await ledger.meter.allowance(viewer) == Allowance(limit=1, used=1, resets_at=None)


async def test_an_unlocked_page_is_free_even_when_nothing_is_left(ledger: Ledger) -> None:
    viewer = guest()
    await decide(ledger, view_of(viewer, 1))

    again = await decide(ledger, view_of(viewer, 1))

    assert (again.outcome, again.is_charged) == (Outcome.REPEATED, False)
    assert again.allowance.used == 1


async def test_requests_of_one_call_are_decided_in_their_order(ledger: Ledger) -> None:
    viewer = member()

    got = await outcomes(ledger, *(view_of(viewer, n) for n in (1, 2, 1, 3, 4, 5, 6, 6, 5)))

    assert got == [
        *("UNLOCKED", "UNLOCKED", "REPEATED", "UNLOCKED", "UNLOCKED", "UNLOCKED"),
        *("LIMIT_REACHED", "LIMIT_REACHED", "REPEATED"),
    ]


async def test_every_view_is_one_event_with_its_whole_story(ledger: Ledger) -> None:
    viewer = guest()
    request = view_of(viewer, 1).model_copy(update={"context": CONTEXT})

    decision = await decide(ledger, request)

    [event] = await ledger.log()
    assert (event.shard, event.seq, event.epoch) == (7, 1, 1)
    assert (event.id, event.recorded_at) == (decision.event_id, decision.recorded_at)
    assert (event.viewer_id, event.viewer_kind) == (viewer.id, viewer.kind)
    assert (event.plan_key, event.plan_version, event.assignment) == ("guest", 1, 0)
    assert (event.window, event.code, event.outcome) == (("L", 0), code(1), Outcome.UNLOCKED)
    assert (event.used, event.limit, event.admission) == (1, 1, None)
    assert (event.request_id, event.context) == (request.request_id[:12], CONTEXT)
    assert event.count == 1


async def test_numbers_of_a_shard_have_no_gap(ledger: Ledger) -> None:
    await outcomes(ledger, *(view_of(guest(), n % 3) for n in range(20)))

    assert [event.seq for event in await ledger.log()] == list(range(1, 21))


async def test_the_same_request_gets_the_same_answer_and_one_event(ledger: Ledger) -> None:
    request = view_of(guest(), 1)

    first = await decide(ledger, request)
    again = await decide(ledger, request)

    assert again == first.model_copy(update={"is_replayed": True})
    assert again.is_charged
    assert len(await ledger.log()) == 1


async def test_an_unlimited_viewer_reads_freely_and_collects_no_codes(ledger: Ledger) -> None:
    viewer = member("subscriber")

    got = await outcomes(ledger, *(view_of(viewer, n) for n in (1, 2, 1)))

    assert got == ["UNMETERED"] * 3
    assert await ledger.meter.allowance(viewer) == Allowance(limit=None, used=0, resets_at=None)
    assert await outcomes(ledger, view_of(on_plan(viewer, "guest", 1), 1)) == ["UNLOCKED"]


async def test_after_an_unlimited_plan_only_charged_codes_stay_open(ledger: Ledger) -> None:
    viewer = member("guest")
    await decide(ledger, view_of(viewer, 1))
    await decide(ledger, view_of(on_plan(viewer, "subscriber", 1), 2))

    got = await outcomes(ledger, *(view_of(on_plan(viewer, "guest", 2), n) for n in (1, 2)))

    assert got == ["REPEATED", "LIMIT_REACHED"]


async def test_an_older_assignment_is_sent_back_and_leaves_no_trace(ledger: Ledger) -> None:
    viewer = member()
    await decide(ledger, view_of(on_plan(viewer, "subscriber", 3), 1))

    got = await outcomes(ledger, view_of(on_plan(viewer, "registered", 2), 2))

    assert got == [Redirect.STALE_ASSIGNMENT]
    assert len(await ledger.log()) == 1


async def test_a_blocked_viewer_is_refused_what_it_had_opened(ledger: Ledger) -> None:
    viewer = member("subscriber")
    await ledger.change(viewer, is_blocked=True)

    assert await outcomes(ledger, view_of(viewer, 1)) == ["BLOCKED"]
    assert [event.outcome for event in await ledger.log()] == [Outcome.BLOCKED]


async def test_a_sealed_guest_never_opens_again_and_leaves_no_trace(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.change(viewer, moved_to=f"u{token()}")

    assert await outcomes(ledger, view_of(viewer, 1)) == [Redirect.GUEST_SEALED]
    assert await ledger.log() == []


async def test_a_receipt_answers_even_a_guest_sealed_meanwhile(ledger: Ledger) -> None:
    viewer = guest()
    request = view_of(viewer, 1)
    first = await decide(ledger, request)
    await ledger.change(viewer, moved_to=f"u{token()}")

    assert await decide(ledger, request) == first.model_copy(update={"is_replayed": True})


async def test_grants_raise_the_limit_until_they_expire(ledger: Ledger) -> None:
    viewer = guest()
    await ledger.change(viewer, grants=(Grant(1, 0, 1), Grant(2, NOON, 2)))

    await ledger.set_clock(NOON - 1)
    assert await outcomes(ledger, *(view_of(viewer, n) for n in (1, 2, 3))) == ["UNLOCKED"] * 3
    await ledger.set_clock(NOON)

    refused = await decide(ledger, view_of(viewer, 4))
    assert refused.outcome is Outcome.LIMIT_REACHED
    assert refused.allowance == Allowance(limit=2, used=3, resets_at=None)
    assert refused.allowance.remaining == 0


async def test_a_network_admits_its_budget_of_guests_and_no_more(ledger: Ledger) -> None:
    network = token()
    guests = [guest(network) for _ in range(52)]

    got = await outcomes(ledger, *(view_of(viewer, 1) for viewer in guests))

    assert got == ["UNLOCKED"] * 50 + ["NETWORK_LIMIT_REACHED"] * 2
    admissions = [event.admission for event in await ledger.log()]
    assert [a.admitted for a in admissions if a] == [*range(1, 51), 50, 50]
    assert {(a.network, a.budget) for a in admissions if a} == {(network[:12], 50)}


async def test_a_guest_refused_by_its_network_keeps_its_own_allowance(ledger: Ledger) -> None:
    network = token()
    await outcomes(ledger, *(view_of(guest(network), 1) for _ in range(50)))
    late = guest(network)

    refused = await decide(ledger, view_of(late, 1))

    assert refused.outcome is Outcome.NETWORK_LIMIT_REACHED
    assert refused.allowance == Allowance(limit=1, used=0, resets_at=None)
    assert await ledger.meter.allowance(late) == refused.allowance


async def test_an_admitted_guest_repeats_and_is_refused_without_its_network(ledger: Ledger) -> None:
    network = token()
    viewer = guest(network)
    await decide(ledger, view_of(viewer, 1))
    await outcomes(ledger, *(view_of(guest(network), 1) for _ in range(49)))

    assert await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2)) == [
        "REPEATED",
        "LIMIT_REACHED",
    ]


async def test_networks_and_exempt_guests_do_not_share_a_budget(ledger: Ledger) -> None:
    await outcomes(ledger, *(view_of(guest(network), 1) for network in [token()] * 50))

    assert await outcomes(ledger, view_of(guest(token()), 1), view_of(guest(), 1)) == [
        "UNLOCKED",
        "UNLOCKED",
    ]


async def test_a_guest_of_a_past_period_is_sent_away_before_anything_is_spent(
    ledger: Ledger,
) -> None:
    period = ADMISSION.period_at(NOON)
    late, current = guest(token(), period=period - 1), guest(token(), period=period)
    await ledger.set_clock(NOON)

    got = await outcomes(ledger, view_of(late, 1), view_of(current, 1))

    assert got == [Redirect.NETWORK_EXPIRED, "UNLOCKED"]
    assert [event.viewer_id for event in await ledger.log()] == [current.id]


async def test_an_admitted_guest_outlives_its_period(ledger: Ledger) -> None:
    viewer = guest(token(), plan_key="daily", period=ADMISSION.period_at(NOON))
    await ledger.set_clock(NOON)
    await decide(ledger, view_of(viewer, 1))
    await ledger.set_clock(NOON + 2 * ADMISSION.period_ms)

    again = await decide(ledger, view_of(viewer, 2))

    assert again.outcome is Outcome.UNLOCKED
    assert [bool(event.admission) for event in await ledger.log()] == [True, False]


async def test_a_guest_named_by_the_clock_that_decides_is_admitted(ledger: Ledger) -> None:
    """However wrong the clock of the machine is that asks."""
    await ledger.step_back()
    period = ADMISSION.period_at(await ledger.meter.now_ms())

    assert await outcomes(ledger, view_of(guest(token(), period=period), 1)) == ["UNLOCKED"]


@pytest.mark.parametrize(
    ("plan_key", "edge"),
    [("daily", "2040-05-07T00:00+00:00"), ("auckland", "2040-05-07T00:00+12:00")],
)
async def test_a_day_begins_at_midnight_of_the_plans_zone_to_the_millisecond(
    ledger: Ledger, plan_key: str, edge: str
) -> None:
    viewer = member(plan_key)
    resets_at = datetime.fromisoformat(edge)
    await ledger.set_clock(ms(edge) - 1)

    before = await decide(ledger, view_of(viewer, 1))
    refused = await decide(ledger, view_of(viewer, 2))
    await ledger.set_clock(ms(edge))
    left = await ledger.meter.allowance(viewer)
    after = await decide(ledger, view_of(viewer, 2))
    charged_again = await decide(ledger, view_of(viewer, 1))

    assert (before.outcome, refused.outcome) == (Outcome.UNLOCKED, Outcome.LIMIT_REACHED)
    assert before.allowance.resets_at == refused.allowance.resets_at == resets_at
    assert left == Allowance(limit=1, used=0, resets_at=resets_at + timedelta(days=1))
    assert (after.outcome, charged_again.outcome) == (Outcome.UNLOCKED, Outcome.LIMIT_REACHED)
    assert after.recorded_at == resets_at


async def test_a_clock_that_steps_back_opens_no_window_again(ledger: Ledger) -> None:
    viewer = member("daily")
    await ledger.set_clock(MIDNIGHT - 1)
    await decide(ledger, view_of(viewer, 1))
    await ledger.set_clock(MIDNIGHT)
    await decide(ledger, view_of(viewer, 2))

    await ledger.step_back()
    got = await outcomes(ledger, *(view_of(viewer, n) for n in (1, 2, 3)))

    assert got == ["LIMIT_REACHED", "REPEATED", "LIMIT_REACHED"]
    assert {event.recorded_at for event in (await ledger.log())[1:]} == {instant(MIDNIGHT)}


async def test_a_plan_whose_calendar_lags_gives_nothing_twice(ledger: Ledger) -> None:
    viewer = member("auckland")
    await ledger.set_clock(MIDNIGHT - 1)
    await decide(ledger, view_of(viewer, 1))

    moved = on_plan(viewer, "daily", 1)
    refused = await decide(ledger, view_of(moved, 2))
    await ledger.set_clock(MIDNIGHT + 86_400_000)
    opened = await decide(ledger, view_of(moved, 2))

    assert refused.outcome is Outcome.LIMIT_REACHED
    assert refused.allowance.resets_at == instant(MIDNIGHT + 86_400_000)
    assert opened.outcome is Outcome.UNLOCKED


async def test_a_new_kind_of_window_starts_a_new_window(ledger: Ledger) -> None:
    viewer = member("guest")
    await decide(ledger, view_of(viewer, 1))

    assert await outcomes(ledger, view_of(on_plan(viewer, "daily", 1), 1)) == ["UNLOCKED"]
    assert await outcomes(ledger, view_of(on_plan(viewer, "monthly", 2), 1)) == ["UNLOCKED"]
    assert [event.window.kind for event in await ledger.log()] == ["L", "D", "M"]


async def test_rolling_windows_are_counted_from_the_first_unlock(ledger: Ledger) -> None:
    viewer = member("rolling")
    assert (await ledger.meter.allowance(viewer)).resets_at is None
    await ledger.set_clock(NOON)

    first = await decide(ledger, view_of(viewer, 1))
    await ledger.set_clock(NOON + 30 * 86_400_000 - 1)
    refused = await decide(ledger, view_of(viewer, 2))
    await ledger.set_clock(NOON + 75 * 86_400_000)
    third = await decide(ledger, view_of(viewer, 2))

    assert first.allowance == Allowance(limit=1, used=1, resets_at=instant(NOON) + timedelta(30))
    assert refused.outcome is Outcome.LIMIT_REACHED
    assert refused.allowance == first.allowance
    assert third.outcome is Outcome.UNLOCKED
    assert third.allowance.resets_at == instant(NOON) + timedelta(days=90)
    assert (await ledger.log())[-1].window == ("R30", 2)


async def test_what_outlives_a_window_is_kept_and_its_codes_are_not(ledger: Ledger) -> None:
    viewer = guest(token(), plan_key="daily", period=ADMISSION.period_at(NOON), number=4)
    await ledger.set_clock(NOON)
    await ledger.change(viewer, grants=(Grant(1, 0, 1),), adopted=("g" + "x" * 22,))
    await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))
    await ledger.set_clock(NOON + 86_400_000)

    got = await outcomes(ledger, *(view_of(viewer, n) for n in (3, 1, 2, 3)))

    assert got == ["UNLOCKED", "UNLOCKED", "LIMIT_REACHED", "REPEATED"]
    stale = on_plan(viewer, "daily", 3)
    assert await outcomes(ledger, view_of(stale, 3)) == [Redirect.STALE_ASSIGNMENT]


async def test_a_plan_that_does_not_exist_is_an_error_and_leaves_no_trace(ledger: Ledger) -> None:
    with pytest.raises(LookupError):
        await ledger.meter.view([view_of(member("unheard-of"), 1)])

    assert await ledger.log() == []


async def test_no_requests_are_no_answers(ledger: Ledger) -> None:
    assert await ledger.meter.view([]) == []


def test_a_decision_can_be_told_from_a_redirect() -> None:
    assert not isinstance(Redirect.GUEST_SEALED, Decision)
