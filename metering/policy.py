"""The rules of the meter as pure functions: the oracle that the atomic script must agree with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from metering.fold import ViewerState
from metering.networks import KEPT_LENGTH
from metering.windows import MS_PER_DAY, Window, kind_of, window_at, window_numbered
from schema.events import REQUEST_ID_LENGTH, Admission, PageViewed, ViewEvent
from schema.instants import instant, milliseconds
from schema.people import Assignment, Network, Viewer, ViewerKind
from schema.plans import Plan, WindowKind
from schema.usage import Allowance, Outcome, Redirect, ViewRequest

PlanOf = Callable[[Assignment], Awaitable[Plan]]
"""Finds the plan of an assignment; raises LookupError when there is none."""


@dataclass(frozen=True, slots=True)
class AdmissionRule:
    """How many guests of one network may open pages in one period."""

    budget: int = 50
    period_days: int = 30

    def period_at(self, now_ms: int) -> int:
        """The number of the fixed period that an instant falls into."""
        return now_ms // self.period_ms

    def expires_ms(self, period: int) -> int:
        """When the store may sweep away what it knows of a period's networks."""
        return (period + 2) * self.period_ms

    @property
    def period_ms(self) -> int:
        """Length of a period in milliseconds."""
        return self.period_days * MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one view is decided, before anything is recorded."""

    outcome: Outcome
    window: Window
    used: int
    """Views charged in the window, this one included."""
    limit: int | None
    admission: Admission | None = None

    @property
    def resets_ms(self) -> int | None:
        """When the window ends; None for never or not begun."""
        return self.window.ends_ms

    @property
    def allowance(self) -> Allowance:
        """What the viewer has left after this decision."""
        return _allowance(self.window, self.used, self.limit)


def window_in_force(viewer: ViewerState, plan: Plan, now_ms: int) -> Window:
    """The window a view at `now_ms` belongs to.

    Never one before the last window charged, as long as both are of one kind: a plan whose
    calendar lags behind the last one's (another time zone) gives nothing twice.
    """
    if viewer.window is None or viewer.window.kind != kind_of(plan):
        return window_at(plan, now_ms)
    window = window_at(plan, now_ms, viewer.anchor_ms)
    if viewer.window.number > window.at.number:
        return window_numbered(plan, viewer.window.number, viewer.anchor_ms)
    return window


def allowance_of(viewer: ViewerState, plan: Plan, now_ms: int) -> Allowance:
    """What a viewer on a plan has left at `now_ms`."""
    window = window_in_force(viewer, plan, now_ms)
    used = viewer.used if viewer.window == window.at else 0
    return _allowance(window, used, _limit(viewer, plan, now_ms))


def decide(
    viewer: ViewerState,
    admitted: int,
    request: ViewRequest,
    plan: Plan,
    now_ms: int,
    admission: AdmissionRule,
) -> Verdict | Redirect:
    """How the view is to be decided. `admitted`: guests of its network admitted so far."""
    if viewer.moved_to is not None:
        return Redirect.GUEST_SEALED
    if request.viewer.assignment.number < viewer.assignment:
        return Redirect.STALE_ASSIGNMENT
    window = window_in_force(viewer, plan, now_ms)
    is_open = viewer.window == window.at
    used = viewer.used if is_open else 0
    limit = _limit(viewer, plan, now_ms)
    if viewer.is_blocked:
        return Verdict(Outcome.BLOCKED, window, used, limit)
    if limit is None:
        return Verdict(Outcome.UNMETERED, window, used, limit)
    if is_open and request.code in viewer.codes:
        return Verdict(Outcome.REPEATED, window, used, limit)
    if used >= limit:
        return Verdict(Outcome.LIMIT_REACHED, window, used, limit)
    met = _meet_budget(viewer, admitted, request, now_ms, admission)
    if isinstance(met, Redirect):
        return met
    if met is not None and met.admitted > met.budget:
        refused = met.model_copy(update={"admitted": admitted})
        return Verdict(Outcome.NETWORK_LIMIT_REACHED, window, used, limit, refused)
    if plan.window is WindowKind.ROLLING and window.ends_ms is None:
        window = window_at(plan, now_ms, anchor_ms=now_ms)
    return Verdict(Outcome.UNLOCKED, window, used + 1, limit, met)


def _meet_budget(
    viewer: ViewerState,
    admitted: int,
    request: ViewRequest,
    now_ms: int,
    admission: AdmissionRule,
) -> Admission | Redirect | None:
    """The place the guest would take in its network's budget; None when it needs none."""
    network = request.viewer.network
    if request.viewer.kind is not ViewerKind.GUEST or network is None or viewer.is_admitted:
        return None
    if network.period != admission.period_at(now_ms):
        return Redirect.NETWORK_EXPIRED
    kept = network.digest[:KEPT_LENGTH]
    return Admission(network=kept, admitted=admitted + 1, budget=admission.budget)


def _limit(viewer: ViewerState, plan: Plan, now_ms: int) -> int | None:
    if plan.page_view_limit is None:
        return None
    return plan.page_view_limit + viewer.granted(now_ms)


def _allowance(window: Window, used: int, limit: int | None) -> Allowance:
    resets_at = None if window.ends_ms is None else instant(window.ends_ms)
    return Allowance(limit=limit, used=used, resets_at=resets_at)


def event_of(
    request: ViewRequest, verdict: Verdict, *, seq: int, epoch: int, now_ms: int
) -> PageViewed:
    """The event that records a verdict."""
    viewer = request.viewer
    return PageViewed(
        shard=viewer.shard,
        seq=seq,
        epoch=epoch,
        recorded_at=instant(now_ms),
        viewer_id=viewer.id,
        viewer_kind=viewer.kind,
        plan_key=viewer.assignment.plan_key,
        plan_version=viewer.assignment.plan_version,
        assignment=viewer.assignment.number,
        window=verdict.window.at,
        code=request.code,
        outcome=verdict.outcome,
        used=verdict.used,
        limit=verdict.limit,
        admission=verdict.admission,
        request_id=request.request_id[:REQUEST_ID_LENGTH],
        context=request.context,
    )


def request_of(event: ViewEvent, admission: AdmissionRule) -> ViewRequest:
    """The request that an event answers, as far as the decision depends on it."""
    network = None
    if event.admission is not None:
        period = admission.period_at(milliseconds(event.decided_at))
        network = Network(digest=event.admission.network, period=period)
    viewer = Viewer(
        id=event.viewer_id,
        kind=event.viewer_kind,
        shard=event.shard,
        assignment=Assignment(
            plan_key=event.plan_key, plan_version=event.plan_version, number=event.assignment
        ),
        network=network,
    )
    return ViewRequest(
        viewer=viewer, code=event.code, request_id=event.request_id, context=event.context
    )
