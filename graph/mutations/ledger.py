"""What staff does to the ledger of a viewer; each is an event with actor and reason."""

from datetime import datetime
from typing import Annotated, TypeVar

import strawberry
from pydantic import ValidationError

from graph.access import staff_of
from graph.context import Context, Info
from graph.endings import why_not
from graph.lookup import CodeKeyInput
from graph.people.references import viewer_named
from graph.people.staffing import Order, away, faults_of_end, faults_of_reason, invalid, utc
from graph.people.terms import Fault
from graph.types.problems import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
    Unauthenticated,
)
from schema.accounts import Account
from schema.acts import (
    ActOutcome,
    ActResult,
    BlockViewer,
    GrantViews,
    ResetViewer,
    StaffAct,
    UnblockViewer,
    VoidGrant,
    VoidUnlock,
)
from schema.codes import CodeKey, normalize
from schema.errors import StoreUnavailable

ActOf = TypeVar("ActOf", bound=StaffAct)

_SENTENCES = {
    "cause": "A cause is one word of at most 32 small letters and _.",
    "units": "Views granted are from 1 to 1,000,000.",
    "grant_seq": "The number of a grant is 1 or more.",
}
_NAMES = {"units": "views", "grant_seq": "grant_number"}


@strawberry.input
class ViewerActInput:
    """Which viewer, and why."""

    viewer: str
    """The viewer: the id or e-mail address of a user, or a pseudonym of the ledger, `g…` or
    `u…`."""
    reason: str
    """Why, in one line that names nobody."""


@strawberry.input
class GiveViewBackInput(ViewerActInput):
    """Which view is given back, and why."""

    code: CodeKeyInput
    """The code whose page was charged."""
    cause: str
    """Why, in one word for statistics, such as `mistake`: small letters and `_`."""


@strawberry.input
class GrantViewsInput(ViewerActInput):
    """How many views are granted, and why."""

    views: int
    """Views on top of the plan in every window, 1 to 1,000,000."""
    until: datetime | None = None
    """When they count no more; null for never."""


@strawberry.input
class VoidGrantInput(ViewerActInput):
    """Which grant is taken back, and why."""

    grant_number: int
    """The number of the grant, as granting it answered."""


@strawberry.type
class StaffActSuccess:
    """It is done, and recorded."""

    event_id: strawberry.ID
    """The event in the usage ledger."""
    recorded_at: datetime
    """When the ledger recorded it, UTC."""
    was_replayed: bool
    """Whether the same request had done it before."""


@strawberry.type
class GrantViewsSuccess(StaffActSuccess):
    """The views are granted."""

    grant_number: int
    """The number of the grant, by which it can be taken back."""


StaffActResult = Annotated[
    StaffActSuccess
    | NotFound
    | InvalidInput
    | Conflict
    | Unauthenticated
    | Forbidden
    | ServiceUnavailable,
    strawberry.union("StaffActResult", description="The event that records it, or why not done."),
]
GrantViewsResult = Annotated[
    GrantViewsSuccess
    | NotFound
    | InvalidInput
    | Conflict
    | Unauthenticated
    | Forbidden
    | ServiceUnavailable,
    strawberry.union("GrantViewsResult", description="The event that records it, or why not done."),
]
_Refused = NotFound | InvalidInput | Conflict | Unauthenticated | Forbidden | ServiceUnavailable


