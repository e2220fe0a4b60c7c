"""What operations cost their viewer: taken from buckets of points before anything runs."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from db.plans import PlanBook
from graph.identity import Visit
from metering.points import Bucket, Points, Reading
from schema.errors import StoreUnavailable
from schema.people import ViewerKind
from schema.plans import Plan

_log = structlog.get_logger(__name__)

NEIGHBOURS = 10
"""A network's bucket is that of so many guests: a whole school may read at once, and whoever throws
its guest token away gains nothing after that."""
AWAY_SECONDS = 1.0
"""How long nothing is asked of a store that did not answer: every reader would wait for it."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of the cost of one operation."""

    cost: int
    """Points, 1 or more."""
    most: int
    """Points that one operation of this viewer may cost."""
    bucket: Bucket | None = None
    """The bucket asked; None where none is kept, or its store did not answer."""
    reading: Reading | None = None
    """The bucket afterwards; None with no bucket."""

    @property
    def wait_seconds(self) -> int | None:
        """Whole seconds until the points are there, 1 or more; None when they were."""
        if self.reading is None or self.reading.is_spent:
            return None
        return -(-self.reading.wait_ms // 1000)

    @property
    def headers(self) -> Mapping[str, str]:
        """How much is left, for clients that slow down by themselves."""
        if self.bucket is None or self.reading is None:
            return {}
        headers = {
            "RateLimit-Limit": str(self.bucket.capacity),
            "RateLimit-Remaining": str(self.reading.remaining),
            "RateLimit-Reset": str(-(-self.reading.wait_ms // 1000)),
        }
        wait = self.wait_seconds
        return headers if wait is None else {**headers, "Retry-After": str(wait)}

    @property
    def entry(self) -> Mapping[str, Any]:
        """What an answer says of it beside its data; empty where nothing is ever paid."""
        if self is UNPAID:
            return {}
        bucket, reading = self.bucket, self.reading
        cost = {
            "requested": self.cost,
            "limit": self.most,
            "capacity": bucket.capacity if bucket else None,
            "remaining": reading.remaining if reading else None,
            "restoredPerSecond": bucket.per_second if bucket else None,
        }
        return {"extensions": {"cost": cost}}


UNPAID = Paid(1, 1_000)
"""Of an operation that is asked for otherwise than over HTTP."""


class Spending:
    """Pays operations. While the store of the buckets is away nothing is taken: reference data is
    answered without it, and the limits of one operation still hold."""

    def __init__(
        self,
        points: Points,
        plans: PlanBook,
        *,
        is_on: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_on` False: nothing is ever taken."""
        self._points = points
        self._plans = plans
        self._is_on = is_on
        self._monotonic = monotonic
        self._away_until = 0.0
        self.counts: Counter[str] = Counter(paid=0, refused=0, unasked=0)
        """Operations that were `paid` for, `refused`, and let through `unasked` with the store
        away."""

    async def plan_of(self, visit: Visit) -> Plan:
        """The plan whose bucket pays; that of guests for somebody unknown."""
        plans = self._plans
        return (
            await plans.plan_of(visit.viewer.assignment) if visit.viewer else plans.newest["guest"]
        )

    async def pay(self, visit: Visit, cost: int, most: int) -> Paid:
        """Take the cost of an operation from its viewer, all or nothing; 0 only looks.

        A guest's network pays too, unless it is outside every budget.
        """
        plan, paid = await self.plan_of(visit), Paid(cost, most)
        own = Bucket(plan.points_capacity, plan.points_per_second)
        buckets = self._buckets(visit, own)
        for at, (bucket, who) in enumerate(buckets):
            reading = await self._spend(bucket, who, cost)
            if reading is None:
                return Paid(cost, most)
            if paid.reading is None or not reading.is_spent:
                paid = Paid(cost, most, bucket, reading)
            if not reading.is_spent:
                self.counts["refused"] += 1
                for other, payer in buckets[:at]:
                    await self._spend(other, payer, -cost)
                return paid
        if buckets:
            self.counts["paid"] += 1
        return paid

    def _buckets(self, visit: Visit, own: Bucket) -> list[tuple[Bucket, str]]:
        if not self._is_on:
            return []
        buckets = [(own, visit.viewer.id)] if visit.viewer else []
        if visit.viewer_kind is ViewerKind.GUEST and not visit.is_exempt():
            shared = Bucket(own.capacity * NEIGHBOURS, own.per_second * NEIGHBOURS)
            buckets.append((shared, visit.neighbourhood()))
        return buckets

    async def _spend(self, bucket: Bucket, who: str, cost: int) -> Reading | None:
        if self._monotonic() >= self._away_until:
            try:
                return await self._points.spend(bucket, who, cost)
            except StoreUnavailable as away:
                self._away_until = self._monotonic() + AWAY_SECONDS
                _log.warning("points_unasked", store=away.store, reason=str(away))
        self.counts["unasked"] += 1
        return None
