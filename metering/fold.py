"""The fold: what the log says about a viewer and a network, one event at a time.

Pure. The live state in the store is a copy of this and never more than this: verify compares the
two field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from schema.codes import CodeKey
from schema.events import PageViewed, WindowNumber
from schema.instants import milliseconds
from schema.usage import Outcome

CHARGED = "c"
"""How a code came to be open: unlocked by a charged view."""


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


def apply(viewer: ViewerState, event: PageViewed) -> ViewerState:
    """The viewer after the event; total: every event of the viewer has an effect or none."""
    if event.outcome is Outcome.NETWORK_LIMIT_REACHED:
        # Nothing is kept of a guest that was never let in: there may be any number of them.
        return viewer
    if event.assignment > viewer.assignment:
        viewer = replace(viewer, assignment=event.assignment)
    if event.outcome is not Outcome.UNLOCKED:
        return viewer
    if viewer.window != event.window:
        viewer = _open_window(viewer, event)
    return replace(
        viewer,
        used=viewer.used + 1,
        codes={**viewer.codes, event.code: CHARGED},
        is_admitted=viewer.is_admitted or event.admission is not None,
    )


def _open_window(viewer: ViewerState, event: PageViewed) -> ViewerState:
    return replace(
        viewer,
        window=event.window,
        anchor_ms=_anchor_ms(viewer, event),
        used=0,
        codes={},
    )


def _anchor_ms(viewer: ViewerState, event: PageViewed) -> int | None:
    if not event.window.kind.startswith("R"):
        return None
    if viewer.window is not None and viewer.window.kind == event.window.kind:
        return viewer.anchor_ms
    return milliseconds(event.recorded_at)


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

    def add(self, event: PageViewed) -> None:
        """Take the shard one event further."""
        self.seq, self.epoch = event.seq, event.epoch
        self.at_ms = milliseconds(event.recorded_at)
        viewer = apply(self.viewer(event.viewer_id), event)
        if viewer is not BLANK:
            self.viewers[event.viewer_id] = viewer
        if event.outcome is Outcome.UNLOCKED and event.admission is not None:
            network = event.admission.network
            self.networks[network] = self.networks.get(network, 0) + 1


BLANK = ViewerState()
