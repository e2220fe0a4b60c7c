"""Acts: what may be done to a viewer's ledger besides viewing a page, and how that ends."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from schema.codes import CodeKey
from schema.people import Assignment, Viewer, ViewerKind
from schema.shape import Shape

REASON_MAX_LENGTH = 200
UNITS_MAX = 1_000_000
GRANTS_MAX = 50
"""Grants of one viewer that may stand at once, expired ones included."""
ADOPTED_GUESTS_MAX = 5
"""Guests whose codes one account may take over in its life."""
SYSTEM = "system"
"""The actor of what no person did."""


class Act(Shape):
    """Something to be done to one viewer; the same request id is done once."""

    viewer_id: str
    shard: int
    """The shard that holds the viewer's ledger, 0 to 63."""
    request_id: str
    """22 URL-safe characters that name this act and no other."""


class StaffAct(Act):
    """An act of somebody of the site, who says why."""

    actor: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    """Id of the user who does it, or SYSTEM."""
    reason: str = Field(min_length=1, max_length=REASON_MAX_LENGTH)
    """One sentence that names nobody."""


class VoidUnlock(StaffAct):
    """Give a charged view back."""

    code: CodeKey
    cause: str = Field(pattern=r"^[a-z][a-z_]{0,31}$")
    """One word."""


class GrantViews(StaffAct):
    """Grant views on top of the plan."""

    units: int = Field(ge=1, le=UNITS_MAX)
    """Views in every window."""
    expires_at: datetime | None
    """When they count no more, UTC; None for never."""


class VoidGrant(StaffAct):
    """Take a grant back."""

    grant_seq: int = Field(ge=1)
    """The seq of the event that granted it."""


class SetPlan(StaffAct):
    """Fence off decisions under older assignments of the viewer's plan."""

    viewer_kind: ViewerKind
    assignment: Assignment


class BlockViewer(StaffAct):
    """Close access to code pages."""


class UnblockViewer(StaffAct):
    """Open access to code pages again."""


class ResetViewer(StaffAct):
    """Let the viewer's window begin anew: nothing used, nothing open."""


class EraseViewer(StaffAct):
    """Drop everything known of the viewer."""


class ResetNetwork(Shape):
    """Let a network's admission budget begin anew; guests it admitted stay admitted."""

    network: str = Field(pattern=r"^[A-Za-z0-9_-]{12}$")
    """The first 12 characters of the network's digest."""
    shard: int
    request_id: str
    actor: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")
    reason: str = Field(min_length=1, max_length=REASON_MAX_LENGTH)


class SealGuest(Act):
    """Make a guest open nothing any more, since it became an account."""

    account_id: str
    codes_max: int = Field(ge=0, le=1000)
    """Most codes that may be taken over: the guest plan's limit."""


class AdoptGuest(Shape):
    """Open for an account, uncharged, what a sealed guest had open."""

    viewer: Viewer
    """The account."""
    guest_id: str
    codes: tuple[CodeKey, ...]
    """As sealing the guest answered them."""
    request_id: str


AnyAct = (
    VoidUnlock
    | GrantViews
    | VoidGrant
    | SetPlan
    | BlockViewer
    | UnblockViewer
    | ResetViewer
    | EraseViewer
    | ResetNetwork
    | SealGuest
    | AdoptGuest
)


class ActOutcome(StrEnum):
    """How an act ended; nothing was recorded but for DONE."""

    DONE = "DONE"
    UNCHANGED = "UNCHANGED"
    """It is so already."""
    NOT_UNLOCKED = "NOT_UNLOCKED"
    """The viewer was not charged for that code in its last window."""
    NO_SUCH_GRANT = "NO_SUCH_GRANT"
    TOO_MANY_GRANTS = "TOO_MANY_GRANTS"
    STALE_ASSIGNMENT = "STALE_ASSIGNMENT"
    """The store has seen a later assignment of this viewer."""
    SEALED_FOR_ANOTHER = "SEALED_FOR_ANOTHER"
    """The guest became another account."""
    TOO_MANY_GUESTS = "TOO_MANY_GUESTS"
    """The account has taken over as many guests as it may in its life."""


class ActResult(Shape):
    """How an act ended."""

    outcome: ActOutcome
    event_id: str | None = None
    """The event that records it; None unless DONE."""
    recorded_at: datetime | None = None
    """The store's clock when it was done, UTC; None unless DONE."""
    is_replayed: bool = False
    """True when the same request had been done before."""
    codes: tuple[CodeKey, ...] = ()
    """What a sealed guest leaves to its account, sorted; also when it was sealed for it before."""
