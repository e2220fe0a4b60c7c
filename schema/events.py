"""Events: what happened at the meter, one frozen past fact each; the log holds nothing else.

docs/events.md says how each is written and what it changes.
"""

from datetime import datetime
from typing import NamedTuple

from schema.codes import CodeKey
from schema.instants import milliseconds
from schema.people import ViewerKind
from schema.shape import Shape
from schema.usage import Outcome, ViewContext

REQUEST_ID_LENGTH = 12
"""Characters of a request id that its event keeps: 72 bits find a request, and the receipt holds
the whole id while it matters."""


class WindowNumber(NamedTuple):
    """Which window of which kind; numbers compare only within one kind."""

    kind: str
    """`L` lifetime, `D` day, `W` week, `M` month, `R` and a number of days: rolling."""
    number: int
    """Counts up with time, 0 or more."""

    def __str__(self) -> str:
        return f"{self.kind}.{self.number}"


class Admission(Shape):
    """How a guest met the admission budget of its network."""

    network: str
    """The first 12 characters of the network's digest."""
    admitted: int
    """Guests of the network admitted so far, this one included when the view admitted it."""
    budget: int
    """Most guests of one network that could be admitted when this was decided."""


class Event(Shape):
    """What every event says: where it stands, and when it was recorded."""

    shard: int
    seq: int
    """Counts up by one within the shard, from 1; a missing number is a lost event."""
    epoch: int
    """Counts the times the shard's live state was made anew, from 1."""
    recorded_at: datetime
    """The store's clock when it was recorded, UTC, in milliseconds; never earlier than the event
    before."""

    @property
    def id(self) -> str:
        """`<shard>:<epoch>:<stream id>`, unique among all events for ever."""
        return f"{self.shard}:{self.epoch}:{self.stream_id}"

    @property
    def stream_id(self) -> str:
        """`<milliseconds>-<seq>`, the place of the event in its shard's stream."""
        return f"{milliseconds(self.recorded_at)}-{self.seq}"


class ViewerEvent(Event):
    """Something that happened to one viewer."""

    viewer_id: str
    request_id: str
    """The first REQUEST_ID_LENGTH characters of the request's id."""


class ViewEvent(ViewerEvent):
    """A page view and how it was decided, wherever that was."""

    viewer_kind: ViewerKind
    plan_key: str
    plan_version: int
    assignment: int
    """Number of the plan assignment that the decision was made under."""
    window: WindowNumber
    """The window in force for the viewer."""
    code: CodeKey
    outcome: Outcome
    used: int
    """Views charged in the window, this one included."""
    limit: int | None
    """Views allowed in the window, grants included; None when unlimited."""
    admission: Admission | None
    """Set on the UNLOCKED view that admitted a guest, and on NETWORK_LIMIT_REACHED."""
    context: ViewContext
    count: int = 1
    """Views this event stands for; above 1 only for repeats and refusals counted together."""

    @property
    def decided_at(self) -> datetime:
        """When the view was decided, the first where several were counted together."""
        return self.recorded_at


class PageViewed(ViewEvent):
    """One page view, decided by the ledger itself."""

    first_at: datetime | None = None
    """When the first of several views counted together was decided; None for a single one."""

    @property
    def decided_at(self) -> datetime:
        """As ViewEvent.decided_at."""
        return self.recorded_at if self.first_at is None else self.first_at


class UnlockImported(ViewEvent):
    """A view that was decided elsewhere while the store was away, entered afterwards."""

    at: datetime
    """When it was decided, UTC."""

    @property
    def decided_at(self) -> datetime:
        """As ViewEvent.decided_at."""
        return self.at


class StaffEvent(ViewerEvent):
    """What somebody of the site did to a viewer, and why."""

    actor: str
    """Id of the user who did it, or `system`."""
    reason: str
    """One sentence, at most 200 characters, that names nobody."""


class UnlockVoided(StaffEvent):
    """A charged view was given back: the code is closed again and the view can be spent anew."""

    window: WindowNumber
    code: CodeKey
    cause: str
    """One word."""


class AllowanceGranted(StaffEvent):
    """Views on top of the plan, in every window until they expire."""

    units: int
    expires_at: datetime | None
    """When they count no more, UTC; None for never."""


class GrantVoided(StaffEvent):
    """A grant was taken back; what was opened with it stays open."""

    grant_seq: int
    """The seq of the AllowanceGranted that counts no more."""


class PlanSet(StaffEvent):
    """The viewer is on another plan; decisions under an older assignment are sent back."""

    viewer_kind: ViewerKind
    plan_key: str
    plan_version: int
    assignment: int


class GuestSealed(ViewerEvent):
    """The guest became an account and opens nothing any more."""

    account_id: str
    codes: tuple[CodeKey, ...]
    """What the account may take over, sorted."""


class GuestAdopted(ViewerEvent):
    """The account took over what a guest had open, uncharged."""

    window: WindowNumber
    """The account's window in which the codes are open."""
    guest_id: str
    codes: tuple[CodeKey, ...]


class ViewerBlocked(StaffEvent):
    """Access to code pages was closed."""


class ViewerUnblocked(StaffEvent):
    """Access to code pages was opened again."""


class WindowReset(Event):
    """An operator let a viewer's window, or a network's budget, begin anew."""

    request_id: str
    viewer_id: str | None = None
    """None where a network was reset."""
    network: str | None = None
    """The first 12 characters of the network's digest; None where a viewer was reset."""
    actor: str
    reason: str


class ViewerErased(StaffEvent):
    """Everything known of the viewer was dropped."""


class EpochOpened(Event):
    """The live state of the shard was made anew from what is known of its log."""

    cause: str
    """One word."""
    proven: int
    """The last seq whose event is known to be there; this event's own seq lies beyond every seq
    that was ever given."""
