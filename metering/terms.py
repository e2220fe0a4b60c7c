"""What a plan says to nearly everybody at an instant: those without grants, block and the like."""

import math

from metering.log import read_window
from metering.windows import kind_of, window_at
from schema.plans import Plan, WindowKind


class Terms:
    """A plan at an instant; the instants come nearly in order, so a window is found once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._kind = kind_of(plan)
        self._number = 0
        self.limit = plan.page_view_limit
        self.limit_text = "" if self.limit is None else str(self.limit)
        """As events write it."""
        self.is_rolling = plan.window is WindowKind.ROLLING
        """Whether the window depends on the viewer: nothing below is right then."""
        self.starts_ms: float = math.inf
        self.ends_ms: float = -math.inf
        self.window = ""
        """As events write it; right from `starts_ms` up to `ends_ms`."""
        self.resets = ""
        """When it ends, as receipts write it."""

    def move_to(self, at_ms: int) -> None:
        """Make the window the one that an instant falls into."""
        window = window_at(self._plan, at_ms)
        self.window, self._number = str(window.at), window.at.number
        self.starts_ms = window.starts_ms
        self.ends_ms = math.inf if window.ends_ms is None else window.ends_ms
        self.resets = "-" if window.ends_ms is None else str(window.ends_ms)

    def is_after(self, window: str) -> bool:
        """Whether a viewer whose last window was this one is in the plan's now."""
        kind, number = read_window(window)
        return kind != self._kind or number <= self._number
