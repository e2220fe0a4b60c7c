"""Writing plans, and moving accounts to them."""

import dataclasses
from datetime import datetime
from typing import Annotated

import strawberry

from db.plans import write_plan_version
from graph.access import staff_of
from graph.context import Context, Info
from graph.people.references import account_named
from graph.people.staffing import (
    Order,
    away,
    faults_of_end,
    faults_of_reason,
    invalid,
    no_account,
    utc,
)
from graph.people.terms import faults_of
from graph.types.people import User
from graph.types.plans import Plan
from graph.types.problems import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
    Unauthenticated,
)
from schema import plans as shapes
from schema.accounts import Account
from schema.errors import StoreUnavailable
from schema.pages import SectionKind
from schema.people import ViewerKind
from schema.plans import PlanTerms, WindowKind


@strawberry.input
class CreatePlanVersionInput:
    """The terms of a new version of a plan, or of a new plan."""

    key: str
    """What the plan is called: 1 to 32 small letters, digits, `_` and `-`, a letter first."""
    viewer_kind: ViewerKind
    """What kind of viewer it makes: the same in every version of a plan. `GUEST` is for the plan
    `guest` alone, `STAFF` for none that can be written here."""
    page_view_limit: int | None = strawberry.UNSET
    """Code pages that may be opened in one window; null when unlimited, which guests never are.
    It has to be said."""
    window: WindowKind
    """How the allowance renews."""
    open_sections: list[SectionKind]
    """Sections open on a granted page."""
    reason: str
    """Why, in one line that names nobody."""
    time_zone: str = "UTC"
    """IANA name of the zone in which calendar windows begin."""
    rolling_days: int | None = None
    """Length of a rolling window in days, 1 to 3,660; null for the other kinds."""
    can_list_crosswalks: bool = False
    """Whether the root field `crosswalks` answers."""
    points_capacity: int = 1000
    """Points of the API that may be spent at once."""
    points_per_second: int = 20
    """Points that come back in a second."""


@strawberry.type
class CreatePlanVersionSuccess:
    """The version stands. Accounts on older versions stay on them until they are moved; guests
    follow the newest."""

    plan: Plan
    """The version."""
    was_replayed: bool
    """Whether the same request had written it before."""


CreatePlanVersionResult = Annotated[
    CreatePlanVersionSuccess
    | InvalidInput
    | Conflict
    | Unauthenticated
    | Forbidden
    | ServiceUnavailable,
    strawberry.union(
        "CreatePlanVersionResult", description="The version that was written, or why none was."
    ),
]


@strawberry.input
class AssignPlanInput:
    """Which account goes to which plan."""

    account: str
    """The account: the id of its user, or its e-mail address."""
    plan_key: str
    """The plan, whose newest version is taken. Plans of guests and of staff are refused."""
    reason: str
    """Why, in one line that names nobody."""
    ends_at: datetime | None = None
    """When the free plan takes its place; null for never."""


@strawberry.type
class AssignPlanSuccess:
    """The account is on the plan, from its next request on."""

    user: User
    """The account as it is now."""
    plan: Plan
    """The version that it was put on."""
    number: int
    """The number of this change among the changes of the account's plan."""
    was_replayed: bool
    """Whether the same request had made it before."""


AssignPlanResult = Annotated[
    AssignPlanSuccess
    | NotFound
    | InvalidInput
    | Conflict
    | Unauthenticated
    | Forbidden
    | ServiceUnavailable,
    strawberry.union("AssignPlanResult", description="The account as it is, or why not moved."),
]


