"""Plans as GraphQL types: what staff writes and reads."""

from datetime import datetime

import strawberry

from schema import plans as shapes
from schema.pages import SectionKind
from schema.people import ViewerKind
from schema.plans import WindowKind

strawberry.enum(WindowKind)


@strawberry.type
class Plan:
    """One version of one plan. Versions never change: other terms are another version."""

    key: str
    """What the plan is called."""
    version: int
    """Which version of it, from 1."""
    viewer_kind: ViewerKind
    """What kind of viewer whoever is on it is."""
    page_view_limit: int | None
    """Code pages that may be opened in one window; null when unlimited."""
    window: WindowKind
    """How the allowance renews."""
    time_zone: str
    """IANA name of the zone in which calendar windows begin."""
    rolling_days: int | None
    """Length of a rolling window in days of 24 hours; null for the other kinds."""
    open_sections: list[SectionKind]
    """Sections open on a granted page, in the order of the page."""
    can_list_crosswalks: bool
    """Whether the root field `crosswalks` answers."""
    points_capacity: int
    """Points of the API that may be spent at once."""
    points_per_second: int
    """Points that come back in a second."""

    @classmethod
    def of(cls, plan: shapes.Plan) -> "Plan":
        """The published form of a version."""
        return cls(
            key=plan.key,
            version=plan.version,
            viewer_kind=plan.viewer_kind,
            page_view_limit=plan.page_view_limit,
            window=plan.window,
            time_zone=plan.time_zone,
            rolling_days=plan.rolling_days,
            open_sections=[kind for kind in SectionKind if kind in plan.open_sections],
            can_list_crosswalks=plan.can_list_crosswalks,
            points_capacity=plan.points_capacity,
            points_per_second=plan.points_per_second,
        )


@strawberry.type
class Plans:
    """Every plan there is."""

    items: list[Plan]
    """The newest version of each, by key."""


@strawberry.type
class PlanAssignment:
    """A time for which an account was put on a plan."""

    number: int
    """Counts the changes of this account's plan, from 0."""
    plan_key: str
    """The plan."""
    plan_version: int
    """Its version."""
    ends_at: datetime | None
    """When the free plan takes its place, UTC; null for never."""
    actor: str
    """Who moved the account: the pseudonym of a member of the staff, or `system`."""
    reason: str
    """Why."""
    made_at: datetime
    """When, UTC."""
