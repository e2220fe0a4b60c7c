"""The promises P1 to P7 of the ledger, looked for in what a simulated run left behind.

They are written down from what the readers asked and were told, not from how the meter works;
only P4 asks the fold and the rules.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from metering.fold import ShardState
from metering.live import RECEIPT_MS, viewer_fields
from metering.log import read_event
from metering.policy import Verdict, decide, event_of, request_of
from metering.shards import keys_of
from schema.events import REQUEST_ID_LENGTH, PageViewed
from schema.instants import milliseconds
from schema.plans import Plan, WindowKind
from schema.usage import Decision, Outcome, Redirect
from tests.sim.people import GUEST_LIMIT, PLANS, RULE
from tests.sim.store import Store, Stream
from tests.sim.world import Answered, World

_GRANTING = {Outcome.UNLOCKED, Outcome.REPEATED, Outcome.UNMETERED}


def broken(world: World) -> list[str]:
    """One sentence for each promise that was not kept, which begins with its name."""
    events = {shard: list(events_of(world.store, shard)) for shard in range(64)}
    return [
        *(p for log in events.values() for p in _limits(log)),
        *(p for log in events.values() for p in _calendars(log)),
        *_answers(world, events),
        *_requests(world, events),
        *(p for log in events.values() for p in _networks(log, world)),
        *(p for shard, log in events.items() for p in _balances(world.store, shard, log)),
    ]


def events_of(store: Store, shard: int) -> Iterator[PageViewed]:
    """The log of a shard, oldest first."""
    stream = store.keys.values.get(keys_of(shard).log)
    if isinstance(stream, Stream):
        for (at, seq), pairs in stream.entries.items():
            fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
            yield read_event(shard, f"{at}-{seq}", fields)


def _plan(event: PageViewed) -> Plan:
    return PLANS[event.plan_key, event.plan_version]


def _limits(log: list[PageViewed]) -> Iterator[str]:
    """P1: no more unlocks in a window than the plan in force allows. P2: no code twice.
    P7: what is open without a charge was unlocked before."""
    unlocked: defaultdict[tuple[str, Any], list[str]] = defaultdict(list)
    assignments: dict[str, int] = {}
    for event in log:
        codes = unlocked[event.viewer_id, event.window]
        limit, code = _plan(event).page_view_limit, str(event.code)
        if event.assignment < assignments.get(event.viewer_id, 0):
            yield f"P1: {event.id} was decided under an assignment before the last one seen"
        if event.outcome is not Outcome.NETWORK_LIMIT_REACHED:
            assignments[event.viewer_id] = event.assignment
        if event.outcome is Outcome.UNLOCKED:
            if code in codes:
                yield f"P2: {event.id} charges {event.viewer_id} for {code} again"
            codes.append(code)
            if limit is None or len(codes) > limit:
                yield f"P1: {event.id} is unlock {len(codes)} of {limit} of {event.viewer_id}"
        elif event.outcome is Outcome.REPEATED and code not in codes:
            yield f"P7: {event.id} opens {code}, which {event.viewer_id} never unlocked"
        elif event.outcome is Outcome.UNMETERED and limit is not None:
            yield f"P7: {event.id} opens {code} as if the plan were unlimited"
        elif event.outcome not in _GRANTING and code in codes and limit is not None:
            yield f"P2: {event.id} refuses {code}, which {event.viewer_id} had unlocked"


def _calendars(log: list[PageViewed]) -> Iterator[str]:
    """P1: a window is the one on the calendar, or a later one that was charged already."""
    charged: dict[tuple[str, str], int] = {}
    for event in log:
        plan, last = _plan(event), (event.viewer_id, event.window.kind)
        if plan.window not in (WindowKind.LIFETIME, WindowKind.ROLLING):
            day = event.recorded_at.astimezone(ZoneInfo(plan.time_zone)).date()
            wanted = max(_number(plan.window, day), charged.get(last, 0))
            if event.window.number != wanted:
                yield f"P1: {event.id} is in window {event.window}, the calendar says {wanted}"
        if event.outcome is Outcome.UNLOCKED:
            # Another kind of window makes the viewer forget the one before.
            charged = {key: at for key, at in charged.items() if key[0] != event.viewer_id}
            charged[last] = event.window.number


def _number(kind: WindowKind, day: date) -> int:
    if kind is WindowKind.MONTH:
        return day.year * 12 + day.month - 1
    since = {WindowKind.DAY: date(1970, 1, 1), WindowKind.WEEK: date(1969, 12, 29)}[kind]
    return (day - since).days // (7 if kind is WindowKind.WEEK else 1)


def _answers(world: World, events: dict[int, list[PageViewed]]) -> Iterator[str]:
    """P3: what was answered is in the log, as it was answered. P7 with it: what granted is."""
    by_id = {event.id: event for log in events.values() for event in log}
    for answered in world.answered:
        request, answer = answered.request, answered.answer
        if isinstance(answer, Redirect):
            yield from _redirects(answered)
            continue
        event = by_id.get(answer.event_id)
        if event is None:
            yield f"P3: {request.request_id} was answered {answer.event_id}, which is not there"
        elif _told(answer) != _logged(event) or not _is_of(event, answered):
            yield f"P3: {request.request_id} was answered {answer}, the log says {event}"


def _told(answer: Decision) -> tuple[Any, ...]:
    return (answer.outcome, answer.allowance.used, answer.allowance.limit, answer.recorded_at)


def _logged(event: PageViewed) -> tuple[Any, ...]:
    return (event.outcome, event.used, event.limit, event.recorded_at)


def _is_of(event: PageViewed, answered: Answered) -> bool:
    request = answered.request
    return (event.viewer_id, event.code, event.request_id) == (
        request.viewer.id,
        request.code,
        request.request_id[:REQUEST_ID_LENGTH],
    )


def _redirects(answered: Answered) -> Iterator[str]:
    request = answered.request
    number = request.viewer.assignment.number
    if answered.answer is Redirect.STALE_ASSIGNMENT and number >= answered.newest_assignment:
        yield f"P1: {request.request_id} is sent back, though no later assignment than {number} is"
    if answered.answer is Redirect.GUEST_SEALED:
        yield f"P5: {request.request_id} is sent back: nobody sealed {request.viewer.id}"


def _requests(world: World, events: dict[int, list[PageViewed]]) -> Iterator[str]:
    """P5: one request has one event and one answer, as long as its receipt is kept; and there is
    no event that nobody asked for."""
    asked = {each.request_id[:REQUEST_ID_LENGTH]: each for each in world.asked}
    met: dict[tuple[int, str], PageViewed] = {}
    for shard, log in events.items():
        for event in log:
            before = met.get((shard, event.request_id))
            if before is not None and not _is_forgotten(world, before, event):
                yield f"P5: {event.request_id} has two events, {before.id} and {event.id}"
            met[shard, event.request_id] = event
            request = asked.get(event.request_id)
            if request is None or (request.viewer.id, request.code) != (
                event.viewer_id,
                event.code,
            ):
                yield f"P3: nobody asked for {event.id}"


def _is_forgotten(world: World, before: PageViewed, event: PageViewed) -> bool:
    """Whether the receipt of the first may have expired when the second was written."""
    log = keys_of(event.shard).log
    first_us = world.entered_us[log, before.stream_id]
    second_us = world.entered_us[log, event.stream_id]
    expires_ms = world.clock.shown_ms(first_us) + RECEIPT_MS
    return world.clock.latest_ms(first_us, second_us) >= expires_ms


def _networks(log: list[PageViewed], world: World) -> Iterator[str]:
    """P6: a network's guests unlock no more than its budget times their limit."""
    homes = {each.viewer.id: each.viewer.network for each in world.asked}
    unlocks: Counter[str] = Counter()
    for event in log:
        home = homes.get(event.viewer_id)
        if home is not None and event.outcome is Outcome.UNLOCKED:
            unlocks[home.digest] += 1
            if unlocks[home.digest] > RULE.budget * GUEST_LIMIT:
                yield f"P6: {event.id} is unlock {unlocks[home.digest]} of network {home.digest}"


