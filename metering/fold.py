"""The fold: what the log says about a viewer and a network, one event at a time.

Pure. The live state in the store is a copy of this and never more than this: verify compares the
two field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from metering.log import AnyEvent
from schema.codes import CodeKey
from schema.events import (
    AllowanceGranted,
    EpochOpened,
    GrantVoided,
    GuestAdopted,
    GuestSealed,
    PageViewed,
    PlanSet,
    UnlockImported,
    UnlockVoided,
    ViewerBlocked,
    ViewerErased,
    ViewerUnblocked,
    ViewEvent,
    WindowNumber,
    WindowReset,
)
from schema.instants import milliseconds
from schema.usage import Outcome

CHARGED = "c"
"""How a code came to be open: unlocked by a charged view."""
ADOPTED = "a"
"""Taken over from a guest, uncharged."""
IMPORTED = "i"
"""Unlocked by a charged view while the store was away."""


class Grant(NamedTuple):
    """Views that an operator gave on top of the plan, in every window until they expire."""

    units: int
    expires_ms: int
    """0 when they never do."""
    seq: int
    """The event that granted them."""


@dataclass(frozen=True, slots=True)
class ViewerState:
    """Everything a decision needs to know about one viewer."""

    window: WindowNumber | None = None
    """The last window something was charged in; None before the first."""
    anchor_ms: int | None = None
    """Start of rolling window 0; None for the other kinds."""
    used: int = 0
    """Views charged in `window`."""
    codes: Mapping[CodeKey, str] = field(default_factory=dict)
    """Codes open in `window` and how each came to be."""
    assignment: int = 0
    """The highest plan assignment number seen: a lower one is refused."""
    is_admitted: bool = False
    """Whether a guest has taken a place in its network's budget."""
    grants: tuple[Grant, ...] = ()
    is_blocked: bool = False
    moved_to: str | None = None
    """The account that a sealed guest became; None while it is open."""
    adopted: tuple[str, ...] = ()
    """Ids of the guests whose codes were carried over to this account, in that order."""

    def granted(self, now_ms: int) -> int:
        """Views granted on top of the plan and not expired."""
        return sum(
            grant.units
            for grant in self.grants
            if grant.expires_ms == 0 or grant.expires_ms > now_ms
        )


def apply(viewer: ViewerState, event: AnyEvent) -> ViewerState:
    """The viewer after an event of its own; total: every event has an effect or none."""
    match event:
        case PageViewed() | UnlockImported():
            return _viewed(viewer, event)
        case UnlockVoided():
            return _voided(viewer, event)
        case AllowanceGranted():
            expires_ms = 0 if event.expires_at is None else milliseconds(event.expires_at)
            grant = Grant(event.units, expires_ms, event.seq)
            return replace(viewer, grants=(*viewer.grants, grant))
        case GrantVoided():
            left = tuple(grant for grant in viewer.grants if grant.seq != event.grant_seq)
            return replace(viewer, grants=left)
        case PlanSet():
            return replace(viewer, assignment=max(viewer.assignment, event.assignment))
        case GuestSealed():
            return replace(viewer, moved_to=event.account_id)
        case GuestAdopted():
            return _adopted(viewer, event)
        case ViewerBlocked():
            return replace(viewer, is_blocked=True)
        case ViewerUnblocked():
            return replace(viewer, is_blocked=False)
        case WindowReset():
            return replace(viewer, window=None, anchor_ms=None, used=0, codes={})
        case ViewerErased():
            return BLANK
        case EpochOpened():
            return viewer


def _viewed(viewer: ViewerState, event: PageViewed | UnlockImported) -> ViewerState:
    if event.outcome is Outcome.NETWORK_LIMIT_REACHED or viewer.moved_to is not None:
        # Nothing is kept of a guest that was never let in: there may be any number of them. And
        # nothing changes for one that was sealed while the view was on its way from elsewhere.
        return viewer
    if event.assignment > viewer.assignment:
        viewer = replace(viewer, assignment=event.assignment)
    if event.outcome is not Outcome.UNLOCKED or not is_charged_by(viewer, event):
        return viewer
    if viewer.window != event.window:
        viewer = _open_window(viewer, event.window, milliseconds(event.decided_at))
    how = IMPORTED if isinstance(event, UnlockImported) else CHARGED
    return replace(
        viewer,
        used=viewer.used + 1,
        codes={**viewer.codes, event.code: how},
        is_admitted=viewer.is_admitted or event.admission is not None,
    )


def is_charged_by(viewer: ViewerState, event: ViewEvent) -> bool:
    """Whether an unlocking view charges: one that comes late charges nothing that is open, and
    nothing in a window that the viewer has left."""
    if viewer.window is None or viewer.window.kind != event.window.kind:
        return True
    if event.window.number < viewer.window.number:
        return False
    return event.window != viewer.window or event.code not in viewer.codes


def _voided(viewer: ViewerState, event: UnlockVoided) -> ViewerState:
    if viewer.window != event.window or viewer.codes.get(event.code) not in (CHARGED, IMPORTED):
        return viewer
    codes = {code: how for code, how in viewer.codes.items() if code != event.code}
    return replace(viewer, used=viewer.used - 1, codes=codes)


def _adopted(viewer: ViewerState, event: GuestAdopted) -> ViewerState:
    if event.guest_id in viewer.adopted:
        return viewer
    if viewer.window != event.window:
        viewer = _open_window(viewer, event.window, milliseconds(event.recorded_at))
    return replace(
        viewer,
        adopted=(*viewer.adopted, event.guest_id),
        codes={**dict.fromkeys(event.codes, ADOPTED), **viewer.codes},
    )


def _open_window(viewer: ViewerState, window: WindowNumber, at_ms: int) -> ViewerState:
    anchor_ms = None
    if window.kind.startswith("R"):
        is_same = viewer.window is not None and viewer.window.kind == window.kind
        anchor_ms = viewer.anchor_ms if is_same else at_ms
    return replace(viewer, window=window, anchor_ms=anchor_ms, used=0, codes={})


@dataclass(slots=True)
class ShardState:
    """One shard as its log says: a box that the fold fills, event after event."""

    shard: int
    seq: int = 0
    epoch: int = 1
    at_ms: int = 0
    """When the last event was recorded; the shard's clock never goes behind it."""
    viewers: dict[str, ViewerState] = field(default_factory=dict)
    networks: dict[str, int] = field(default_factory=dict)
    """Guests admitted, by network digest."""

    def viewer(self, viewer_id: str) -> ViewerState:
        """The viewer's state, blank when the log has not met them."""
        return self.viewers.get(viewer_id, BLANK)

    def add(self, event: AnyEvent) -> None:
        """Take the shard one event further."""
        self.seq, self.epoch = event.seq, event.epoch
        self.at_ms = milliseconds(event.recorded_at)
        if isinstance(event, EpochOpened):
            return
        if event.viewer_id is None:
            self.networks.pop(event.network or "", None)
            return
        before = self.viewer(event.viewer_id)
        after = apply(before, event)
        if after == BLANK:
            self.viewers.pop(event.viewer_id, None)
        elif after is not before:
            self.viewers[event.viewer_id] = after
        if isinstance(event, PageViewed | UnlockImported):
            self._admit(before, after, event)

    def _admit(self, before: ViewerState, after: ViewerState, event: ViewEvent) -> None:
        """Count the place that the view took in the budget of the guest's network."""
        if event.admission is not None and after.is_admitted and not before.is_admitted:
            network = event.admission.network
            self.networks[network] = self.networks.get(network, 0) + 1


BLANK = ViewerState()
