"""What other plans would have granted: every archived view decided anew, its time and its reader as
they were.

Pure. A reader who is refused may come back or not, and one who is let in may go on: nobody knows,
so the views stay the ones that were asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from metering.fold import ADOPTED, ShardState
from metering.log import AnyEvent
from metering.policy import (
    AdmissionRule,
    Verdict,
    decide,
    event_of,
    request_of,
    window_in_force,
)
from metering.windows import kind_of
from schema.events import GuestAdopted, UnlockVoided, ViewEvent
from schema.instants import milliseconds
from schema.people import Network, ViewerKind
from schema.plans import Plan
from schema.usage import Outcome, ViewRequest

OtherPlan = Callable[[str, int], Plan]
"""The plan that stands for a version of a plan, by its key and number."""


@dataclass(slots=True)
class Tally:
    """One kind of viewer, as it was and as it would have been."""

    views: int = 0
    unlocked_was: int = 0
    unlocked_would: int = 0
    refused_was: int = 0
    refused_would: int = 0
    limited_was: set[str] = field(default_factory=set)
    """Viewers who met the limit of their plan."""
    limited_would: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Replay:
    """Takes the events of all shards, each shard's in their order."""

    plan_of: OtherPlan
    admission: AdmissionRule
    counts: Callable[[int], bool]
    """Whether a view of that time, in milliseconds, is counted; all are folded."""
    tallies: dict[ViewerKind, Tally] = field(default_factory=dict)
    undecided: int = 0
    """Views that the other plans would have sent elsewhere: counted as they were alone."""
    _shards: dict[int, ShardState] = field(default_factory=dict)
    _networks: dict[str, str] = field(default_factory=dict)
    """The network of each guest whose own event named it."""

    def add(self, event: AnyEvent) -> None:
        """Take the replay one event further."""
        state = self._shards.setdefault(event.shard, ShardState(event.shard))
        if isinstance(event, ViewEvent):
            self._add_view(state, event)
        elif isinstance(event, UnlockVoided):
            # The window may have another name under the other plan; the code is what was meant.
            window = state.viewer(event.viewer_id).window or event.window
            state.add(event.model_copy(update={"window": window}))
        elif isinstance(event, GuestAdopted):
            self._adopt(state, event)
        else:
            state.add(event)

    def _adopt(self, state: ShardState, event: GuestAdopted) -> None:
        window = state.viewer(event.viewer_id).window or event.window
        state.add(event.model_copy(update={"window": window}))

    def _add_view(self, state: ShardState, event: ViewEvent) -> None:
        at_ms = milliseconds(event.decided_at)
        plan = self.plan_of(event.plan_key, event.plan_version)
        self._rename_window(state, event, plan)
        request = self._request(event, at_ms)
        network = "" if request.viewer.network is None else request.viewer.network.digest
        rule = self.admission
        if event.admission is not None:
            rule = replace(rule, budget=event.admission.budget)
        verdicts = []
        for _ in range(min(event.count, 2)):
            admitted, viewer = state.networks.get(network, 0), state.viewer(event.viewer_id)
            verdict = decide(viewer, admitted, request, plan, at_ms, rule)
            if not isinstance(verdict, Verdict):
                break
            state.add(event_of(request, verdict, seq=event.seq, epoch=event.epoch, now_ms=at_ms))
            verdicts.append(verdict.outcome)
        if self.counts(at_ms):
            self._count(event, verdicts)

    def _request(self, event: ViewEvent, at_ms: int) -> ViewRequest:
        """The request, with the network of the guest where any of its events so far named it."""
        request = request_of(event, self.admission)
        if event.admission is not None:
            self._networks[event.viewer_id] = event.admission.network
        digest = self._networks.get(event.viewer_id)
        if digest is None or request.viewer.network is not None:
            return request
        network = Network(digest=digest, period=self.admission.period_at(at_ms))
        viewer = request.viewer.model_copy(update={"network": network})
        return request.model_copy(update={"viewer": viewer})

    def _rename_window(self, state: ShardState, event: ViewEvent, plan: Plan) -> None:
        """What was only adopted so far, before any view told the plan, is open in its window."""
        viewer = state.viewer(event.viewer_id)
        if viewer.window is None or viewer.window.kind == kind_of(plan):
            return
        if viewer.used == 0 and set(viewer.codes.values()) == {ADOPTED}:
            at_ms = milliseconds(event.decided_at)
            window = window_in_force(replace(viewer, window=None), plan, at_ms).at
            anchor_ms = at_ms if window.kind.startswith("R") else None
            state.viewers[event.viewer_id] = replace(viewer, window=window, anchor_ms=anchor_ms)

    def _count(self, event: ViewEvent, would: list[Outcome]) -> None:
        tally = self.tallies.setdefault(event.viewer_kind, Tally())
        tally.views += event.count
        tally.unlocked_was += event.outcome is Outcome.UNLOCKED
        tally.refused_was += event.count if event.outcome in REFUSALS else 0
        if event.outcome is Outcome.LIMIT_REACHED:
            tally.limited_was.add(event.viewer_id)
        if not would:
            self.undecided += event.count
            return
        # Of several counted together all but the first end as the second does.
        times = (1, event.count - 1)
        for outcome, views in zip(would, times, strict=False):
            tally.unlocked_would += views if outcome is Outcome.UNLOCKED else 0
            tally.refused_would += views if outcome in REFUSALS else 0
        if Outcome.LIMIT_REACHED in would:
            tally.limited_would.add(event.viewer_id)


REFUSALS = (Outcome.LIMIT_REACHED, Outcome.NETWORK_LIMIT_REACHED, Outcome.BLOCKED)
