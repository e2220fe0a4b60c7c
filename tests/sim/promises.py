"""The promises P1 to P7 of the ledger, looked for in what a simulated run left behind.

They are written down from what was asked and told, not from how the meter works; only P4 asks the
fold and the rules.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from metering.fold import ShardState
from metering.live import RECEIPT_MS, viewer_fields
from metering.log import AnyEvent, read_event
from metering.policy import Verdict, decide, event_of, request_of
from metering.shards import keys_of
from schema.acts import ActOutcome, AdoptGuest, ResetNetwork
from schema.events import (
    REQUEST_ID_LENGTH,
    EpochOpened,
    GuestAdopted,
    GuestSealed,
    PageViewed,
    UnlockVoided,
    ViewerErased,
    WindowReset,
)
from schema.instants import milliseconds
from schema.usage import Decision, Outcome, Redirect
from tests.sim.people import PLANS, RULE
from tests.sim.store import Store, Stream
from tests.sim.truth import Truth
from tests.sim.world import Answered, World

Logs = dict[int, list[AnyEvent]]
"""The events of each shard that has any, oldest first."""


def broken(world: World) -> list[str]:
    """One sentence for each promise that was not kept, which begins with its name."""
    read = {shard: list(events_of(world.store, shard)) for shard in range(64)}
    logs = {shard: log for shard, log in read.items() if log}
    return [
        *(problem for log in logs.values() for problem in _viewers(log, world)),
        *_answers(world, logs),
        *_acts(world, logs),
        *_floods(world, logs),
        *_requests(world, logs),
        *_carried_over(world, logs),
        *(problem for shard, log in logs.items() for problem in _balances(world, shard, log)),
        *_unexplained(world.store, logs),
    ]


def events_of(store: Store, shard: int) -> Iterator[AnyEvent]:
    """The log of a shard, oldest first."""
    stream = store.keys.values.get(keys_of(shard).log)
    if isinstance(stream, Stream):
        for (at, seq), pairs in stream.entries.items():
            fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
            yield read_event(shard, f"{at}-{seq}", fields)


def _viewers(log: list[AnyEvent], world: World) -> Iterator[str]:
    """P1, P2 and P7 of each viewer, and P6: a network admits no more guests than its budget."""
    homes = {each.viewer.id: each.viewer.network for each in world.asked}
    truths: dict[str, Truth] = {}
    admitted: Counter[str] = Counter()
    for event in log:
        if isinstance(event, EpochOpened):
            continue
        if event.viewer_id is None:
            admitted[str(event.network)] = 0
            continue
        truth = truths.setdefault(event.viewer_id, Truth())
        was_admitted, home = truth.is_admitted, homes.get(event.viewer_id)
        yield from truth.meet(event)
        if home is not None and truth.is_admitted and not was_admitted:
            network = home.digest[:12]
            admitted[network] += 1
            if admitted[network] > RULE.budget:
                yield f"P6: {event.id} admits guest {admitted[network]} of network {network}"


def _answers(world: World, logs: Logs) -> Iterator[str]:
    """P3: what was answered is in the log, as it was answered. P7 with it: what granted is."""
    by_id = {event.id: event for log in logs.values() for event in log}
    for answered in world.answered:
        request, answer = answered.request, answered.answer
        if isinstance(answer, Redirect):
            yield from _redirect(answered, answer)
        elif answer.event_id is not None:
            event = by_id.get(answer.event_id)
            if not isinstance(event, PageViewed):
                yield f"P3: {request.request_id} was answered {answer.event_id}: not there"
            elif _told(answered, answer) != _logged(event):
                yield f"P3: {request.request_id} was answered {answer}, the log says {event}"


def _told(answered: Answered, answer: Decision) -> tuple[Any, ...]:
    request, allowance = answered.request, answer.allowance
    whose = (request.viewer.id, request.code, request.request_id[:REQUEST_ID_LENGTH])
    return (*whose, answer.outcome, allowance.used, allowance.limit, answer.recorded_at)


def _logged(event: PageViewed) -> tuple[Any, ...]:
    whose = (event.viewer_id, event.code, event.request_id)
    return (*whose, event.outcome, event.used, event.limit, event.recorded_at)


def _redirect(answered: Answered, answer: Redirect) -> Iterator[str]:
    request = answered.request
    number = request.viewer.assignment.number
    if answer is Redirect.STALE_ASSIGNMENT and number >= answered.newest_assignment:
        yield f"P1: {request.request_id} is sent back, though {number} is the last assignment"
    if answer is Redirect.GUEST_SEALED and not answered.is_guest_leaving:
        yield f"P5: {request.request_id} is sent back: nobody sealed {request.viewer.id}"


def _acts(world: World, logs: Logs) -> Iterator[str]:
    """P3 of what was done besides: what was answered is in the log, of whom it was done to."""
    by_id = {event.id: event for log in logs.values() for event in log}
    for performed in world.performed:
        act, result = performed.act, performed.result
        if result.outcome is not ActOutcome.DONE:
            continue
        event = by_id.get(str(result.event_id))
        if event is None or isinstance(event, EpochOpened):
            yield f"P3: {act.request_id} was answered {result.event_id}, which is not there"
        elif (event.viewer_id, event.request_id) != (_whose(act), act.request_id[:12]):
            yield f"P3: {act!r} was answered with the event of another, {event.id}"


def _whose(act: Any) -> str | None:
    if isinstance(act, ResetNetwork):
        return None
    return str(act.viewer.id if isinstance(act, AdoptGuest) else act.viewer_id)


def _floods(world: World, logs: Logs) -> Iterator[str]:
    """P3 of what is counted: no fewer in the log than were answered."""
    counted: Counter[tuple[str, Any]] = Counter()
    for log in logs.values():
        for event in log:
            if isinstance(event, PageViewed) and event.first_at is not None:
                counted[event.viewer_id, event.outcome] += event.count
    answered: defaultdict[tuple[str, Any], set[str]] = defaultdict(set)
    for each in world.answered:
        if isinstance(each.answer, Decision) and each.answer.event_id is None:
            # A request that is asked again is answered from its receipt and counts once.
            answered[each.request.viewer.id, each.answer.outcome].add(each.request.request_id)
            if each.answer.outcome in (Outcome.UNLOCKED, Outcome.UNMETERED):
                yield f"P3: {each.request.request_id} is {each.answer.outcome} and only counted"
    for key, requests in answered.items():
        if counted[key] < len(requests):
            said = f"{len(requests)} times uncounted, {counted[key]} are in the log"
            yield f"P3: {key} was answered {said}"


def _requests(world: World, logs: Logs) -> Iterator[str]:
    """P5: one request has one event as long as its receipt is kept; and there is no event that
    nobody asked for."""
    asked: dict[str, Any] = {each.request_id[:12]: each.viewer.id for each in world.asked}
    asked |= {act.request_id[:12]: _whose(act) for act in world.begun}
    met: dict[tuple[int, str], AnyEvent] = {}
    for shard, log in logs.items():
        for event in log:
            if isinstance(event, EpochOpened):
                continue
            if asked.get(event.request_id, "nobody") != event.viewer_id:
                yield f"P3: nobody asked for {event.id}"
            if isinstance(event, PageViewed) and event.first_at is not None:
                continue  # what is counted has no receipt
            before = met.get((shard, event.request_id))
            if before is not None and not _is_forgotten(world, before, event):
                yield f"P5: {event.request_id} has two events, {before.id} and {event.id}"
            met[shard, event.request_id] = event


def _is_forgotten(world: World, before: AnyEvent, event: AnyEvent) -> bool:
    """Whether the receipt of the first may have expired when the second was written."""
    log = keys_of(event.shard).log
    first_us = world.entered_us[log, before.stream_id]
    second_us = world.entered_us[log, event.stream_id]
    # The clock may have jumped in the very microsecond, behind the event.
    written_ms = min(world.clock.shown_ms(first_us - 1), world.clock.shown_ms(first_us))
    expires_ms = written_ms + RECEIPT_MS
    return world.clock.latest_ms(first_us, second_us) >= expires_ms


def _carried_over(world: World, logs: Logs) -> Iterator[str]:
    """Whatever a guest had when it became an account arrives there, however it was cut off."""
    events = [event for log in logs.values() for event in log]
    arrived = {(e.guest_id, e.viewer_id) for e in events if isinstance(e, GuestAdopted)}
    # What staff takes from a guest on its way does not arrive.
    lost = ViewerErased | WindowReset | UnlockVoided
    erased = {event.viewer_id for event in events if isinstance(event, lost)}
    full = {
        performed.act.viewer.id
        for performed in world.performed
        if isinstance(performed.act, AdoptGuest)
        and performed.result.outcome is ActOutcome.TOO_MANY_GUESTS
    }
    for event in events:
        if not isinstance(event, GuestSealed) or not event.codes:
            continue
        pair = (event.viewer_id, event.account_id)
        if pair not in arrived and not erased & set(pair) and pair[1] not in full:
            yield f"P2: what {pair[0]} had open never reached {pair[1]}"


def _balances(world: World, shard: int, log: list[AnyEvent]) -> Iterator[str]:
    """P4: the live state is the fold of the log, and every decision is that of the rules."""
    state, keys, store = ShardState(shard), keys_of(shard), world.store
    latest_ms = world.clock.latest_ms(0, world.loop.now_us)
    for event in log:
        if event.seq != state.seq + 1:
            yield f"P4: {event.id} comes after number {state.seq}"
        if isinstance(event, PageViewed):
            yield from _decision(state, event)
        state.add(event)
    for key in _hashes(store, keys.viewer("")) | {keys.viewer(each) for each in state.viewers}:
        viewer = state.viewer(key.removeprefix(keys.viewer("")))
        yield from _differs(store, key, viewer_fields(viewer))
    for network, admitted in state.networks.items():
        # Swept away once its period is long over.
        if store.keys.get(keys.network(network), dict) is not None:
            yield from _differs(store, keys.network(network), {"admitted": str(admitted)})
        elif RULE.expires_ms(int(network[5:11])) > latest_ms:
            yield f"P4: network {network} is gone"
    head = {"format": "1", "seq": state.seq, "epoch": state.epoch, "at": state.at_ms}
    yield from _differs(store, keys.head, {name: str(value) for name, value in head.items()})


def _hashes(store: Store, prefix: str) -> set[str]:
    return {key for key in store.keys.values if key.startswith(prefix)}


def _unexplained(store: Store, logs: Logs) -> Iterator[str]:
    """P4: what is in the store besides is a receipt or a flood, and goes away by itself."""
    known = {keys_of(shard).log for shard in logs}
    known |= {keys_of(shard).head for shard in logs}
    for key in sorted(store.keys.values.keys() - known):
        kind = key.split(":")[1]
        if kind in {"r", "f"} and key not in store.keys.expiries:
            yield f"P4: {key} is kept for ever"
        elif kind not in {"r", "f", "v", "n"}:
            yield f"P4: key {key} is not in the log"


def _differs(store: Store, key: str, said: dict[str, str]) -> Iterator[str]:
    stored = store.keys.get(key, dict) or {}
    if stored != said:
        yield f"P4: {key} is {stored}, the log says {said}"


def _decision(state: ShardState, event: PageViewed) -> Iterator[str]:
    # What was counted was decided when the first of it was.
    at = event.model_copy(update={"recorded_at": event.decided_at})
    request, admitted = request_of(at, RULE), 0
    if event.admission is not None:
        admitted = state.networks.get(event.admission.network, 0)
        if event.first_at is not None:
            admitted = event.admission.admitted
    now_ms = milliseconds(event.decided_at)
    plan = PLANS[event.plan_key, event.plan_version]
    verdict = decide(state.viewer(event.viewer_id), admitted, request, plan, now_ms, RULE)
    if isinstance(verdict, Verdict):
        derived = event_of(request, verdict, seq=event.seq, epoch=event.epoch, now_ms=now_ms)
        if _derived(derived) == _derived(event):
            return
    yield f"P4: {event.id} is {event.outcome} {event.used} of {event.limit}, not {verdict}"


def _derived(event: PageViewed) -> tuple[Any, ...]:
    return (event.outcome, event.window, event.used, event.limit, event.admission)
