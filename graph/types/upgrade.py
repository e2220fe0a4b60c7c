"""What would open what is closed."""

from enum import StrEnum

import strawberry


@strawberry.enum
class UpgradeAction(StrEnum):
    """What the viewer can do."""

    REGISTER = "REGISTER"
    """Create a free account."""
    LOG_IN = "LOG_IN"
    """Log in to an account there is."""
    WAIT = "WAIT"
    """Until the allowance renews."""
    SUBSCRIBE = "SUBSCRIBE"
    """Take a paid plan."""
    CONTACT_SALES = "CONTACT_SALES"
    """Ask for a contract."""


@strawberry.type
class UpgradeOffer:
    """What would open what is closed."""

    action: UpgradeAction
    """What to do."""
    text: str
    """The sentence to show."""
    additional_views: int | None
    """Code page views it would add; null when unlimited or none."""
