"""The proof of decisions: whether the rules decide each view of the log as its event says."""

from dataclasses import replace

from metering.findings import Findings
from metering.fold import ShardState
from metering.policy import AdmissionRule, PlanOf, Verdict, decide, event_of, request_of
from metering.terms import Terms
from schema.events import PageViewed
from schema.instants import milliseconds
from schema.usage import Redirect

_DERIVED = ("outcome", "used", "limit", "window", "admission")


class Decisions:
    """Decides views a second time."""

    def __init__(self, plan_of: PlanOf, admission: AdmissionRule, found: Findings) -> None:
        self._plan_of = plan_of
        self._admission = admission
        self._found = found
        self.terms: dict[str, Terms] = {}
        """Of the plans met so far, by key and version as events write them."""

    async def verify(self, event: PageViewed, state: ShardState) -> Verdict | None:
        """How the rules decide the event's view in the shard's state before it; None when they
        would not. What differs from the event is found."""
        verdict = await self._derive(event, state)
        if isinstance(verdict, str):
            self._found.add("decision", f"event {event.id}: {verdict}")
            return None
        self._compare(event, verdict)
        return verdict

    async def _derive(self, event: PageViewed, state: ShardState) -> Verdict | str:
        """How the rules decide the event's request; a sentence when they would not."""
        request = request_of(event, self._admission)
        try:
            plan = await self._plan_of(request.viewer.assignment)
        except LookupError as unknown:
            return str(unknown)
        name = f"{event.plan_key}.{event.plan_version}"
        if name not in self.terms:
            self.terms[name] = Terms(plan)
        rule, admitted = self._admission, 0
        if event.admission is not None:
            rule = replace(rule, budget=event.admission.budget)
            # A budget that was full when the first of several was refused may be full no more.
            is_counted = event.first_at is not None
            admitted = state.networks.get(event.admission.network, 0)
            admitted = event.admission.admitted if is_counted else admitted
        viewer = state.viewer(event.viewer_id)
        now_ms = milliseconds(event.decided_at)
        verdict = decide(viewer, admitted, request, plan, now_ms, rule)
        return f"should have been {verdict}" if isinstance(verdict, Redirect) else verdict

    def _compare(self, event: PageViewed, verdict: Verdict) -> None:
        derived = event_of(
            request_of(event, self._admission),
            verdict,
            seq=event.seq,
            epoch=event.epoch,
            now_ms=milliseconds(event.decided_at),
        )
        for name in _DERIVED:
            stored, said = getattr(event, name), getattr(derived, name)
            if stored != said:
                self._found.add(
                    f"decision {name}",
                    f"event {event.id}: {name} is {stored}, not {said}",
                )
