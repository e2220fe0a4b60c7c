"""What a server does beside answering, again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from db.fallback import forget_fallback
from db.mail import forget_dropped
from db.plans import PlanBook, forget_network_keys
from db.pool import Database
from db.registrations import forget_expired
from db.requests import forget as forget_requests
from graph.people.plans import PlanChanges
from metering.carryover import CarryOver
from metering.erasures import Erasures
from metering.meter import Meter
from metering.policy import AdmissionRule
from schema.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

ROUND_SECONDS = 5.0
"""A changed plan is noticed within this time, and at once where the ledger has met it."""
FALLBACK_KEPT_SECONDS = 3600.0
"""How long PostgreSQL keeps what it decided once the ledger has it, as receipts are kept."""
CARRIED_AFTER = timedelta(seconds=10)
"""From then on a carry-over is taken to be cut off, and finished by whoever notices."""
ERASED_AGAIN_AFTER = timedelta(minutes=1)
"""No request lasts longer: what one recorded of a deleted account is erased then."""


@dataclass(frozen=True)
class Chores:
    """The parts that housekeeping works on."""

    database: Database
    meter: Meter
    plans: PlanBook
    rule: AdmissionRule
    now: Callable[[], datetime]
    carry_over: CarryOver
    erasures: Erasures
    changes: PlanChanges

    async def rounds(self) -> None:
        """Do every chore, every ROUND_SECONDS; one that a store keeps from being done keeps no
        other."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            now = self.now()
            await _done(self.plans.read())
            await _done(self.changes.tell_all())
            await _done(self._forget(now))
            await _done(self.carry_over.sweep(now - CARRIED_AFTER))
            await _done(self.erasures.sweep(now - ERASED_AGAIN_AFTER))

    async def _forget(self, now: datetime) -> None:
        await forget_fallback(self.database, FALLBACK_KEPT_SECONDS)
        await forget_requests(self.database)
        await forget_expired(self.database, now)
        await forget_dropped(self.database)
        period = self.rule.period_at(await self.meter.now_ms())
        await forget_network_keys(self.database, period, self.rule.period_ms)


async def _done(chore: Awaitable[object]) -> None:
    try:
        await chore
    except StoreUnavailable:
        pass  # whoever asks for a page is told
    except Exception:
        _log.exception("chore_failed")