@strawberry.type
class PlanMutations:
    """What staff does with plans."""

    @strawberry.mutation
    async def create_plan_version(
        self,
        info: Info,
        input: Annotated[
            CreatePlanVersionInput, strawberry.argument(description="The whole terms.")
        ],
    ) -> CreatePlanVersionResult:
        """Write the next version of a plan, or the first of a new one. For staff."""
        staff = staff_of(info.context)
        if not isinstance(staff, Account):
            return staff
        if input.page_view_limit is strawberry.UNSET:
            message = "Say the limit, or null for none."
            return invalid([("page_view_limit", "REQUIRED", message)])
        terms = _terms(input)
        if faults := [*faults_of(terms), *faults_of_reason(input.reason)]:
            return invalid(faults)
        order = Order(staff, "createPlanVersion", input.reason)
        try:
            return await _write(info.context, order, terms)
        except StoreUnavailable as lost:
            return away(lost)

    @strawberry.mutation
    async def assign_plan(
        self,
        info: Info,
        input: Annotated[
            AssignPlanInput, strawberry.argument(description="Which account, which plan.")
        ],
    ) -> AssignPlanResult:
        """Move an account to another plan, at once. What it was charged for stays open under a
        plan whose window goes on. For staff."""
        staff = staff_of(info.context)
        if not isinstance(staff, Account):
            return staff
        ends_at = utc(input.ends_at)
        faults = faults_of_end("ends_at", ends_at, info.context.now)
        if faults := [*faults, *faults_of_reason(input.reason)]:
            return invalid(faults)
        order = Order(staff, "assignPlan", input.reason)
        try:
            return await _assign(info.context, order, input, ends_at)
        except StoreUnavailable as lost:
            return away(lost)


def _terms(given: CreatePlanVersionInput) -> PlanTerms:
    fields = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
    del fields["reason"]
    return PlanTerms(**fields)


async def _write(context: Context, order: Order, terms: PlanTerms) -> CreatePlanVersionResult:
    wanted = terms.model_dump(mode="json") | {"reason": order.reason}
    wanted["open_sections"] = sorted(wanted["open_sections"])
    request = await order.request_id(context, wanted)
    if isinstance(request, Conflict):
        return request
    services = context.services
    written = await write_plan_version(
        services.database, terms, actor=order.staff.id, reason=order.reason, request=request
    )
    if isinstance(written, ViewerKind):
        message = f"The plan {terms.key} makes {written} viewers, in all its versions."
        return invalid([("viewer_kind", "PLAN_KIND", message)])
    await services.plans.read()
    return CreatePlanVersionSuccess(plan=Plan.of(written.plan), was_replayed=written.is_replayed)


async def _assign(
    context: Context, order: Order, given: AssignPlanInput, ends_at: datetime | None
) -> AssignPlanResult:
    services = context.services
    account = await account_named(services.database, given.account)
    if account is None:
        return no_account()
    if account.kind is ViewerKind.STAFF:
        return Conflict(
            problem_code=ProblemCode.CONFLICT,
            message="The account is of the staff: take it out by `codestile staff remove` first.",
        )
    plan = await services.plans.newest_of(given.plan_key)
    if refused := _refusal(plan):
        return refused
    wanted = {"account": account.id, "plan": given.plan_key, "ends": ends_at, "why": given.reason}
    request = await order.request_id(context, wanted)
    if isinstance(request, Conflict):
        return request
    assigned = await services.office.changes.assign(
        account.id,
        given.plan_key,
        ends_at=ends_at,
        actor=order.staff.id,
        reason=order.reason,
        request=request,
    )
    moved = await account_named(services.database, given.account)
    if assigned is None or moved is None:
        return no_account()
    return AssignPlanSuccess(
        user=User.of(moved),
        plan=Plan.of(await services.plans.plan_of(assigned.assignment)),
        number=assigned.assignment.number,
        was_replayed=assigned.is_replayed,
    )


def _refusal(plan: shapes.Plan | None) -> InvalidInput | None:
    if plan is None:
        return invalid([("plan_key", "NO_SUCH_PLAN", "There is no plan of that key.")])
    if plan.viewer_kind in (ViewerKind.GUEST, ViewerKind.STAFF):
        message = "No account is moved to a plan of guests, or to one of staff from here."
        return invalid([("plan_key", "PLAN_KIND", message)])
    return None
