"""Acts as calls of their scripts: one script each, and what its answer says."""

from collections.abc import Sequence
from typing import Any

from metering.calls import Call, script
from metering.log import KIND_LETTERS, read_codes
from metering.shards import keys_of
from metering.windows import Window, kind_of
from schema.acts import (
    ActOutcome,
    ActResult,
    AdoptGuest,
    AnyAct,
    BlockViewer,
    EraseViewer,
    GrantViews,
    ResetNetwork,
    ResetViewer,
    SealGuest,
    SetPlan,
    StaffAct,
    UnblockViewer,
    VoidGrant,
    VoidUnlock,
)
from schema.instants import instant, milliseconds
from schema.plans import Plan


def call_of(act: AnyAct) -> Call:
    """The call that does an act other than adopting, whose window has to be computed."""
    if isinstance(act, ResetNetwork):
        keys = keys_of(act.shard)
        network = keys.network(act.network)
        return Call(
            script("reset_network"),
            (keys.log, keys.head, network, keys.receipt(act.request_id)),
            (act.request_id, act.actor, act.reason),
        )
    assert not isinstance(act, AdoptGuest), "adopt_call makes the call of this one"
    name, rest = _script_of(act)
    first: tuple[str | int, ...] = (act.viewer_id, act.request_id)
    if isinstance(act, StaffAct):
        first = (*first, act.actor, act.reason)
    names = keys_of(act.shard).of_viewer(act.viewer_id, act.request_id)
    return Call(script(name), names, (*first, *rest))


def _script_of(act: StaffAct | SealGuest) -> tuple[str, tuple[str | int, ...]]:
    """The script of an act, and its arguments behind those that all have."""
    match act:
        case VoidUnlock():
            return "void", (str(act.code), act.cause)
        case GrantViews():
            expires_ms = 0 if act.expires_at is None else milliseconds(act.expires_at)
            return "grant", (act.units, expires_ms)
        case VoidGrant():
            return "ungrant", (act.grant_seq,)
        case SetPlan():
            to = act.assignment
            plan = f"{to.plan_key}.{to.plan_version}"
            return "set_plan", (KIND_LETTERS[act.viewer_kind], plan, to.number)
        case BlockViewer():
            return "block", (1,)
        case UnblockViewer():
            return "block", (0,)
        case ResetViewer():
            return "reset", ()
        case EraseViewer():
            return "erase", ()
        case SealGuest():
            return "seal", (act.account_id, act.codes_max)
    raise TypeError(f"no script does {type(act).__name__}")


def window_arguments(plan: Plan, window: Window) -> tuple[str | int, ...]:
    """A window as scripts take it: kind, number, starts, ends."""
    return kind_of(plan), window.at.number, window.starts_ms, window.ends_ms or ""


def adopt_call(act: AdoptGuest, plan: Plan, window: Window) -> Call:
    """The call that takes over a guest's codes in a window of the account."""
    viewer = act.viewer
    codes = " ".join(map(str, act.codes))
    arguments = (viewer.id, act.request_id, act.guest_id, codes, viewer.assignment.number)
    names = keys_of(viewer.shard).of_viewer(viewer.id, act.request_id)
    unlimited = int(plan.page_view_limit is None)
    return Call(script("adopt"), names, (*arguments, *window_arguments(plan, window), unlimited))


def result_of(shard: int, reply: Sequence[Any]) -> ActResult:
    """What a script answered to an act; raises ValueError."""
    outcome, *told = reply
    codes = read_codes(told[2]) if len(told) > 2 else ()
    if outcome != ActOutcome.DONE:
        return ActResult(outcome=ActOutcome(outcome), codes=codes)
    _, epoch, stream_id = told[0].split(" ")
    return ActResult(
        outcome=ActOutcome.DONE,
        event_id=f"{shard}:{epoch}:{stream_id}",
        recorded_at=instant(int(stream_id.split("-")[0])),
        is_replayed=told[1] == 1,
        codes=codes,
    )
