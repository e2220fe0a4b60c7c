"""The meter in memory: the rules and the fold with nothing in between, for tests and trials."""

from collections.abc import Callable, Sequence

from metering.act_rules import codes_to_carry, event_of_act
from metering.acts import result_of
from metering.floods import Floods
from metering.fold import ShardState, ViewerState
from metering.live import COUNTED_RECEIPT_MS, RECEIPT_MS, read_receipt, receipt_of
from metering.log import TYPE_OF, AnyEvent
from metering.meter import DEFAULT_ADMISSION, system_clock_ms
from metering.networks import KEPT_LENGTH
from metering.policy import AdmissionRule, PlanOf, Verdict, allowance_of, decide, event_of
from schema.acts import (
    ActOutcome,
    ActResult,
    AdoptGuest,
    AnyAct,
    EraseViewer,
    ResetNetwork,
    SealGuest,
)
from schema.events import PageViewed
from schema.instants import instant
from schema.people import Viewer
from schema.plans import Plan
from schema.usage import Allowance, Decision, Outcome, Redirect, ViewRequest


class MemoryMeter:
    """Keeps the contract of Meter within one process; forgets everything with it."""

    def __init__(
        self,
        plan_of: PlanOf,
        *,
        admission: AdmissionRule = DEFAULT_ADMISSION,
        clock_ms: Callable[[], int] = system_clock_ms,
    ) -> None:
        self.shards: dict[int, ShardState] = {}
        self.log: list[AnyEvent] = []
        self._all_floods: dict[int, Floods] = {}
        self._receipts: dict[tuple[int, str], tuple[int, str]] = {}
        self._plan_of = plan_of
        self._admission = admission
        self._clock_ms = clock_ms

    async def view(self, requests: Sequence[ViewRequest]) -> list[Decision | Redirect]:
        """As Meter.view."""
        return [await self._view(request) for request in requests]

    async def allowance(self, viewer: Viewer) -> Allowance:
        """As Meter.allowance."""
        plan = await self._plan_of(viewer.assignment)
        shard = self.shard(viewer.shard)
        return allowance_of(shard.viewer(viewer.id), plan, self._now_ms(shard))

    async def now_ms(self) -> int:
        """As Meter.now_ms."""
        return self._clock_ms()

    def shard(self, number: int) -> ShardState:
        """The state of one shard, made when it is first asked for."""
        return self.shards.setdefault(number, ShardState(number))

    def _now_ms(self, shard: ShardState) -> int:
        return max(self._clock_ms(), shard.at_ms)

    async def perform(self, act: AnyAct) -> ActResult:
        """As Meter.perform."""
        plan = await self._plan_of(act.viewer.assignment) if isinstance(act, AdoptGuest) else None
        number = act.viewer.shard if isinstance(act, AdoptGuest) else act.shard
        shard = self.shard(number)
        viewer_id = _viewer_id(act)
        viewer = shard.viewer(viewer_id)
        codes = codes_to_carry(viewer, act.codes_max) if isinstance(act, SealGuest) else ()
        told = self._told(shard, act.request_id)
        if told:
            return result_of(number, ["DONE", told, 1]).model_copy(update={"codes": codes})
        judged = self._judge(shard, viewer, act, plan)
        if isinstance(judged, ActOutcome):
            keeps_codes = judged is ActOutcome.UNCHANGED
            return ActResult(outcome=judged, codes=codes if keeps_codes else ())
        self._settle(shard, viewer_id)
        # What was counted took numbers of its own.
        event = self._judge(shard, viewer, act, plan)
        assert not isinstance(event, ActOutcome), "it was judged a moment ago"
        self._record(shard, event)
        if isinstance(act, EraseViewer):
            self._floods(number).forget(viewer_id)
        answer = f"{TYPE_OF[type(event)]} {event.epoch} {event.stream_id}"
        self._receipts[number, act.request_id] = (self._now_ms(shard), answer)
        return result_of(number, ["DONE", answer, 0]).model_copy(update={"codes": codes})

    def _judge(
        self, shard: ShardState, viewer: ViewerState, act: AnyAct, plan: Plan | None
    ) -> AnyEvent | ActOutcome:
        network = act.network if isinstance(act, ResetNetwork) else ""
        return event_of_act(
            viewer,
            act,
            plan=plan,
            admitted=shard.networks.get(network, 0),
            seq=shard.seq + 1,
            epoch=shard.epoch,
            now_ms=self._now_ms(shard),
        )

    async def settle(self, shard: int, viewer_id: str, age_ms: int) -> None:
        """Record what was counted for the viewer for `age_ms` or longer."""
        state = self.shard(shard)
        self._settle(state, viewer_id, self._now_ms(state) - age_ms)

    def _settle(self, shard: ShardState, viewer_id: str, latest_ms: int | None = None) -> None:
        latest_ms = self._now_ms(shard) if latest_ms is None else latest_ms
        for event in self._floods(shard.shard).settle(viewer_id, latest_ms):
            self._record_counted(shard, event)

    def _record_counted(self, shard: ShardState, event: PageViewed) -> None:
        place = {"seq": shard.seq + 1, "recorded_at": instant(self._now_ms(shard))}
        self._record(shard, event.model_copy(update=place))

    def _record(self, shard: ShardState, event: AnyEvent) -> None:
        shard.add(event)
        self.log.append(event)

    def _floods(self, shard: int) -> Floods:
        return self._all_floods.setdefault(shard, Floods())

    def _told(self, shard: ShardState, request_id: str) -> str:
        told_ms, told = self._receipts.get((shard.shard, request_id), (0, ""))
        return told if self._now_ms(shard) < told_ms + RECEIPT_MS else ""

    async def _view(self, request: ViewRequest) -> Decision | Redirect:
        plan = await self._plan_of(request.viewer.assignment)
        number = request.viewer.shard
        shard = self.shard(number)
        now_ms = self._now_ms(shard)
        told = self._told(shard, request.request_id)
        if told:
            return read_receipt(number, told, is_replayed=True)
        network = request.viewer.network
        admitted = 0 if network is None else shard.networks.get(network.digest[:KEPT_LENGTH], 0)
        viewer = shard.viewer(request.viewer.id)
        verdict = decide(viewer, admitted, request, plan, now_ms, self._admission)
        if isinstance(verdict, Redirect):
            return verdict
        if self._is_counted(shard, viewer, request, verdict):
            event = self._event(shard, request, verdict)
            answer = receipt_of(event, verdict.resets_ms, is_counted=True)
            told_ms = now_ms - RECEIPT_MS + COUNTED_RECEIPT_MS
            self._receipts[number, request.request_id] = (told_ms, answer)
        else:
            event = self._event(shard, request, verdict)
            self._record(shard, event)
            answer = receipt_of(event, verdict.resets_ms)
            self._receipts[number, request.request_id] = (now_ms, answer)
        return read_receipt(number, answer, is_replayed=False)

    def _is_counted(
        self, shard: ShardState, viewer: ViewerState, request: ViewRequest, verdict: Verdict
    ) -> bool:
        """Whether the view is counted; records what has to come before it."""
        is_let_in = verdict.outcome is not Outcome.NETWORK_LIMIT_REACHED
        is_fence_raised = is_let_in and request.viewer.assignment.number > viewer.assignment
        if verdict.outcome is Outcome.UNLOCKED or is_fence_raised:
            self._settle(shard, request.viewer.id)
            return False
        event = self._event(shard, request, verdict)
        counted, settled = self._floods(shard.shard).count(event, self._now_ms(shard))
        for before in settled:
            self._record_counted(shard, before)
        return counted

    def _event(self, shard: ShardState, request: ViewRequest, verdict: Verdict) -> PageViewed:
        place = {"seq": shard.seq + 1, "epoch": shard.epoch, "now_ms": self._now_ms(shard)}
        return event_of(request, verdict, **place)


def _viewer_id(act: AnyAct) -> str:
    if isinstance(act, AdoptGuest):
        return act.viewer.id
    return "" if isinstance(act, ResetNetwork) else act.viewer_id
