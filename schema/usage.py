"""Usage: what a viewer asked of the meter, and what the meter answered."""

from datetime import datetime
from enum import StrEnum

from schema.codes import CodeKey
from schema.people import Viewer
from schema.shape import Shape


class Outcome(StrEnum):
    """How the meter decided one page view."""

    UNLOCKED = "UNLOCKED"
    """Granted and charged: the first granted view of this code in this window."""
    REPEATED = "REPEATED"
    """Granted and free: unlocked before in this window."""
    UNMETERED = "UNMETERED"
    """Granted and free: the plan is unlimited."""
    LIMIT_REACHED = "LIMIT_REACHED"
    """Refused: the viewer's allowance is spent."""
    NETWORK_LIMIT_REACHED = "NETWORK_LIMIT_REACHED"
    """Refused: too many new guests of this network; the viewer's own allowance is untouched."""
    BLOCKED = "BLOCKED"
    """Refused: an operator closed this viewer's access."""

    @property
    def is_granted(self) -> bool:
        """Whether the page may be shown."""
        return self in (Outcome.UNLOCKED, Outcome.REPEATED, Outcome.UNMETERED)


class Allowance(Shape):
    """What a viewer has left in the current window."""

    limit: int | None
    """Code pages that may be opened in this window; None when unlimited."""
    used: int
    """Code pages charged in this window."""
    resets_at: datetime | None
    """When the window starts anew, UTC; None for a lifetime allowance and for a rolling window
    that has not begun."""

    @property
    def remaining(self) -> int | None:
        """Code pages that may still be opened, 0 or more; None when unlimited."""
        return None if self.limit is None else max(0, self.limit - self.used)


class ViewContext(Shape):
    """Where a view came from, for usage figures; never an address or a raw header."""

    client: str = "other"
    """Class of the client: `browser`, `app`, `partner` or `other`."""


class ViewRequest(Shape):
    """One request to open one code page."""

    viewer: Viewer
    code: CodeKey
    request_id: str
    """Digest of the viewer, the client's key, the response path and the code, 22 characters: the
    same request has the same id, another code or viewer never does."""
    context: ViewContext = ViewContext()


class Decision(Shape):
    """The meter's answer to one page view, recorded in the log before it was given."""

    outcome: Outcome
    is_charged: bool
    """Whether this view took one of the viewer's page views; also true when the answer is
    repeated from a receipt of a view that did."""
    allowance: Allowance
    """What the viewer has left after this decision."""
    event_id: str
    """`<shard>:<epoch>:<stream id>` of the event in the log."""
    recorded_at: datetime
    """The store's clock when it decided, UTC."""
    is_replayed: bool
    """True when the same request had been decided before and its receipt answered."""
