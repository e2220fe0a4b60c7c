"""The script against the rules: whatever is asked in whatever order, the two agree."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from metering.policy import AdmissionRule
from metering.store import Store, open_store
from metering.verify import verify_live
from schema.acts import AnyAct, SealGuest
from schema.codes import CodeKey
from schema.people import Network, Viewer, ViewerKind
from schema.plans import WindowKind
from schema.usage import ViewRequest
from tests.metering.acts import STAFF_ACTS, adopt, seal
from tests.metering.ledgers import (
    MemoryLedger,
    Plans,
    ValkeyLedger,
    guest,
    member,
    ms,
    on_plan,
    plan,
    view_of,
)

T = TypeVar("T")
START = ms("2040-01-31T20:00")
RULE = AdmissionRule(budget=2, period_days=3)
PLANS = Plans()
for _plan in (
    plan("guest", 1),
    plan("registered", 5),
    plan("none", 0),
    plan("subscriber", None),
    plan("daily", 2, WindowKind.DAY),
    plan("auckland", 2, WindowKind.DAY, time_zone="Pacific/Auckland"),
    plan("weekly", 1, WindowKind.WEEK, time_zone="America/New_York"),
    plan("monthly", 2, WindowKind.MONTH),
    plan("rolling", 1, WindowKind.ROLLING, rolling_days=2),
    plan("rolling3", 1, WindowKind.ROLLING, rolling_days=3),
    plan("open-month", None, WindowKind.MONTH),
):
    PLANS.add(_plan)
PLAN_KEYS = sorted(key for key, _ in PLANS.versions)
ACTS = [*STAFF_ACTS, "seal", "adopt", "adopt"]
NETWORKS = ["n" * 22, "o" * 22]


class Agreement(RuleBasedStateMachine):
    """Asks the meter in memory and the one in Valkey the same, and compares every answer."""

    url = ""
    error_ms = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.valkey = ValkeyLedger(self.run(self._open()), PLANS, RULE, error_ms=self.error_ms)
        self.memory = MemoryLedger(PLANS, RULE)
        self.now_ms = START
        self.numbers = [0] * 6
        self.viewers: list[Viewer] = [*(guest() for _ in range(4)), member(), member()]
        self.requests: list[ViewRequest] = []
        self.acts: list[AnyAct] = []
        self.sealed: list[tuple[str, tuple[CodeKey, ...]]] = []
        self.run(self._tick(0))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _open(self) -> Store:
        store = await self.stack.enter_async_context(open_store(self.url, timeout_seconds=10))
        await (await store.of(0)).flushdb()
        return store

    async def _tick(self, passed_ms: int) -> None:
        self.now_ms += passed_ms
        await self.memory.set_clock(self.now_ms)
        await self.valkey.set_clock(self.now_ms)

    def viewer(self, at: int, network: int | None, behind: int) -> Viewer:
        place = None
        if network is not None:
            period = RULE.period_at(self.now_ms) - behind
            place = Network(digest=NETWORKS[network], period=period)
        return self.viewers[at].model_copy(update={"network": place})

    @rule(
        at=st.integers(0, 5),
        asked=st.lists(
            st.tuples(
                st.integers(1, 4),
                st.sampled_from([None, 0, 0, 1]),
                st.sampled_from([0, 0, 0, 1]),
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def view(self, at: int, asked: list[tuple[int, int | None, int]]) -> None:
        requests = [
            view_of(self.viewer(at, network, behind), number) for number, network, behind in asked
        ]
        self.requests += requests
        self.compare(requests)

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if self.requests:
            self.compare([data.draw(st.sampled_from(self.requests[-10:]))])

    def compare(self, requests: list[ViewRequest]) -> None:
        decided = self.run(self.valkey.meter.view(requests))
        assert decided == self.run(self.memory.meter.view(requests))

    @rule(
        passed_ms=st.sampled_from(
            [1, 59_999, 60_000, 3_600_000, 4 * 3_600_000 - 1, 86_400_000, 3 * 86_400_000]
        )
    )
    def wait(self, passed_ms: int) -> None:
        # The store forgets a request after an hour of its own time, which does not pass here.
        self.requests.clear()
        self.acts.clear()
        self.run(self._tick(passed_ms))

    @rule(at=st.integers(0, 5), key=st.sampled_from(PLAN_KEYS), step=st.sampled_from([1, 1, 1, -1]))
    def assign(self, at: int, key: str, step: int) -> None:
        self.numbers[at] = max(0, self.numbers[at] + step)
        self.viewers[at] = on_plan(self.viewers[at], key, self.numbers[at])

    @rule(at=st.integers(0, 5), kind=st.sampled_from(ACTS), number=st.integers(1, 4))
    def act(self, at: int, kind: str, number: int) -> None:
        act = self.act_of(kind, self.viewers[at], number)
        if act is not None:
            self.acts.append(act)
            self.compare_act(act)

    @rule(data=st.data())
    def act_again(self, data: st.DataObject) -> None:
        if self.acts:
            self.compare_act(data.draw(st.sampled_from(self.acts[-5:])))

    def compare_act(self, act: AnyAct) -> None:
        result = self.run(self.valkey.meter.perform(act))
        assert result == self.run(self.memory.meter.perform(act))
        if isinstance(act, SealGuest) and result.codes:
            self.sealed.append((act.viewer_id, result.codes))

    def act_of(self, kind: str, viewer: Viewer, number: int) -> AnyAct | None:
        """An act on the viewer; None where it makes no sense."""
        is_guest = viewer.kind is ViewerKind.GUEST
        if kind == "seal":
            account = self.viewers[4 + number % 2].id
            return seal(viewer, account, codes_max=number) if is_guest else None
        if kind == "adopt":
            if is_guest or not self.sealed:
                return None
            guest_id, codes = self.sealed[number % len(self.sealed)]
            return adopt(viewer, guest_id, codes)
        return STAFF_ACTS[kind](viewer, number, self.now_ms)

    @rule(at=st.integers(0, 5), number=st.integers(1, 4), times=st.integers(15, 45))
    def flood(self, at: int, number: int, times: int) -> None:
        self.compare([view_of(self.viewer(at, None, 0), number) for _ in range(times)])

    @rule(at=st.integers(0, 5), age_ms=st.sampled_from([0, 60_000]))
    def settle(self, at: int, age_ms: int) -> None:
        viewer = self.viewers[at]
        self.run(self.memory.settle(viewer, age_ms))
        self.run(self.valkey.settle(viewer, age_ms))

    @invariant()
    def allowances_agree(self) -> None:
        for viewer in self.viewers:
            told = self.run(self.valkey.meter.allowance(viewer))
            assert told == self.run(self.memory.meter.allowance(viewer))

    def teardown(self) -> None:
        assert self.run(self.valkey.log()) == self.memory.meter.log
        self.compare([view_of(guest(), 1)])
        store = self.valkey.meter.store
        report = self.run(verify_live(store, PLANS.plan_of, admission=RULE))
        assert report.problems == ()
        self.run(self.stack.aclose())
        self.loop.close()


@pytest.mark.parametrize("error_ms", [0, -86_400_000])
def test_script_and_rules_agree_on_every_history(redis_url: str, error_ms: int) -> None:
    Agreement.url, Agreement.error_ms = redis_url, error_ms
    run_state_machine_as_test(
        Agreement,
        settings=settings(
            max_examples=50,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
