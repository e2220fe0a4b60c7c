"""Events: what happened at the meter, one frozen past fact each; the log holds nothing else."""

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


class PageViewed(Shape):
    """One page view and how it was decided; format version 1 of docs/events.md."""

    shard: int
    seq: int
    """Counts up by one within the shard, from 1; a missing number is a lost event."""
    epoch: int
    """Counts the times the shard's live state was made anew, from 1."""
    recorded_at: datetime
    """The store's clock when it decided, UTC, in milliseconds; never earlier than the event
    before."""
    viewer_id: str
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
    request_id: str
    """The first REQUEST_ID_LENGTH characters of the request's id."""
    context: ViewContext
    count: int = 1
    """Views this event stands for; above 1 only for repeats and refusals counted together."""

    @property
    def id(self) -> str:
        """`<shard>:<epoch>:<stream id>`, unique among all events for ever."""
        return f"{self.shard}:{self.epoch}:{self.stream_id}"

    @property
    def stream_id(self) -> str:
        """`<milliseconds>-<seq>`, the place of the event in its shard's stream."""
        return f"{milliseconds(self.recorded_at)}-{self.seq}"
