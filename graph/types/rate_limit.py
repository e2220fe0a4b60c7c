"""What operations cost and how much may be asked, as a GraphQL type."""

from datetime import datetime, timedelta
from typing import Self

import strawberry

from graph.points import Paid


@strawberry.type
class RateLimit:
    """What this operation costs, and the points that its viewer has. Each operation is paid with
    points before it runs; they come back at an even pace."""

    cost: int
    """Points that this operation costs, which the directives of the schema let a client count."""
    operation_limit: int
    """Points that one operation may cost."""
    limit: int | None
    """Points that a full bucket holds; null where none is kept."""
    remaining: int | None
    """Points that are left after this operation; null where no bucket is kept."""
    used: int | None
    """Points that are missing in the bucket; null where none is kept."""
    restored_per_second: int | None
    """Points that come back in a second; null where no bucket is kept."""
    resets_at: datetime | None
    """When the bucket is full again if nothing else is asked, UTC; null where none is kept."""

    @classmethod
    def of(cls, paid: Paid, now: datetime) -> Self:
        """The published form of what became of an operation's cost."""
        bucket, reading = paid.bucket, paid.reading
        return cls(
            cost=paid.cost,
            operation_limit=paid.most,
            limit=bucket.capacity if bucket else None,
            remaining=reading.remaining if reading else None,
            used=bucket.capacity - reading.remaining if bucket and reading else None,
            restored_per_second=bucket.per_second if bucket else None,
            resets_at=now + timedelta(milliseconds=reading.wait_ms) if reading else None,
        )
