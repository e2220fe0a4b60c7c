"""Plans: what a viewer may do, as data."""

from enum import StrEnum

from schema.pages import SectionKind
from schema.people import ViewerKind
from schema.shape import Shape


class WindowKind(StrEnum):
    """How a plan's allowance renews."""

    LIFETIME = "LIFETIME"
    """Never."""
    DAY = "DAY"
    """At midnight."""
    WEEK = "WEEK"
    """At Monday's midnight."""
    MONTH = "MONTH"
    """At the midnight that begins a month."""
    ROLLING = "ROLLING"
    """Every `rolling_days`, counted from the viewer's first unlock."""


class PlanTerms(Shape):
    """What a plan says, before it is a version."""

    key: str
    page_view_limit: int | None
    """Code pages that may be opened in one window; None when unlimited."""
    window: WindowKind
    time_zone: str
    """IANA name of the zone in which calendar windows begin."""
    rolling_days: int | None
    """Length of a rolling window in days of 24 hours; None for the other kinds."""
    open_sections: frozenset[SectionKind]
    """Sections open on a granted page."""
    can_list_crosswalks: bool
    """Whether the root field `crosswalks` answers this plan."""
    viewer_kind: ViewerKind
    """What kind of viewer whoever is on the plan is; the same in all its versions."""
    points_capacity: int = 1000
    """Points of the API that may be spent at once."""
    points_per_second: int = 20
    """Points that come back in a second."""


class Plan(PlanTerms):
    """One version of one plan; a change of terms is a new version, never an edit."""

    version: int
