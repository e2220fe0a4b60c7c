"""The rules of acts as a pure function: what the scripts of acts must agree with."""

from typing import Any

from metering.fold import CHARGED, IMPORTED, ViewerState
from metering.log import AnyEvent
from metering.policy import window_in_force
from schema.acts import (
    ADOPTED_GUESTS_MAX,
    GRANTS_MAX,
    ActOutcome,
    AdoptGuest,
    AnyAct,
    BlockViewer,
    EraseViewer,
    GrantViews,
    ResetNetwork,
    ResetViewer,
    SealGuest,
    SetPlan,
    UnblockViewer,
    VoidGrant,
    VoidUnlock,
)
from schema.codes import CodeKey
from schema.events import (
    REQUEST_ID_LENGTH,
    AllowanceGranted,
    GrantVoided,
    GuestAdopted,
    GuestSealed,
    PlanSet,
    UnlockVoided,
    ViewerBlocked,
    ViewerErased,
    ViewerUnblocked,
    WindowReset,
)
from schema.instants import instant
from schema.plans import Plan


def codes_to_carry(guest: ViewerState, codes_max: int) -> tuple[CodeKey, ...]:
    """What an account may take over of a guest, sorted as the scripts sort."""
    return tuple(sorted(guest.codes, key=str)[:codes_max])


def event_of_act(
    viewer: ViewerState,
    act: AnyAct,
    *,
    plan: Plan | None,
    admitted: int,
    seq: int,
    epoch: int,
    now_ms: int,
) -> AnyEvent | ActOutcome:
    """The event that records the act, or why nothing is done.

    `plan` is the account's where a guest is adopted; `admitted` counts the guests of the network
    where one is reset.
    """
    refused = _refusal(viewer, act, admitted)
    if refused is not None:
        return refused
    shard = act.viewer.shard if isinstance(act, AdoptGuest) else act.shard
    request_id = act.request_id[:REQUEST_ID_LENGTH]
    place = {"shard": shard, "seq": seq, "epoch": epoch, "recorded_at": instant(now_ms)}
    common: dict[str, Any] = {**place, "request_id": request_id}
    if isinstance(act, AdoptGuest):
        assert plan is not None, "a guest is adopted into a window of the account's plan"
        window = window_in_force(viewer, plan, now_ms).at
        # As a view under it, an adoption under an unlimited plan gives back nothing that was used.
        if plan.page_view_limit is None and viewer.window is not None:
            window = viewer.window
        common |= {"viewer_id": act.viewer.id, "guest_id": act.guest_id}
        return GuestAdopted(**common, window=window, codes=act.codes)
    return _event(viewer, act, common)


def _refusal(viewer: ViewerState, act: AnyAct, admitted: int) -> ActOutcome | None:
    match act:
        case VoidUnlock():
            if viewer.codes.get(act.code) not in (CHARGED, IMPORTED):
                return ActOutcome.NOT_UNLOCKED
        case GrantViews() if len(viewer.grants) >= GRANTS_MAX:
            return ActOutcome.TOO_MANY_GRANTS
        case VoidGrant() if act.grant_seq not in {grant.seq for grant in viewer.grants}:
            return ActOutcome.NO_SUCH_GRANT
        case SetPlan() if act.assignment.number < viewer.assignment:
            return ActOutcome.STALE_ASSIGNMENT
        case SealGuest() if viewer.moved_to not in (None, act.account_id):
            return ActOutcome.SEALED_FOR_ANOTHER
        case AdoptGuest():
            return _adoption_refusal(viewer, act)
    return ActOutcome.UNCHANGED if _is_so(viewer, act, admitted) else None


def _adoption_refusal(viewer: ViewerState, act: AdoptGuest) -> ActOutcome | None:
    if not act.codes or act.guest_id in viewer.adopted:
        return ActOutcome.UNCHANGED
    if len(viewer.adopted) >= ADOPTED_GUESTS_MAX:
        return ActOutcome.TOO_MANY_GUESTS
    if act.viewer.assignment.number < viewer.assignment:
        return ActOutcome.STALE_ASSIGNMENT
    return None


def _is_so(viewer: ViewerState, act: AnyAct, admitted: int) -> bool:
    """Whether the act would change nothing."""
    match act:
        case SetPlan():
            return act.assignment.number == viewer.assignment
        case BlockViewer():
            return viewer.is_blocked
        case UnblockViewer():
            return not viewer.is_blocked
        case ResetViewer():
            return viewer.window is None
        case ResetNetwork():
            return admitted == 0
        case SealGuest():
            return viewer.moved_to is not None
    return False


def _event(viewer: ViewerState, act: AnyAct, common: dict[str, Any]) -> AnyEvent:
    if isinstance(act, ResetNetwork):
        staff = {"actor": act.actor, "reason": act.reason}
        return WindowReset(**common, **staff, viewer_id=None, network=act.network)
    assert not isinstance(act, AdoptGuest), "made by the caller"
    common["viewer_id"] = act.viewer_id
    if isinstance(act, SealGuest):
        codes = codes_to_carry(viewer, act.codes_max)
        return GuestSealed(**common, account_id=act.account_id, codes=codes)
    common |= {"actor": act.actor, "reason": act.reason}
    match act:
        case VoidUnlock():
            assert viewer.window is not None, "a charged code has a window"
            rest = {"window": viewer.window, "code": act.code, "cause": act.cause}
            return UnlockVoided(**common, **rest)
        case GrantViews():
            return AllowanceGranted(**common, units=act.units, expires_at=act.expires_at)
        case VoidGrant():
            return GrantVoided(**common, grant_seq=act.grant_seq)
        case SetPlan():
            to = act.assignment
            plan = {"plan_key": to.plan_key, "plan_version": to.plan_version}
            return PlanSet(**common, **plan, viewer_kind=act.viewer_kind, assignment=to.number)
        case BlockViewer():
            return ViewerBlocked(**common)
        case UnblockViewer():
            return ViewerUnblocked(**common)
        case ResetViewer():
            return WindowReset(**common, network=None)
        case EraseViewer():
            return ViewerErased(**common)
    raise TypeError(f"no event records {type(act).__name__}")
