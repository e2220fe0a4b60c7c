"""What a log says about one viewer, told a second time and in the plainest way: the promises are
looked for with this, not with the fold that the ledger itself is made with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from metering.log import AnyEvent
from schema.acts import ADOPTED_GUESTS_MAX
from schema.events import (
    AllowanceGranted,
    GrantVoided,
    GuestAdopted,
    GuestSealed,
    PageViewed,
    PlanSet,
    UnlockVoided,
    ViewerBlocked,
    ViewerErased,
    ViewerUnblocked,
    WindowNumber,
    WindowReset,
)
from schema.plans import Plan, WindowKind
from schema.usage import Outcome
from tests.sim.people import GUEST_LIMIT, PLANS

GRANTING = {Outcome.UNLOCKED, Outcome.REPEATED, Outcome.UNMETERED}


@dataclass(slots=True)
class Truth:
    """One viewer as far as the log was read."""

    window: WindowNumber | None = None
    charged: set[str] = field(default_factory=set)
    """Codes charged in the window and not given back."""
    adopted_codes: set[str] = field(default_factory=set)
    grants: dict[int, tuple[int, datetime | None]] = field(default_factory=dict)
    assignment: int = 0
    is_admitted: bool = False
    is_blocked: bool = False
    account: str | None = None
    adopted: list[str] = field(default_factory=list)

    def meet(self, event: AnyEvent) -> Iterator[str]:
        """Promises that the event breaks; afterwards the viewer is as it says."""
        match event:
            case PageViewed():
                yield from self._view(event)
            case UnlockVoided():
                if event.window != self.window or str(event.code) not in self.charged:
                    yield f"P2: {event.id} gives back {event.code}, which was not charged"
                self.charged.discard(str(event.code))
            case AllowanceGranted():
                self.grants[event.seq] = (event.units, event.expires_at)
            case GrantVoided():
                if self.grants.pop(event.grant_seq, None) is None:
                    yield f"P5: {event.id} takes back a grant that is not there"
            case PlanSet():
                if event.assignment <= self.assignment:
                    yield f"P1: {event.id} sets assignment {event.assignment} again"
                self.assignment = event.assignment
            case ViewerBlocked():
                self.is_blocked = True
            case ViewerUnblocked():
                self.is_blocked = False
            case WindowReset():
                self.window = None
                self.charged, self.adopted_codes = set(), set()
            case GuestSealed():
                yield from self._sealed(event)
            case GuestAdopted():
                yield from self._adopt(event)
            case ViewerErased():
                self.__init__()  # type: ignore[misc]  # as if nobody had met the viewer

    def _view(self, event: PageViewed) -> Iterator[str]:
        plan, code = PLANS[event.plan_key, event.plan_version], str(event.code)
        if event.assignment < self.assignment:
            yield f"P1: {event.id} was decided under an assignment before the last one seen"
        if self.is_blocked and event.outcome is not Outcome.BLOCKED:
            yield f"P7: {event.id} was not refused, though the viewer is blocked"
        if self.account is not None:
            yield f"P1: {event.id} is a view of a guest that became {self.account}"
        yield from self._calendar(event, plan)
        if event.outcome is not Outcome.NETWORK_LIMIT_REACHED:
            self.assignment = event.assignment
        is_open = event.window == self.window and code in self.charged | self.adopted_codes
        if event.outcome is Outcome.UNLOCKED:
            if is_open:
                yield f"P2: {event.id} charges {code}, which is open"
            self._open(event.window)
            self.charged.add(code)
            self.is_admitted = True
            limit = self._limit(plan, event.decided_at)
            if limit is None or len(self.charged) > limit:
                yield f"P1: {event.id} is unlock {len(self.charged)} of {limit}"
        elif event.outcome is Outcome.REPEATED and not is_open:
            yield f"P7: {event.id} opens {code}, which was never unlocked"
        elif event.outcome is Outcome.UNMETERED and plan.page_view_limit is not None:
            yield f"P7: {event.id} opens {code} as if the plan were unlimited"
        elif event.outcome not in GRANTING and is_open and not self.is_blocked:
            yield f"P2: {event.id} refuses {code}, which is open"

    def _calendar(self, event: PageViewed, plan: Plan) -> Iterator[str]:
        """A window is the one on the calendar, or a later one that was charged already."""
        if plan.window in (WindowKind.LIFETIME, WindowKind.ROLLING):
            return
        day = event.decided_at.astimezone(ZoneInfo(plan.time_zone)).date()
        wanted = _number(plan.window, day)
        if self.window is not None and self.window.kind == event.window.kind:
            wanted = max(wanted, self.window.number)
        if event.window.number != wanted:
            yield f"P1: {event.id} is in window {event.window}, the calendar says {wanted}"

    def _limit(self, plan: Plan, at: datetime) -> int | None:
        if plan.page_view_limit is None:
            return None
        valid = (units for units, ends in self.grants.values() if ends is None or ends > at)
        return plan.page_view_limit + sum(valid)

    def _open(self, window: WindowNumber) -> None:
        if window != self.window:
            self.window = window
            self.charged, self.adopted_codes = set(), set()

    def _sealed(self, event: GuestSealed) -> Iterator[str]:
        held = sorted(self.charged | self.adopted_codes)
        if self.account is not None:
            yield f"P5: {event.id} seals a guest a second time"
        if [str(code) for code in event.codes] != held[:GUEST_LIMIT]:
            yield f"P5: {event.id} hands over {event.codes}, the guest had {held}"
        self.account = event.account_id

    def _adopt(self, event: GuestAdopted) -> Iterator[str]:
        if event.guest_id in self.adopted:
            yield f"P5: {event.id} takes over {event.guest_id} a second time"
        self.adopted.append(event.guest_id)
        if len(self.adopted) > ADOPTED_GUESTS_MAX or len(event.codes) > GUEST_LIMIT:
            yield f"P1: {event.id} takes over more than an account may"
        self._open(event.window)
        self.adopted_codes |= {str(code) for code in event.codes} - self.charged


def _number(kind: WindowKind, day: date) -> int:
    if kind is WindowKind.MONTH:
        return day.year * 12 + day.month - 1
    since = {WindowKind.DAY: date(1970, 1, 1), WindowKind.WEEK: date(1969, 12, 29)}[kind]
    return (day - since).days // (7 if kind is WindowKind.WEEK else 1)
