"""Usage: what a viewer asked of the meter, and what the meter answered."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from schema.codes import CodeKey
from schema.pages import SectionKind
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
    def is_charging(self) -> bool:
        """Whether the view takes one of the viewer's page views."""
        return self is Outcome.UNLOCKED


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


class ClientClass(StrEnum):
    """What kind of program asked."""

    BROWSER = "browser"
    APP = "app"
    PARTNER = "partner"
    OTHER = "other"


class ReferrerClass(StrEnum):
    """What kind of page led to the view."""

    SITE = "site"
    """A page of this site."""
    SEARCH = "search"
    """A search engine."""
    TOOL = "tool"
    """One of the site's tools, such as its assistant or its code lookup."""
    OTHER = "other"
    """Any other page."""


class ViewContext(Shape):
    """Where a view came from, for usage figures; never an address or a raw header."""

    client: ClientClass = ClientClass.OTHER
    referrer: ReferrerClass | None = None
    """None when the client did not say."""
    section: SectionKind | None = None
    """The one section asked for; None for several and for the whole page."""
    key_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,16}$")
    """Which of a partner's keys asked, by its public name; None for everybody else."""


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
    event_id: str | None
    """`<shard>:<epoch>:<stream id>` of the event in the log; None where repeats or refusals of
    one viewer come so fast that they are counted, and recorded together within a minute."""
    recorded_at: datetime
    """The store's clock when it decided, UTC."""
    is_replayed: bool
    """True when the same request had been decided before and its receipt answered."""


class Redirect(StrEnum):
    """Why a view was not decided: nothing was written, and the caller asks again as it says."""

    STALE_ASSIGNMENT = "STALE_ASSIGNMENT"
    """The store has seen a later plan of this viewer: load the viewer again."""
    GUEST_SEALED = "GUEST_SEALED"
    """The guest became an account and never opens again: ask as the account or as a new guest."""
    NETWORK_EXPIRED = "NETWORK_EXPIRED"
    """The guest's network pseudonym is not of the current admission period, and the guest was
    never admitted: ask as a new guest."""
