"""What staff reads of an account."""

from datetime import datetime

import strawberry

from graph import offers
from graph.context import Info
from graph.types.people import User
from graph.types.plans import PlanAssignment
from graph.types.viewer import Allowance
from metering.fold import Grant
from metering.shards import shard_of
from schema.accounts import Account
from schema.instants import instant
from schema.people import ViewerKind


@strawberry.type
class ViewGrant:
    """Views granted on top of the plan."""

    number: int
    """The number by which it can be taken back."""
    views: int
    """Views in every window."""
    expires_at: datetime | None
    """When they count no more, UTC; null for never."""

    @classmethod
    def of(cls, grant: Grant) -> "ViewGrant":
        """The published form of a grant."""
        ends = instant(grant.expires_ms) if grant.expires_ms else None
        return cls(number=grant.seq, views=grant.units, expires_at=ends)


@strawberry.type
class AccountRecord:
    """An account as the site's staff sees it."""

    account: strawberry.Private[Account]
    user: User
    """The account."""
    viewer_id: str
    """Its pseudonym in the usage ledger."""
    viewer_kind: ViewerKind
    """What kind of viewer it is."""
    plan_history: list[PlanAssignment]
    """Every change of its plan, newest first."""

    @strawberry.field
    async def allowance(self, info: Info) -> Allowance | None:
        """What it has left. Null, with an error, while the ledger does not answer."""
        services = info.context.services
        viewer = self.account.viewer(shard_of(self.account.id))
        found = await services.meter.allowance(viewer)
        return offers.allowance(found, self.account.kind, services.plans.newest)

    @strawberry.field
    async def is_blocked(self, info: Info) -> bool | None:
        """Whether its access to code pages is closed. Null, with an error, while the ledger does
        not answer."""
        office = info.context.services.office
        return (await office.account_state(self.account.id)).is_blocked

    @strawberry.field
    async def grants(self, info: Info) -> list[ViewGrant] | None:
        """Views granted to it, those that count no more included. Null, with an error, while the
        ledger does not answer."""
        office = info.context.services.office
        state = await office.account_state(self.account.id)
        return [ViewGrant.of(grant) for grant in state.grants]
