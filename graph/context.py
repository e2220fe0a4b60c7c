"""What every resolver is handed: who asks, what there is to ask, and one clock reading."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import strawberry

from db.loaded import Loaded
from db.plans import PlanBook
from db.pool import Database
from graph.day import Day
from graph.identity import Visit
from graph.limits import Limits
from graph.loaders import Loaders
from graph.people.keys import Keys
from graph.people.office import BackOffice
from graph.people.parts import People
from graph.points import UNPAID, Paid
from metering.meter import Meter
from schema.people import ViewerKind
from schema.plans import Plan


@dataclass(frozen=True)
class Services:
    """The parts that live as long as the process, plugged together in graph/app.py."""

    database: Database
    meter: Meter
    plans: PlanBook
    now: Callable[[], datetime]
    """The clock, UTC."""
    event_id: Callable[[str], strawberry.ID]
    """The published form of an event's id, which tells nothing of other events."""
    people: People
    """What accounts and sessions are made of."""
    office: BackOffice
    """What the site's staff works with."""
    loaded: Loaded
    """What is loaded of the catalogue, and the number of its last change."""
    keys: Keys
    """What partners do with their keys."""


@dataclass(frozen=True)
class Context:
    """One request."""

    services: Services
    visit: Visit
    request_key: str
    """The client's Idempotency-Key, or one made for this request."""
    now: datetime
    """When the request came, UTC."""
    limits: Limits
    """What one request of this viewer may cost."""
    has_own_key: bool = False
    """Whether the request key is the client's."""
    paid: Paid = UNPAID
    """What the operation costs, and what it left."""
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        services = self.services
        loaders = Loaders(services.database, services.meter, services.loaded)
        object.__setattr__(self, "loaders", loaders)

    @property
    def today(self) -> Day:
        """The day that answers are given as of, unless the question names one."""
        return Day(self.now.date())

    async def plan(self) -> Plan:
        """The plan of whoever asks, in the version they are on; a visitor without a token is on
        the newest guest plan."""
        viewer = self.visit.viewer
        plans = self.services.plans
        return await plans.plan_of(viewer.assignment) if viewer else plans.newest["guest"]

    @property
    def viewer_kind(self) -> ViewerKind:
        """What kind of viewer asks; a visitor without a token is a guest."""
        return self.visit.viewer_kind


Info = strawberry.Info[Context, None]
