"""Acts as the tests of the meter make them."""

from collections.abc import Callable, Sequence

from schema.acts import (
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
from schema.instants import instant
from schema.people import Viewer
from tests.metering.ledgers import SHARD, code, token

STAFF = {"actor": "staff-1", "reason": "A reader asked for it."}


def seal(guest: Viewer, account_id: str, *, codes_max: int = 1) -> SealGuest:
    return SealGuest(
        viewer_id=guest.id,
        shard=guest.shard,
        request_id=token(),
        account_id=account_id,
        codes_max=codes_max,
    )


def adopt(account: Viewer, guest_id: str, codes: Sequence[CodeKey]) -> AdoptGuest:
    return AdoptGuest(viewer=account, guest_id=guest_id, codes=tuple(codes), request_id=token())


def void(viewer: Viewer, number: int = 1) -> VoidUnlock:
    return VoidUnlock(**_of(viewer), code=code(number), cause="mistake")


def grant(viewer: Viewer, units: int, expires_ms: int | None = None) -> GrantViews:
    expires_at = None if expires_ms is None else instant(expires_ms)
    return GrantViews(**_of(viewer), units=units, expires_at=expires_at)


def void_grant(viewer: Viewer, grant_seq: int) -> VoidGrant:
    return VoidGrant(**_of(viewer), grant_seq=grant_seq)


def set_plan(viewer: Viewer) -> SetPlan:
    """The plan that the viewer says it is on."""
    return SetPlan(**_of(viewer), viewer_kind=viewer.kind, assignment=viewer.assignment)


def block(viewer: Viewer) -> BlockViewer:
    return BlockViewer(**_of(viewer))


def unblock(viewer: Viewer) -> UnblockViewer:
    return UnblockViewer(**_of(viewer))


def reset(viewer: Viewer) -> ResetViewer:
    return ResetViewer(**_of(viewer))


def reset_network(network: str, shard: int = SHARD) -> ResetNetwork:
    return ResetNetwork(**STAFF, network=network[:12], shard=shard, request_id=token())


def erase(viewer: Viewer) -> EraseViewer:
    return EraseViewer(**_of(viewer))


def _of(viewer: Viewer) -> dict[str, object]:
    return {"viewer_id": viewer.id, "shard": viewer.shard, "request_id": token(), **STAFF}


STAFF_ACTS: dict[str, Callable[[Viewer, int, int], AnyAct]] = {
    "void": lambda viewer, number, _: void(viewer, number),
    "grant": lambda viewer, number, _: grant(viewer, number),
    "grant for a while": lambda viewer, number, now: grant(viewer, number, now + number * 1800_000),
    "void grant": lambda viewer, number, _: void_grant(viewer, number),
    "set plan": lambda viewer, *_: set_plan(viewer),
    "block": lambda viewer, *_: block(viewer),
    "unblock": lambda viewer, *_: unblock(viewer),
    "reset": lambda viewer, *_: reset(viewer),
    "reset network": lambda _viewer, number, _now: reset_network("no"[number % 2] * 12),
    "erase": lambda viewer, *_: erase(viewer),
}
"""By name: the act on a viewer, with a number from 1 to 4, at a time in milliseconds."""
