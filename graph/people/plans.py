"""Moving accounts from plan to plan: first in PostgreSQL, then the ledger is told.

The next request of the account is on its new plan as soon as PostgreSQL knows. The ledger is told
so that no request still under way is decided under the old one; while it is away the assignment
waits, and a round of every server tells it later.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from db.accounts import account_by_id
from db.assignments import Assigned, Untold, all_untold, assign, assign_once, note_told, untold
from db.plans import PlanBook
from db.pool import Database
from metering.meter import Meter
from metering.requests import derived_id
from metering.shards import shard_of
from schema.accounts import Account
from schema.acts import SYSTEM, SetPlan
from schema.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

TOLD_AT_ONCE = 200
"""Assignments that one round tells the ledger at most."""


async def in_force(database: Database, account: Account, now: datetime) -> Account:
    """The account on the plan that is in force now: the free one when another has ended. Raises
    StoreUnavailable."""
    if account.plan_ends_at is None or now < account.plan_ends_at:
        return account
    await assign(
        database,
        account.id,
        None,
        ends_at=None,
        actor=SYSTEM,
        reason="The plan before it ended.",
        instead_of=account.assignment.number,
    )
    return await account_by_id(database, account.id) or account


@dataclass(frozen=True)
class PlanChanges:
    """The steps by which an account changes its plan, whoever asks for it."""

    database: Database
    meter: Meter
    plans: PlanBook
    now: Callable[[], datetime]
    """The clock, UTC."""

    async def assign(
        self,
        account_id: str,
        plan_key: str,
        *,
        ends_at: datetime | None,
        actor: str,
        reason: str,
        request: str,
    ) -> Assigned | None:
        """Move an account to the newest version of a plan, once a request; None for an unknown
        account or plan. Raises StoreUnavailable when PostgreSQL is away."""
        assigned = await assign_once(
            self.database,
            account_id,
            plan_key,
            ends_at=ends_at,
            actor=actor,
            reason=reason,
            request=request,
        )
        if assigned is not None:
            await self.tell(account_id, assigned.assignment.number)
        return assigned

    async def tell(self, account_id: str, number: int) -> None:
        """Tell the ledger of an assignment now, or leave it to a later round."""
        try:
            change = await untold(self.database, account_id, number)
            if change is not None:
                await self._tell(change)
        except StoreUnavailable as away:
            _log.warning("plan_not_told", store=away.store, reason=str(away))

    async def tell_all(self) -> None:
        """Tell the ledger of what it has not been told yet; raises StoreUnavailable."""
        for change in await all_untold(self.database, self.now(), TOLD_AT_ONCE):
            await self._tell(change)

    async def _tell(self, change: Untold) -> None:
        """However it ends, the ledger then knows this assignment or a later one."""
        await self.meter.perform(
            SetPlan(
                viewer_id=change.account_id,
                shard=shard_of(change.account_id),
                request_id=_request_of(change),
                actor=change.actor,
                reason=change.reason,
                viewer_kind=change.viewer_kind,
                assignment=change.assignment,
            )
        )
        number = change.assignment.number
        await note_told(self.database, change.account_id, number, self.now())


def _request_of(change: Untold) -> str:
    """The same whoever tells it, so that two who do record one event."""
    return derived_id("plan", change.account_id, str(change.assignment.number))
