"""What a payment service tells of subscriptions."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from schema.shape import Shape

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_END = datetime(3000, 1, 1, tzinfo=UTC)
"""Beyond it the years of some zone, or of some program, come to an end."""


def _in_bounds(at: datetime) -> datetime:
    if not EARLIEST <= at < LATEST_END:
        raise ValueError("must lie between the years 2000 and 3000")
    return at.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_bounds)]


class SubscriptionEvent(StrEnum):
    """What happened to a subscription."""

    STARTED = "subscription.started"
    """It begins, is renewed, or is another one from now on."""
    ENDED = "subscription.ended"
    """It ends, now or at the end that is told."""


class SubscriptionMessage(Shape):
    """One message; its fields are named as they are sent."""

    id: str = Field(pattern=r"^[A-Za-z0-9._:-]{8,64}$")
    """Names this message and no other."""
    type: SubscriptionEvent
    account: str = Field(min_length=1, max_length=254)
    """Id or e-mail address of a user."""
    plan: str = Field(min_length=1, max_length=32)
    """Key of a plan of subscribers or partners."""
    ends_at: Instant | None = Field(alias="endsAt")
    """When what was paid for ends; None for no end."""
    occurred_at: Instant = Field(alias="occurredAt")
    """When it happened, by the sender's clock."""


class SubscriptionOutcome(StrEnum):
    """What was made of a message."""

    APPLIED = "applied"
    """The account's plan was changed."""
    REPLAYED = "replayed"
    """The message came before; nothing happened now."""
    OLDER = "ignored: older"
    """A later message of the account came first."""
    ON_ANOTHER_PLAN = "ignored: on another plan"
    """What ended is not what the account is on."""
    STAFF = "ignored: staff"
    """No payment moves a member of the staff."""
    CHANGED = "changed"
    """The same id came before with another body; nothing happened."""
    UNKNOWN_ACCOUNT = "unknown account"
    """Nothing was kept."""
