"""The meter: may this viewer open this page, and what is left afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, Protocol

from metering.acts import adopt_call, call_of, result_of, window_arguments
from metering.calls import Call, script
from metering.fold import BLANK, ViewerState
from metering.live import STATE_FIELDS, read_receipt, read_viewer
from metering.log import KIND_LETTERS, context_text, read_window
from metering.policy import AdmissionRule, PlanOf, allowance_of, window_in_force
from metering.shards import keys_of
from metering.store import (
    CONNECTIONS,
    QUEUE_SECONDS,
    TIMEOUT_SECONDS,
    Store,
    open_store,
)
from metering.windows import Window
from schema.acts import ActResult, AdoptGuest, AnyAct
from schema.errors import StoreUnavailable
from schema.people import Viewer, ViewerKind
from schema.plans import Plan
from schema.usage import Allowance, Decision, Redirect, ViewRequest

__all__ = ["LedgerMeter", "Meter", "Redirect", "open_ledger", "system_clock_ms"]

DEFAULT_ADMISSION = AdmissionRule()
_WINDOW_ROUNDS = 3
"""Times a request may meet the edge of a window: one for a clock that is off, one for an edge
that passes meanwhile, and the first."""


class Meter(Protocol):
    """What every meter keeps, whatever it is made of; one contract test runs over all."""

    async def view(self, requests: Sequence[ViewRequest]) -> list[Decision | Redirect]:
        """Decide and record page views; the answers are in the order of the requests.

        Requests of one viewer are decided in that order too. The same request is decided once:
        within an hour its id gets the same answer. A request that is redirected leaves no trace.
        Raises StoreUnavailable, and LookupError for a plan that does not exist.
        """
        ...

    async def allowance(self, viewer: Viewer) -> Allowance:
        """What the viewer has left now; changes nothing. Raises as view does."""
        ...

    async def perform(self, act: AnyAct) -> ActResult:
        """Does something else to a viewer's ledger, and records it.

        The same request is done once: within an hour its id gets the same answer. Raises as view
        does, and ValueError for an argument that cannot be written.
        """
        ...

    async def now_ms(self) -> int:
        """The clock that decides, in milliseconds: it says which admission period is now, however
        wrong the caller's own is. Raises StoreUnavailable."""
        ...


def system_clock_ms() -> int:
    """This machine's clock in milliseconds; only ever a guess at the store's."""
    return time.time_ns() // 1_000_000