@strawberry.type
class LedgerMutations:
    """What staff does to the ledger of a viewer."""

    @strawberry.mutation
    async def give_view_back(
        self,
        info: Info,
        input: Annotated[GiveViewBackInput, strawberry.argument(description="Which view.")],
    ) -> StaffActResult:
        """Give a charged view back: the page closes, the view can be spent anew. For staff."""
        value = normalize(input.code.value)
        code = CodeKey(input.code.system, value) if value else None
        faults: list[Fault] = []
        if code is None:
            faults = [("code.value", "CODE_FORM", "The text cannot be a code of any system.")]
        return _answered(
            info,
            await _act(
                info, VoidUnlock, "giveViewBack", input, faults, code=code, cause=input.cause
            ),
        )

    @strawberry.mutation
    async def grant_views(
        self,
        info: Info,
        input: Annotated[GrantViewsInput, strawberry.argument(description="How many views.")],
    ) -> GrantViewsResult:
        """Grant views on top of a viewer's plan, for ever or until a date. For staff."""
        until = utc(input.until)
        faults = faults_of_end("until", until, info.context.now)
        done = await _act(
            info, GrantViews, "grantViews", input, faults, units=input.views, expires_at=until
        )
        if not isinstance(done, ActResult):
            return done
        success = _success(info, done)
        return GrantViewsSuccess(
            event_id=success.event_id,
            recorded_at=success.recorded_at,
            was_replayed=success.was_replayed,
            grant_number=int(str(done.event_id).rpartition("-")[2]),
        )

    @strawberry.mutation
    async def void_grant(
        self,
        info: Info,
        input: Annotated[VoidGrantInput, strawberry.argument(description="Which grant.")],
    ) -> StaffActResult:
        """Take a grant back; what was opened with it stays open. For staff."""
        return _answered(
            info,
            await _act(info, VoidGrant, "voidGrant", input, grant_seq=input.grant_number),
        )

    @strawberry.mutation
    async def block_viewer(
        self,
        info: Info,
        input: Annotated[ViewerActInput, strawberry.argument(description="Which viewer.")],
    ) -> StaffActResult:
        """Close a viewer's access to code pages. For staff."""
        return _answered(info, await _act(info, BlockViewer, "blockViewer", input))

    @strawberry.mutation
    async def unblock_viewer(
        self,
        info: Info,
        input: Annotated[ViewerActInput, strawberry.argument(description="Which viewer.")],
    ) -> StaffActResult:
        """Open a viewer's access to code pages again. For staff."""
        return _answered(info, await _act(info, UnblockViewer, "unblockViewer", input))

    @strawberry.mutation
    async def reset_viewer(
        self,
        info: Info,
        input: Annotated[ViewerActInput, strawberry.argument(description="Which viewer.")],
    ) -> StaffActResult:
        """Let a viewer's window begin anew, nothing used and nothing open. For staff."""
        return _answered(info, await _act(info, ResetViewer, "resetViewer", input))


async def _act(
    info: Info,
    kind: type[ActOf],
    operation: str,
    given: ViewerActInput,
    faults: list[Fault] | None = None,
    **more: object,
) -> ActResult | _Refused:
    """How an act ended that was done, or why it was not."""
    staff = staff_of(info.context)
    if not isinstance(staff, Account):
        return staff
    found = [*(faults or []), *_faults_of(kind, more), *faults_of_reason(given.reason)]
    if found:
        return invalid(found)
    order = Order(staff, operation, given.reason)
    try:
        return await _perform(info.context, kind, order, given.viewer, more)
    except StoreUnavailable as lost:
        return away(lost)


async def _perform(
    context: Context,
    kind: type[ActOf],
    order: Order,
    named: str,
    more: dict[str, object],
) -> ActResult | _Refused:
    services = context.services
    viewer = await viewer_named(services.database, named)
    place = None if viewer is None else await services.office.place_of(viewer)
    if viewer is None or place is None:
        return NotFound.because("Nothing is known of a viewer of that name.")
    wanted = {name: str(value) for name, value in more.items()}
    request = await order.request_id(context, wanted | {"viewer": viewer, "reason": order.reason})
    if isinstance(request, Conflict):
        return request
    act = kind(
        viewer_id=viewer,
        shard=place,
        request_id=request,
        actor=order.staff.id,
        reason=order.reason,
        **more,
    )
    result = await services.meter.perform(act)  # type: ignore[arg-type]  # one of AnyAct's
    if result.outcome is ActOutcome.DONE:
        return result
    sentence = why_not(result.outcome)
    return Conflict(problem_code=ProblemCode.CONFLICT, message=f"Nothing was done: {sentence}.")


def _faults_of(kind: type[StaffAct], more: dict[str, object]) -> list[Fault]:
    """What the act itself refuses of the fields that it alone has."""
    try:
        kind(
            viewer_id="u",
            shard=0,
            request_id="r",
            actor="a",
            reason="r",
            **more,
        )
    except ValidationError as refused:
        names = [str(fault["loc"][0]) for fault in refused.errors(include_url=False)]
        return [
            (_NAMES.get(name, name), "RANGE" if name in _NAMES else "FORM", _SENTENCES[name])
            for name in names
            if name in _SENTENCES
        ]
    return []


def _answered(info: Info, done: ActResult | _Refused) -> StaffActResult:
    return _success(info, done) if isinstance(done, ActResult) else done


def _success(info: Info, done: ActResult) -> StaffActSuccess:
    assert done.event_id is not None, "what was done has an event"
    assert done.recorded_at is not None, "what was done has an instant"
    return StaffActSuccess(
        event_id=info.context.services.event_id(done.event_id),
        recorded_at=done.recorded_at,
        was_replayed=done.is_replayed,
    )
