"""What staff asks: the plans there are, and single accounts."""

from typing import Annotated

import strawberry

from db.assignments import PastAssignment, plan_history
from graph.access import staff_of
from graph.context import Info
from graph.lookup import unavailable
from graph.people.references import account_named
from graph.people.staffing import no_account
from graph.types.people import User
from graph.types.plans import Plan, PlanAssignment, Plans
from graph.types.problems import Forbidden, NotFound, ServiceUnavailable, Unauthenticated
from graph.types.records import AccountRecord
from schema.accounts import Account
from schema.errors import StoreUnavailable


@strawberry.input(one_of=True)
class AccountRef:
    """An account, in one of two ways."""

    id: strawberry.ID | None = strawberry.UNSET
    """By the id of its user."""
    email: str | None = strawberry.UNSET
    """By its e-mail address."""


PlansResult = Annotated[
    Plans | Unauthenticated | Forbidden | ServiceUnavailable,
    strawberry.union("PlansResult", description="The plans, or why they are not told."),
]
AccountResult = Annotated[
    AccountRecord | NotFound | Unauthenticated | Forbidden | ServiceUnavailable,
    strawberry.union("AccountResult", description="The account, or why it is not told."),
]


@strawberry.type
class StaffQueries:
    """What staff asks."""

    @strawberry.field
    async def plans(self, info: Info) -> PlansResult:
        """The newest version of every plan. For staff."""
        staff = staff_of(info.context)
        if not isinstance(staff, Account):
            return staff
        plans = info.context.services.plans
        try:
            await plans.read()
        except StoreUnavailable as away:
            return unavailable(away)
        return Plans(items=[Plan.of(plans.newest[key]) for key in sorted(plans.newest)])

    @strawberry.field
    async def account(
        self,
        info: Info,
        ref: Annotated[AccountRef, strawberry.argument(description="Which account.")],
    ) -> AccountResult:
        """One account, the history of its plans and what it has left. For staff."""
        staff = staff_of(info.context)
        if not isinstance(staff, Account):
            return staff
        database = info.context.services.database
        try:
            found = await account_named(database, ref.id or ref.email or "")
            if found is None:
                return no_account()
            history = await plan_history(database, found.id)
        except StoreUnavailable as away:
            return unavailable(away)
        return AccountRecord(
            account=found,
            user=User.of(found),
            viewer_id=found.id,
            viewer_kind=found.kind,
            plan_history=[_told(past) for past in history],
        )


def _told(past: PastAssignment) -> PlanAssignment:
    return PlanAssignment(
        number=past.assignment.number,
        plan_key=past.assignment.plan_key,
        plan_version=past.assignment.plan_version,
        ends_at=past.ends_at,
        actor=past.actor,
        reason=past.reason,
        made_at=past.made_at,
    )