def _balances(store: Store, shard: int, log: list[PageViewed]) -> Iterator[str]:
    """P4: the live state is the fold of the log, and every decision is that of the rules."""
    state, keys = ShardState(shard), keys_of(shard)
    for event in log:
        if event.seq != state.seq + 1:
            yield f"P4: {event.id} comes after number {state.seq}"
        yield from _decision(state, event)
        state.add(event)
    for viewer_id, viewer in state.viewers.items():
        yield from _differs(store, keys.viewer(viewer_id), viewer_fields(viewer))
    for network, admitted in state.networks.items():
        # Swept away once its period is long over.
        if store.keys.get(keys.network(network), dict) is not None:
            yield from _differs(store, keys.network(network), {"admitted": str(admitted)})
        elif RULE.expires_ms(int(network[5:11])) > store.keys.now_ms:
            yield f"P4: network {network} is gone"
    if log:
        head = {"format": "1", "seq": state.seq, "epoch": state.epoch, "at": state.at_ms}
        yield from _differs(store, keys.head, {name: str(value) for name, value in head.items()})
    yield from _unexplained(store, shard, state)


def _unexplained(store: Store, shard: int, state: ShardState) -> Iterator[str]:
    keys = keys_of(shard)
    known = {keys.log, keys.head, *(keys.viewer(each) for each in state.viewers)}
    known |= {keys.network(each) for each in state.networks}
    for key in store.keys.values:
        if key.startswith(f"{{{keys.tag}}}") and key not in known:
            if not key.startswith(keys.receipt("")):
                yield f"P4: key {key} is not in the log"
            elif key not in store.keys.expiries:
                yield f"P4: receipt {key} is kept for ever"


def _differs(store: Store, key: str, said: dict[str, str]) -> Iterator[str]:
    stored = store.keys.get(key, dict) or {}
    if stored != said:
        yield f"P4: {key} is {stored}, the log says {said}"


def _decision(state: ShardState, event: PageViewed) -> Iterator[str]:
    request, admitted = request_of(event, RULE), 0
    if event.admission is not None:
        admitted = state.networks.get(event.admission.network, 0)
    now_ms = milliseconds(event.recorded_at)
    viewer = state.viewer(event.viewer_id)
    verdict = decide(viewer, admitted, request, _plan(event), now_ms, RULE)
    if isinstance(verdict, Verdict):
        derived = event_of(request, verdict, seq=event.seq, epoch=event.epoch, now_ms=now_ms)
        if derived == event:
            return
    yield f"P4: {event.id} is {event.outcome} {event.used} of {event.limit}, not {verdict}"
