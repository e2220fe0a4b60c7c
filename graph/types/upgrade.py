"""What would open what is closed."""

from enum import StrEnum

import strawberry


@strawberry.enum
class UpgradeAction(StrEnum):
    """What the viewer can do."""

    REGISTER = "REGISTER"
    LOG_IN = "LOG_IN"
    WAIT = "WAIT"
    """Until the allowance renews."""
    SUBSCRIBE = "SUBSCRIBE"
    CONTACT_SALES = "CONTACT_SALES"


@strawberry.type
class UpgradeOffer:
    """What would open what is closed."""

    action: UpgradeAction
    """What to do."""
    text: str
    """The sentence to show."""
    additional_views: int | None
    """Code page views it would add; null when unlimited or none."""
