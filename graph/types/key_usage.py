"""What a key was used for, as GraphQL types."""

from datetime import date, datetime, timedelta
from typing import Annotated

import strawberry

from db.keys import DeprecatedFieldUses
from db.usage_reads import ArchivedUntil, KeyDay
from graph.types.problems import Forbidden, InvalidInput, ServiceUnavailable
from schema.instants import instant

MOST_DAYS = 92
USUAL_DAYS = 30


@strawberry.type
class ApiKeyDay:
    """What a key viewed on one day. On a plan without limit `views` may be more than the other
    three together: what it opens there is neither charged nor a repeat."""

    day: date
    """The day, UTC."""
    views: int
    """Page views asked for."""
    charged: int
    """Those that were charged to the account's quota."""
    repeated: int
    """Those of pages that were open already, free."""
    refused: int
    """Those that were refused because the quota was spent or the account blocked."""

    @classmethod
    def of(cls, found: KeyDay) -> "ApiKeyDay":
        """The published form of a day."""
        return cls(**found._asdict())


@strawberry.type
class ApiKeyUsage:
    """What a key viewed on the days of a time."""

    first_day: date
    """The first day, UTC."""
    last_day: date
    """The last day, UTC."""
    days: list[ApiKeyDay]
    """The days with views, oldest first; a day that is missing had none."""
    as_of: datetime | None
    """When the last event that is counted here was recorded, of any key of the account and of
    viewers beside it, UTC; null before the first. Views become countable about a second later."""
    waiting_events: int
    """Later events that were seen and are not counted yet; some of them may be this key's."""

    @classmethod
    def of(
        cls, first: date, last: date, days: list[KeyDay], archived: ArchivedUntil
    ) -> "ApiKeyUsage":
        """The published form of what was counted."""
        ms = archived.recorded_ms
        return cls(
            first_day=first,
            last_day=last,
            days=[ApiKeyDay.of(day) for day in days],
            as_of=instant(ms) if ms else None,
            waiting_events=archived.waiting,
        )


@strawberry.type
class DeprecatedFieldUse:
    """Something that a key asks for and that will go away."""

    coordinate: str
    """What it is: `Type.field`, `Type.field(argument:)`, `Input.field` or `Enum.VALUE`."""
    reason: str | None
    """Why and when it goes, and what to ask for instead; null when it has gone."""
    uses: int
    """Operations that asked for it in the last 30 days."""
    last_day: date
    """The last day on which one did, UTC."""


@strawberry.type
class DeprecatedFieldUseList:
    """What a key asks for and that will go away."""

    since: date
    """The first day that is counted, UTC."""
    items: list[DeprecatedFieldUse]
    """What it asks for, by coordinate; empty when nothing it asks for goes away. Operations of
    the last seconds may be missing, and so is what comes in variables."""


ApiKeyUsageResult = Annotated[
    ApiKeyUsage | InvalidInput | Forbidden | ServiceUnavailable,
    strawberry.union("ApiKeyUsageResult", description="The usage, or why it is not told."),
]
DeprecatedFieldUseResult = Annotated[
    DeprecatedFieldUseList | Forbidden | ServiceUnavailable,
    strawberry.union(
        "DeprecatedFieldUseResult", description="The deprecated fields, or why they are not told."
    ),
]
From = Annotated[
    date | None,
    strawberry.argument(
        name="from", description=f"The first day, UTC; null for {USUAL_DAYS} days in all."
    ),
]
To = Annotated[date | None, strawberry.argument(description="The last day, UTC; null for today.")]


def days_of(first: date | None, last: date | None, today: date) -> tuple[date, date] | InvalidInput:
    """The first and the last day that are asked for, or why they cannot be."""
    end = last or today
    if first is None and (end - date.min).days < USUAL_DAYS:
        return InvalidInput.at(["to"], "RANGE", "to is too early.")
    start = first or end - timedelta(days=USUAL_DAYS - 1)
    if start > end:
        return InvalidInput.at(["from"], "RANGE", "from must not be after to.")
    if (end - start).days >= MOST_DAYS:
        message = f"At most {MOST_DAYS} days are told at once."
        return InvalidInput.at(["from"], "RANGE", message)
    return start, end


def deprecated_use(found: DeprecatedFieldUses, reason: str | None) -> DeprecatedFieldUse:
    """The published form of the uses of one thing."""
    return DeprecatedFieldUse(
        coordinate=found.field, reason=reason, uses=found.uses, last_day=found.last_day
    )
