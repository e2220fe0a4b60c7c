"""The simulated store against a real one: the same calls, the same answers, the same in the end."""

import time
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from metering.acts import adopt_call, call_of
from metering.calls import Call, script
from metering.live import STATE_FIELDS
from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.store import open_store
from metering.windows import window_at
from schema.acts import (
    AdoptGuest,
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
from schema.instants import instant
from schema.people import Assignment, Viewer
from schema.usage import ViewRequest
from tests.metering.ledgers import ms
from tests.sim.lua import Failure, Status
from tests.sim.people import PLANS, RULE, Place, code, new_guest, new_member, plan_of, token
from tests.sim.store import Store

SHARD = 7
KEYS = keys_of(SHARD)
START_MS = ms("2040-01-31T10:59")
CALLS = 600
"""Calls of each seed."""
MENDING = ("close", "open", "put_viewers")
"""Scripts of a rebuilding, which the simulator does not do; tests/metering/test_rebuild.py does."""

BESIDE = ("rate", "points")
"""Scripts that know no clock but the server's; tests/metering/test_rates.py and test_points.py run
them here."""


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with open_store(redis_url, timeout_seconds=10) as opened:
        yield await opened.of(SHARD)


class Calls:
    """Random calls of every script, mostly of a few viewers, so that they meet."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.now_ms = START_MS
        place = Place("net0-", SHARD)
        period = RULE.period_at(START_MS)
        guests = [new_guest(rng, place, period, is_exempt=at == 0) for at in range(4)]
        self.viewers = [each.viewer for each in guests]
        self.viewers += [new_member(rng, SHARD).viewer for _ in range(3)]
        self.requests = [token(rng) for _ in range(40)]
        self._meter = LedgerMeter(None, plan_of, admission=RULE)  # type: ignore[arg-type]

    def __next__(self) -> Call:
        named = (
            *([self._view] * 6),
            *(self._act, self._act, self._act, self._adopt, self._look, self._settle),
            *(self._import, self._compact),
        )
        return self.rng.choice(named)()

    def _viewer(self) -> Viewer:
        viewer = self.rng.choice(self.viewers)
        if viewer.id.startswith("g"):
            return viewer
        key = self.rng.choice(sorted(key for key, _ in PLANS if key != "guest"))
        number = self.rng.randrange(3)
        assignment = Assignment(plan_key=key, plan_version=1, number=number)
        return viewer.model_copy(update={"assignment": assignment})

    def _view(self) -> Call:
        viewer = self._viewer()
        request = ViewRequest(
            viewer=viewer,
            code=code(self.rng.randrange(4)),
            request_id=self.rng.choice(self.requests)
            if self.rng.random() < 0.2
            else token(self.rng),
        )
        plan = PLANS[viewer.assignment.plan_key, 1]
        off_ms = self.rng.choice((0, 0, 0, 86_400_000, -86_400_000))
        return self._meter._call(request, plan, window_at(plan, self.now_ms + off_ms))

    def _act(self) -> Call:
        rng, viewer = self.rng, self._viewer()
        request_id = rng.choice(self.requests) if rng.random() < 0.3 else token(rng)
        named = {"viewer_id": viewer.id, "shard": SHARD, "request_id": request_id}
        staff = {**named, "actor": "system", "reason": "größer"}
        ends = rng.choice((None, instant(self.now_ms + 5_000)))
        place = {key: staff[key] for key in ("shard", "request_id", "actor", "reason")}
        member = self.viewers[-1]
        acts: list[Callable[[], Any]] = [
            lambda: VoidUnlock(**staff, code=code(rng.randrange(4)), cause="complaint"),
            lambda: GrantViews(**staff, units=rng.randint(1, 3), expires_at=ends),
            lambda: VoidGrant(**staff, grant_seq=rng.randint(1, 60)),
            lambda: SetPlan(**staff, viewer_kind=viewer.kind, assignment=viewer.assignment),
            lambda: BlockViewer(**staff),
            lambda: UnblockViewer(**staff),
            lambda: UnblockViewer(**staff),
            lambda: ResetViewer(**staff),
            lambda: EraseViewer(**staff),
            lambda: ResetNetwork(network="net0-0085353"[:12], **place),
            lambda: SealGuest(
                **{**named, "viewer_id": self.viewers[0].id}, account_id=member.id, codes_max=2
            ),
        ]
        return call_of(rng.choice(acts)())

    def _adopt(self) -> Call:
        rng, viewer = self.rng, self._viewer()
        account = self.viewers[-1].model_copy(update={"assignment": viewer.assignment})
        codes = tuple(code(number) for number in range(rng.randrange(3)))
        guest_id = rng.choice(self.viewers[:4]).id
        request_id = token(rng)
        act = AdoptGuest(viewer=account, guest_id=guest_id, codes=codes, request_id=request_id)
        plan = PLANS[viewer.assignment.plan_key, 1]
        return adopt_call(act, plan, window_at(plan, self.now_ms))

    def _look(self) -> Call:
        viewer = KEYS.viewer(self._viewer().id)
        # Not of a receipt: the real store says how long one stays by the real clock.
        return self.rng.choice(
            (
                Call(script("peek"), (KEYS.head, viewer), STATE_FIELDS),
                Call(script("inspect"), (KEYS.log, KEYS.head, viewer), (1000,)),
                Call(script("receipts"), (viewer, KEYS.fresh_log), ()),
                Call(script("strangers"), (KEYS.log, viewer), ("stream", "string")),
            )
        )

    def _import(self) -> Call:
        rng, viewer = self.rng, self._viewer()
        request_id, at_ms = token(rng), self.now_ms - rng.randrange(10_000)
        names = KEYS.of_viewer(viewer.id, request_id)
        kind = "G" if viewer.id.startswith("g") else "R"
        number, limit = viewer.assignment.number, rng.choice(("1", "5"))
        answer = f"U 1 1 {limit} - i {at_ms}-{request_id[:12]}"
        fields = (viewer.id, kind, f"{viewer.assignment.plan_key}.1", number, "L.0")
        decided = (str(code(rng.randrange(4))), "U", 1, limit, "", "o", request_id, at_ms, answer)
        return Call(script("import_view"), names, (*fields, *decided))

    def _compact(self) -> Call:
        return Call(script("compact"), (KEYS.log, KEYS.fresh_log), ("", 10_000))

    def _settle(self) -> Call:
        viewer_id = self._viewer().id
        names = (KEYS.log, KEYS.head, KEYS.flood(viewer_id), KEYS.waiting)
        return Call(script("settle"), names, (viewer_id, self.rng.choice((0, 60_000))))


def _words(call: Call) -> list[str]:
    return [str(word) for word in call.command]


async def _real(client: Redis, words: list[str]) -> Any:
    try:
        return await client.execute_command(*words)
    except ResponseError as refused:
        # Behind it the real one says which line of which script it was.
        return f"error: {str(refused).split(' script: ')[0]}"


def _simulated(store: Store, words: list[str]) -> Any:
    reply = store.execute(words)
    if isinstance(reply, Failure):
        return f"error: {reply.text}"
    return str(reply) if isinstance(reply, Status) else reply


async def _dump(execute: Callable[[list[str]], Any]) -> dict[str, Any]:
    """Everything that a store holds, with what of it expires; receipts expire by the real clock,
    so of these only that they do."""
    dump: dict[str, Any] = {}
    _, keys = await execute(["SCAN", "0", "MATCH", "{m*", "COUNT", "100000"])
    for key in keys:
        kind = str(await execute(["TYPE", key]))
        reads = {"hash": ["HGETALL"], "string": ["GET"], "set": ["SMEMBERS"], "stream": ["XRANGE"]}
        value = await execute([*reads[kind], key, *(("-", "+") if kind == "stream" else ())])
        if kind == "hash" and not isinstance(value, dict):
            value = dict(zip(value[::2], value[1::2], strict=True))
        if kind == "stream":
            value = [(str(at), list(_flat(fields))) for at, fields in value]
        if kind == "set":
            value = sorted(value)
        expires = await execute(["PEXPIRETIME", key])
        dump[key] = (kind, value, expires > 0 if kind == "string" else expires)
    return dump


def _flat(fields: Any) -> Any:
    return (
        [part for pair in fields.items() for part in pair] if isinstance(fields, dict) else fields
    )


@pytest.mark.parametrize("seed", range(5))
async def test_the_same_calls_have_the_same_answers_and_the_same_end(
    seed: int, client: Redis
) -> None:
    store = Store(lambda: time.time_ns() // 1000)
    calls, called = Calls(Random(seed)), set()
    for each in (path.name.removesuffix(".lua") for path in (files("metering") / "lua").iterdir()):
        if each != "shared":
            await client.script_load(script(each).text)
            store.execute(["SCRIPT", "LOAD", script(each).text])
    for at in range(CALLS):
        if at == 0 or calls.rng.random() < 0.1:
            # The shard's clock never goes behind its last event, which is how a test moves it.
            calls.now_ms += calls.rng.choice((1, 1_000, 61_000, 3_600_000, 86_400_000))
            moved = ["HSET", KEYS.head, "at", str(calls.now_ms)]
            assert await _real(client, moved) == _simulated(store, moved)
        call = next(calls)
        called.add(call.script.digest)

        real, simulated = await _real(client, _words(call)), _simulated(store, _words(call))

        assert _plain(simulated) == _plain(real), _words(call)
    assert store.gap is None

    async def execute_real(words: list[str]) -> Any:
        return await client.execute_command(*words)

    async def execute_simulated(words: list[str]) -> Any:
        return store.execute(words)

    dump = await _dump(execute_simulated)
    assert dump == await _dump(execute_real)
    assert len(dump[KEYS.log][1]) > 100
    every = {path.name for path in (files("metering") / "lua").iterdir()} - {"shared"}
    every -= {f"{name}.lua" for name in (*MENDING, *BESIDE)}
    assert len(called) == len(every)
    store.sync()
    store.restart()
    assert await _dump(execute_simulated) == dump


def _plain(reply: Any) -> Any:
    """A hash is answered in any order."""
    if isinstance(reply, list) and len(reply) > 2 and isinstance(reply[2], list):
        return [*reply[:2], *(_hash(each) for each in reply[2:])]
    return reply


def _hash(told: list[Any]) -> Any:
    fields, *rest = told
    return [sorted(zip(fields[::2], fields[1::2], strict=True)), *rest]


async def test_what_a_failed_script_wrote_stays_in_both(client: Redis) -> None:
    text = "#!lua\nredis.call('SET', KEYS[1], 'x')\nredis.call('HSET', KEYS[1], 'a', 'b')"
    store = Store(lambda: 0)
    digest = await client.script_load(text)
    store.execute(["SCRIPT", "LOAD", text])
    words = ["EVALSHA", digest, "1", "key"]

    real, simulated = await _real(client, words), _simulated(store, words)

    assert simulated.split()[:2] == real.split()[:2] == ["error:", "WRONGTYPE"]
    assert _simulated(store, ["GET", "key"]) == await _real(client, ["GET", "key"]) == "x"


async def test_a_script_that_says_it_only_reads_cannot_write_in_either(client: Redis) -> None:
    text = "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'x')"
    store = Store(lambda: 0)
    digest = await client.script_load(text)
    store.execute(["SCRIPT", "LOAD", text])
    words = ["EVALSHA", digest, "1", "key"]

    real, simulated = await _real(client, words), _simulated(store, words)

    assert "Write commands are not allowed from read-only scripts" in real
    assert "Write commands are not allowed from read-only scripts" in simulated
    assert _simulated(store, ["GET", "key"]) is await _real(client, ["GET", "key"]) is None


async def test_an_entry_with_a_smaller_id_is_refused_by_both(client: Redis) -> None:
    store = Store(lambda: 0)
    for words in (["XADD", "s", "5-1", "a", "b"], ["XDEL", "s", "5-1"]):
        assert _simulated(store, words) == await _real(client, words)
    words = ["XADD", "s", "5-1", "a", "b"]

    real, simulated = await _real(client, words), _simulated(store, words)

    assert "equal or smaller" in real
    assert "equal or smaller" in simulated
    assert _simulated(store, ["XLEN", "s"]) == await _real(client, ["XLEN", "s"]) == 0
