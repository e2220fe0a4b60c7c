"""The viewer and the allowance as GraphQL types."""

from datetime import datetime
from enum import StrEnum

import strawberry

from graph.types.upgrade import UpgradeOffer
from schema.people import ViewerKind

strawberry.enum(ViewerKind)


@strawberry.enum
class Meter(StrEnum):
    """What is counted."""

    CODE_PAGE_VIEW = "CODE_PAGE_VIEW"
    """Code pages opened."""


@strawberry.type
class Allowance:
    """What a viewer has left."""

    meter: Meter
    """What is counted."""
    limit: int | None
    """How many in one window; null when unlimited."""
    used: int
    """How many were charged in this window."""
    remaining: int | None
    """How many are left, 0 or more; null when unlimited."""
    is_unlimited: bool
    """Whether there is no limit."""
    resets_at: datetime | None
    """When the window starts anew, UTC; null when it never does or has not begun."""
    banner: str | None
    """The sentence to show above a page; null when unlimited."""
    upgrade: UpgradeOffer | None
    """What would give more; null when unlimited."""


@strawberry.enum
class LimitKind(StrEnum):
    """Whose allowance is spent."""

    VIEWER = "VIEWER"
    """The viewer's own."""
    NETWORK = "NETWORK"
    """That of the new guests of the viewer's network."""