class LedgerMeter:
    """The meter whose ledger is in Redis or Valkey; many processes share it."""

    def __init__(
        self,
        store: Store,
        plan_of: PlanOf,
        *,
        admission: AdmissionRule = DEFAULT_ADMISSION,
        clock_ms: Callable[[], int] = system_clock_ms,
    ) -> None:
        self.store = store
        self._plan_of = plan_of
        self._admission = admission
        self._clock_ms = clock_ms

    async def view(self, requests: Sequence[ViewRequest]) -> list[Decision | Redirect]:
        """As Meter.view, in one round trip a server unless a window begins meanwhile."""
        plans = [await self._plan_of(request.viewer.assignment) for request in requests]
        guess_ms = self._clock_ms()
        windows = [window_in_force(BLANK, plan, guess_ms) for plan in plans]
        decided: dict[int, Decision | Redirect] = {}
        open_places = list(range(len(requests)))
        for _ in range(_WINDOW_ROUNDS):
            calls = [self._call(requests[at], plans[at], windows[at]) for at in open_places]
            replies = await self._answers([requests[at].viewer.shard for at in open_places], calls)
            for at, reply in zip(open_places, replies, strict=True):
                if reply[0] == "STALE_WINDOW":
                    windows[at] = _told_window(plans[at], reply)
                else:
                    decided[at] = _answer(requests[at].viewer.shard, reply)
            open_places = [at for at in open_places if at not in decided]
            if not open_places:
                return [decided[at] for at in range(len(requests))]
        raise _moving_clock()

    async def allowance(self, viewer: Viewer) -> Allowance:
        """As Meter.allowance."""
        plan = await self._plan_of(viewer.assignment)
        keys = keys_of(viewer.shard)
        peek = Call(script("peek"), (keys.head, keys.viewer(viewer.id)), STATE_FIELDS)
        [[now_ms, values]] = await self.store.answers(viewer.shard, [peek])
        pairs = zip(STATE_FIELDS, values, strict=True)
        state = read_viewer({name: value for name, value in pairs if value is not None})
        return allowance_of(state, plan, now_ms)

    async def perform(self, act: AnyAct) -> ActResult:
        """As Meter.perform."""
        if not isinstance(act, AdoptGuest):
            [reply] = await self.store.answers(act.shard, [call_of(act)])
            return result_of(act.shard, reply)
        plan = await self._plan_of(act.viewer.assignment)
        window = window_in_force(BLANK, plan, self._clock_ms())
        for _ in range(_WINDOW_ROUNDS):
            [reply] = await self.store.answers(act.viewer.shard, [adopt_call(act, plan, window)])
            if reply[0] != "STALE_WINDOW":
                return result_of(act.viewer.shard, reply)
            window = _told_window(plan, reply)
        raise _moving_clock()

    async def now_ms(self) -> int:
        """As Meter.now_ms: the store's own clock."""
        return await self.store.now_ms()

    async def ping(self) -> None:
        """Raises StoreUnavailable when the ledger does not answer."""
        await self.store.ping()

    async def _answers(self, shards: Sequence[int], calls: Sequence[Call]) -> list[Any]:
        """The reply of every call, whose shard is at the same place; calls of a shard in order."""
        if len(set(shards)) == 1:
            return await self.store.answers(shards[0], calls)
        places: dict[int, list[int]] = {}
        for at, shard in enumerate(shards):
            places.setdefault(shard, []).append(at)
        answered = await asyncio.gather(
            *(
                self.store.answers(shard, [calls[at] for at in share])
                for shard, share in places.items()
            )
        )
        order = [at for share in places.values() for at in share]
        replies = dict(zip(order, chain.from_iterable(answered), strict=True))
        return [replies[at] for at in range(len(calls))]

    def _call(self, request: ViewRequest, plan: Plan, window: Window) -> Call:
        viewer = request.viewer
        keys = keys_of(viewer.shard)
        names = keys.of_viewer(viewer.id, request.request_id)
        arguments = (
            *(viewer.id, KIND_LETTERS[viewer.kind], str(request.code), request.request_id),
            context_text(request.context),
            *(f"{plan.key}.{plan.version}", viewer.assignment.number),
            "" if plan.page_view_limit is None else plan.page_view_limit,
            *window_arguments(plan, window),
        )
        if viewer.kind is not ViewerKind.GUEST or viewer.network is None:
            return Call(script("record_view"), names, arguments)
        rule = self._admission
        return Call(
            script("record_view"),
            (*names, keys.network(viewer.network.digest)),
            (*arguments, rule.budget, viewer.network.period, rule.period_ms),
        )


def _moving_clock() -> StoreUnavailable:
    return StoreUnavailable("valkey", "its clock moved from window to window")


def _told_window(plan: Plan, reply: Sequence[Any]) -> Window:
    """The window by the store's own clock and by the last one it charged."""
    _, now_ms, last = reply
    return window_in_force(ViewerState(window=read_window(last) if last else None), plan, now_ms)


def _answer(shard: int, reply: Sequence[Any]) -> Decision | Redirect:
    status, *told = reply
    if status == "DECIDED":
        return read_receipt(shard, told[0], is_replayed=told[1] == 1)
    return Redirect(status)


@asynccontextmanager
async def open_ledger(
    url: str,
    plan_of: PlanOf,
    *,
    admission: AdmissionRule = DEFAULT_ADMISSION,
    connections: int = CONNECTIONS,
    timeout_seconds: float = TIMEOUT_SECONDS,
    queue_seconds: float = QUEUE_SECONDS,
) -> AsyncIterator[LedgerMeter]:
    """A LedgerMeter on `url`; the options are those of open_store."""
    async with open_store(
        url,
        connections=connections,
        timeout_seconds=timeout_seconds,
        queue_seconds=queue_seconds,
    ) as store:
        yield LedgerMeter(store, plan_of, admission=admission)
