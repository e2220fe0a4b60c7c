"""The meter in memory: the rules and the fold with nothing in between, for tests and trials."""

from collections.abc import Callable, Sequence

from metering.fold import ShardState
from metering.live import RECEIPT_MS, read_receipt, receipt_of
from metering.meter import DEFAULT_ADMISSION, system_clock_ms
from metering.networks import KEPT_LENGTH
from metering.policy import AdmissionRule, PlanOf, allowance_of, decide, event_of
from schema.events import PageViewed
from schema.instants import milliseconds
from schema.people import Viewer
from schema.usage import Allowance, Decision, Redirect, ViewRequest


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
        self.log: list[PageViewed] = []
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

    async def _view(self, request: ViewRequest) -> Decision | Redirect:
        plan = await self._plan_of(request.viewer.assignment)
        number = request.viewer.shard
        shard = self.shard(number)
        now_ms = self._now_ms(shard)
        told_ms, told = self._receipts.get((number, request.request_id), (0, ""))
        if told and now_ms < told_ms + RECEIPT_MS:
            return read_receipt(number, told, is_replayed=True)
        network = request.viewer.network
        admitted = 0 if network is None else shard.networks.get(network.digest[:KEPT_LENGTH], 0)
        viewer = shard.viewer(request.viewer.id)
        verdict = decide(viewer, admitted, request, plan, now_ms, self._admission)
        if isinstance(verdict, Redirect):
            return verdict
        event = event_of(request, verdict, seq=shard.seq + 1, epoch=shard.epoch, now_ms=now_ms)
        shard.add(event)
        self.log.append(event)
        resets_at = verdict.allowance.resets_at
        answer = receipt_of(event, None if resets_at is None else milliseconds(resets_at))
        self._receipts[number, request.request_id] = (now_ms, answer)
        return read_receipt(number, answer, is_replayed=False)
