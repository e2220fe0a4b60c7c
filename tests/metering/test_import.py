"""Views decided while the store was away, entered into the ledger: as the fold says they are."""

from typing import Any

import pytest
from redis.asyncio import Redis

from metering.calls import Call, script
from metering.fold import BLANK, ViewerState, apply
from metering.imports import answer_of, entry_of
from metering.live import read_viewer, viewer_fields
from metering.log import read_event
from metering.meter import LedgerMeter
from metering.policy import Verdict, event_of
from metering.shards import keys_of
from metering.store import Store
from metering.windows import Window
from schema.events import Admission, WindowNumber
from schema.people import Viewer
from schema.usage import Outcome
from tests.metering.ledgers import SHARD, code, guest, member, ms, token, view_of

AT = ms("2026-05-06T12:00")
LIFETIME = WindowNumber("L", 0)


class Import:
    """One view that was decided elsewhere."""

    def __init__(
        self,
        viewer: Viewer,
        number: int = 1,
        outcome: Outcome = Outcome.UNLOCKED,
        *,
        window: WindowNumber = LIFETIME,
        used: int = 1,
        limit: int | None = 1,
        admission: Admission | None = None,
        at_ms: int = AT,
    ) -> None:
        self.request = view_of(viewer, number)
        verdict = Verdict(outcome, Window(window, 0, None), used, limit, admission)
        event = event_of(self.request, verdict, seq=0, epoch=0, now_ms=at_ms)
        self.entry = entry_of(event)
        self.answer = answer_of(event, None)
        self.at_ms = at_ms
        self.viewer = viewer
        self.network = admission.network if admission else None

    @property
    def call(self) -> Call:
        keys = keys_of(SHARD)
        names = keys.of_viewer(self.viewer.id, self.request.request_id)
        fields = (*(self.entry[name] for name in self.entry if name != "request"),)
        arguments = (*fields, self.request.request_id, self.at_ms, self.answer)
        if self.network is None:
            return Call(script("import_view"), names, arguments)
        # Long after the test.
        swept_ms = ms("2050-01-01")
        return Call(
            script("import_view"), (*names, keys.network(self.network)), (*arguments, swept_ms)
        )


async def entered(store: Store, view: Import) -> list[Any]:
    [reply] = await store.answers(SHARD, [view.call])
    return list(reply)


async def state_of(client: Redis, viewer: Viewer) -> ViewerState:
    return read_viewer(await client.hgetall(keys_of(SHARD).viewer(viewer.id)))


async def log_of(client: Redis) -> list[Any]:
    entries = await client.xrange(keys_of(SHARD).log)
    return [read_event(SHARD, stream_id, fields) for stream_id, fields in entries]


async def test_an_unlock_is_charged_and_open_as_imported(store: Store, client: Redis) -> None:
    viewer = guest()
    view = Import(viewer)

    assert await entered(store, view) == ["IMPORTED", 0, 0]

    [(_, fields)] = await client.xrange(keys_of(SHARD).log)
    assert fields == {"type": "import", "epoch": "1", **view.entry, "at": str(AT)}
    assert list(fields)[2:] == [*view.entry, "at"]
    assert await client.hgetall(keys_of(SHARD).viewer(viewer.id)) == {
        "window": "L.0",
        "used": "1",
        "DEMO:DM-4001": "i",
    }


async def test_the_same_request_asked_afterwards_gets_the_answer_that_was_given(
    meter: LedgerMeter, store: Store, client: Redis
) -> None:
    view = Import(guest())
    await entered(store, view)

    [again] = await meter.view([view.request])

    assert again.is_replayed
    assert again.event_id == f"7:i:{AT}-{view.request.request_id[:12]}"
    assert (again.outcome, again.is_charged) == (Outcome.UNLOCKED, True)
    assert await client.xlen(keys_of(SHARD).log) == 1


async def test_a_view_imported_twice_is_one_event_and_charged_once(
    store: Store, client: Redis
) -> None:
    viewer = guest()
    view = Import(viewer)
    await entered(store, view)

    assert await entered(store, view) == ["IMPORTED", 0, 0]

    assert await client.xlen(keys_of(SHARD).log) == 1
    assert (await state_of(client, viewer)).used == 1


async def test_a_view_that_the_ledger_decided_after_all_is_not_recorded_again(
    meter: LedgerMeter, store: Store, client: Redis
) -> None:
    view = Import(guest())
    [decided] = await meter.view([view.request])

    assert await entered(store, view) == ["KNOWN", 0, 0]

    [again] = await meter.view([view.request])
    assert again == decided.model_copy(update={"is_replayed": True})
    assert await client.xlen(keys_of(SHARD).log) == 1


async def test_a_page_shown_that_the_ledger_had_refused_is_counted_as_over_granted(
    meter: LedgerMeter, store: Store, client: Redis
) -> None:
    viewer = guest()
    await meter.view([view_of(viewer, 2)])
    view = Import(viewer, 1)
    await meter.view([view.request])

    assert await entered(store, view) == ["KNOWN", 1, 0]
    assert (await state_of(client, viewer)).codes == {code(2): "c"}


async def test_a_code_that_is_open_is_not_charged_again(
    meter: LedgerMeter, store: Store, client: Redis
) -> None:
    viewer = guest()
    await meter.view([view_of(viewer, 1)])

    assert await entered(store, Import(viewer, 1)) == ["IMPORTED", 0, 0]

    state = await state_of(client, viewer)
    assert (state.used, state.codes) == (1, {code(1): "c"})
    assert await client.xlen(keys_of(SHARD).log) == 2


async def test_a_page_above_the_limit_is_charged_and_counted_as_over_granted(
    meter: LedgerMeter, store: Store, client: Redis
) -> None:
    viewer = guest()
    await meter.view([view_of(viewer, 1)])

    assert await entered(store, Import(viewer, 2)) == ["IMPORTED", 1, 0]

    state = await state_of(client, viewer)
    assert (state.used, state.codes) == (2, {code(1): "c", code(2): "i"})


async def test_an_unlimited_view_and_a_refusal_are_recorded_and_change_nothing(
    store: Store, client: Redis
) -> None:
    viewer = member()

    for outcome, limit in ((Outcome.UNMETERED, None), (Outcome.LIMIT_REACHED, 5)):
        view = Import(viewer, 1, outcome, used=0, limit=limit)
        assert await entered(store, view) == ["IMPORTED", 0, 0]

    assert await state_of(client, viewer) == BLANK
    assert [event.outcome for event in await log_of(client)] == ["UNMETERED", "LIMIT_REACHED"]


async def test_an_admission_enters_its_network_once(store: Store, client: Redis) -> None:
    network = token()
    viewer = guest(network)
    met = Admission(network=network[:12], admitted=1, budget=50)

    await entered(store, Import(viewer, 1, admission=met))
    await entered(store, Import(viewer, 2, admission=met))

    key = keys_of(SHARD).network(network)
    assert await client.hgetall(key) == {"admitted": "1"}
    assert await client.pexpiretime(key) == ms("2050-01-01")
    assert (await state_of(client, viewer)).is_admitted


async def test_a_guest_above_the_budget_is_admitted_and_counted(
    store: Store, client: Redis
) -> None:
    network = token()
    met = Admission(network=network[:12], admitted=1, budget=1)

    replies = [await entered(store, Import(guest(network), admission=met)) for _ in range(2)]

    assert replies == [["IMPORTED", 0, 0], ["IMPORTED", 0, 1]]
    assert await client.hget(keys_of(SHARD).network(network), "admitted") == "2"


async def test_of_a_sealed_guest_nothing_but_the_log_changes(store: Store, client: Redis) -> None:
    viewer = guest(token())
    key = keys_of(SHARD).viewer(viewer.id)
    await client.hset(key, "moved", "u" + "x" * 22)
    met = Admission(network="n" * 12, admitted=1, budget=50)

    assert await entered(store, Import(viewer, admission=met)) == ["IMPORTED", 0, 0]

    assert await client.hgetall(key) == {"moved": "u" + "x" * 22}
    assert await client.exists(keys_of(SHARD).network("n" * 12)) == 0
    assert await client.xlen(keys_of(SHARD).log) == 1


async def test_a_strange_argument_is_refused_before_anything_is_written(
    store: Store, client: Redis
) -> None:
    view = Import(guest())
    view.answer = "U 1 1 1 - 1 5-1"

    with pytest.raises(ValueError, match="answer"):
        await entered(store, view)

    assert await client.keys("*") == []


DAYS = [WindowNumber("D", 20000), WindowNumber("D", 20001), WindowNumber("D", 20002)]
ROLLING = [WindowNumber("R30", 0), WindowNumber("R30", 1)]
STATES = {
    "blank": BLANK,
    "in the window": ViewerState(DAYS[1], None, 1, {code(1): "c"}),
    "in the window, the code adopted": ViewerState(DAYS[1], None, 0, {code(2): "a"}),
    "in an earlier window": ViewerState(DAYS[0], None, 2, {code(1): "c", code(2): "i"}),
    "in a later window": ViewerState(DAYS[2], None, 1, {code(1): "c"}),
    "in another kind": ViewerState(LIFETIME, None, 1, {code(2): "c"}),
    "in a rolling window": ViewerState(ROLLING[0], AT - 5, 1, {code(1): "c"}),
    "blocked": ViewerState(DAYS[0], None, 1, {code(1): "c"}, is_blocked=True),
    "with what outlives a window": ViewerState(
        DAYS[0], None, 1, {}, assignment=1, is_admitted=True, adopted=("g" + "y" * 22,)
    ),
    "sealed": ViewerState(DAYS[0], None, 1, {code(1): "c"}, moved_to="u" + "z" * 22),
}


@pytest.mark.parametrize("window", [DAYS[1], ROLLING[0], ROLLING[1], LIFETIME], ids=str)
@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("outcome", [Outcome.UNLOCKED, Outcome.REPEATED])
async def test_the_script_does_what_the_fold_says(
    store: Store, client: Redis, name: str, window: WindowNumber, outcome: Outcome
) -> None:
    viewer = member(number=2)
    key = keys_of(SHARD).viewer(viewer.id)
    if fields := viewer_fields(STATES[name]):
        await client.hset(key, mapping=fields)

    await entered(store, Import(viewer, 2, outcome, window=window, limit=9))

    [event] = await log_of(client)
    assert await client.hgetall(key) == viewer_fields(apply(STATES[name], event))
