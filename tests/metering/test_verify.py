"""The proof of the ledger: silent when all is well, also under load; loud about one wrong field."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.store import Store
from metering.verify import VerifyReport, verify_live
from schema.people import Assignment
from schema.plans import Plan
from schema.usage import Decision
from tests.metering.ledgers import (
    ADMISSION,
    Plans,
    ValkeyLedger,
    guest,
    member,
    ms,
    plan,
    token,
    view_of,
)

KEYS = keys_of(7)
MEMBER = member().model_copy(update={"id": "u" + "m" * 22})
NETWORK = "n" * 22
REQUEST = "r" * 22


@pytest.fixture
async def filled(meter: LedgerMeter, client: Redis) -> Redis:
    """A ledger with every kind of key and outcome; its first event is a member's unlock."""
    guests = [guest(NETWORK) for _ in range(3)]
    rolling = member("rolling", shard=9, number=3)
    await meter.view(
        [
            view_of(MEMBER, 1, REQUEST),
            *(view_of(viewer, number) for viewer in guests for number in (1, 1, 2)),
            view_of(member("subscriber"), 1),
            *(view_of(rolling, number) for number in (1, 2)),
            *(view_of(guest(token(), shard=shard), 1) for shard in range(64)),
        ]
    )
    return client


def kinds(report: VerifyReport) -> list[str]:
    return [problem.kind for problem in report.problems]


async def test_an_empty_ledger_holds(client: Redis, plans: Plans, store: Store) -> None:
    report = await verify_live(store, plans.plan_of)

    assert report == VerifyReport(
        events=0, viewers=0, networks=0, receipts=0, archived=0, problems=()
    )


async def test_an_honest_ledger_holds_and_everything_was_compared(
    filled: Redis, plans: Plans, store: Store
) -> None:
    report = await verify_live(store, plans.plan_of)

    assert report == VerifyReport(
        events=77, viewers=69, networks=65, receipts=77, archived=0, problems=()
    )
    assert report.holds


async def test_the_proof_holds_while_pages_are_read(
    meter: LedgerMeter, filled: Redis, plans: Plans, store: Store
) -> None:
    viewers = [member(shard=number % 4) for number in range(40)]
    network = token()
    stop = asyncio.Event()

    async def read() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            crowd = viewers[number % 40 :][:5]
            await meter.view([view_of(viewer, number % 9) for viewer in crowd])
            # Somebody new each time: repeats and refusals alone would soon be counted together.
            await meter.view([view_of(guest(network, shard=1), number), view_of(member(), 1)])

    readers = [asyncio.create_task(read()) for _ in range(3)]
    reports = [await verify_live(store, plans.plan_of) for _ in range(3)]
    stop.set()
    await asyncio.gather(*readers)

    assert [report.problems for report in reports] == [()] * 3
    assert reports[-1].events > reports[0].events > 77


async def copy_receipt(client: Redis, request_id: str, changed: Callable[[str], str] = str) -> None:
    """Another receipt for the event of REQUEST."""
    answer = await client.get(KEYS.receipt(REQUEST))
    await client.set(KEYS.receipt(request_id), changed(answer), px=1_000_000)


Drift = Callable[[Redis], Awaitable[object]]

VIEWER = KEYS.viewer(MEMBER.id)
DRIFTS: dict[str, tuple[Drift, str]] = {
    "viewer used": (
        lambda c: c.hset(VIEWER, "used", "0"),
        f"viewer {MEMBER.id}: used is 0, the log says 1",
    ),
    "viewer window": (
        lambda c: c.hset(VIEWER, "window", "L.1"),
        f"viewer {MEMBER.id}: window is L.1, the log says L.0",
    ),
    "viewer code": (
        lambda c: c.hset(VIEWER, "DEMO:DM-1", "c"),
        f"viewer {MEMBER.id}: DEMO:DM-1 is c, the log says nothing",
    ),
    "viewer anchor": (
        lambda c: c.hset(VIEWER, "anchor", "5"),
        f"viewer {MEMBER.id}: anchor is 5, the log says nothing",
    ),
    "viewer assignment": (
        lambda c: c.hset(VIEWER, "assignment", "5"),
        f"viewer {MEMBER.id}: assignment is 5, the log says nothing",
    ),
    "viewer admitted": (
        lambda c: c.hset(VIEWER, "admitted", "1"),
        f"viewer {MEMBER.id}: admitted is 1, the log says nothing",
    ),
    "viewer grants": (
        lambda c: c.hset(VIEWER, "grants", "5@0@1"),
        f"viewer {MEMBER.id}: grants is 5@0@1, the log says nothing",
    ),
    "viewer blocked": (
        lambda c: c.hset(VIEWER, "blocked", "1"),
        f"viewer {MEMBER.id}: blocked is 1, the log says nothing",
    ),
    "viewer moved": (
        lambda c: c.hset(VIEWER, "moved", "u"),
        f"viewer {MEMBER.id}: moved is u, the log says nothing",
    ),
    "viewer adopted": (
        lambda c: c.hset(VIEWER, "adopted", "1"),
        f"viewer {MEMBER.id}: adopted is 1, the log says nothing",
    ),
    "viewer x": (
        lambda c: c.hset(VIEWER, "x", "1"),
        f"viewer {MEMBER.id}: x is 1, the log says nothing",
    ),
    "network admitted": (
        lambda c: c.hincrby(KEYS.network(NETWORK), "admitted", -1),
        f"network {NETWORK[:12]}: admitted is 2, the log says 3",
    ),
    "receipt": (
        lambda c: c.set(KEYS.receipt("q" * 22), "U 1 1 1 - 1 5-5", px=1000),
        f"receipt {'q' * 22}: 'U 1 1 1 - 1 5-5' is not in the log",
    ),
    "receipt, of a stream id that has one": (
        lambda c: copy_receipt(c, "-" * 22, lambda answer: f"U 1 0 999 - 1 {answer.split()[-1]}"),
        f"receipt {'-' * 22}: answers 'U 1 0 999 - 1 ",
    ),
    "receipt, the same to a request that begins alike": (
        lambda c: copy_receipt(c, REQUEST[:12] + "z" * 10),
        f"receipt {REQUEST[:12] + 'z' * 10}: event 7:1:",
    ),
    "receipt, renamed": (
        lambda c: c.rename(KEYS.receipt(REQUEST), KEYS.receipt("r" * 11 + "z" * 11)),
        f"receipt {'r' * 11 + 'z' * 11}: answers 'U 1 1 5 - 1 ",
    ),
    "viewer expiry": (
        lambda c: c.pexpireat(VIEWER, 4_000_000_000_000),
        f"viewer {MEMBER.id}: expires at 4000000000000, not never",
    ),
    "viewer expiry, of a field": (
        lambda c: c.execute_command(
            *("HPEXPIREAT", VIEWER, 4_000_000_000_000, "FIELDS", 1, "DEMO:DM-4001")
        ),
        f"viewer {MEMBER.id}: DEMO:DM-4001 expires at 4000000000000, not never",
    ),
    "network expiry": (
        lambda c: c.persist(KEYS.network(NETWORK)),
        f"network {NETWORK[:12]}: expires never, not at ",
    ),
    "network expiry, too early": (
        lambda c: c.expire(KEYS.network(NETWORK), 3600),
        f"network {NETWORK[:12]}: expires at ",
    ),
    "network expiry, of a field": (
        lambda c: c.execute_command(
            *("HPEXPIREAT", KEYS.network(NETWORK), 4_000_000_000_000, "FIELDS", 1, "admitted")
        ),
        f"network {NETWORK[:12]}: admitted expires at 4000000000000, not never",
    ),
    "head expiry": (
        lambda c: c.pexpireat(KEYS.head, 4_000_000_000_000),
        "head of m07ss: expires at 4000000000000, not never",
    ),
    "log expiry": (
        lambda c: c.pexpireat(KEYS.log, 4_000_000_000_000),
        "log of m07ss: expires at 4000000000000, not never",
    ),
    "receipt missing": (lambda c: c.delete(KEYS.receipt(REQUEST)), "its receipt is missing"),
    "receipt expiry": (
        lambda c: c.persist(KEYS.receipt(REQUEST)),
        f"receipt {REQUEST}: expires in -1 ms",
    ),
    "head seq": (
        lambda c: c.hincrby(KEYS.head, "seq", 1),
        "head of m07ss: seq is 13, the log says 12",
    ),
    "head epoch": (
        lambda c: c.hset(KEYS.head, "epoch", "2"),
        "head of m07ss: epoch is 2, the log says 1",
    ),
    "head format": (
        lambda c: c.hset(KEYS.head, "format", "2"),
        "head of m07ss: format is 2, the log says 1",
    ),
    "head at, no number": (
        lambda c: c.hset(KEYS.head, "at", "x"),
        "head of m07ss: at is x, the log says ",
    ),
    "head seq, no number": (
        lambda c: c.hset(KEYS.head, "seq", "x"),
        "head of m07ss: seq is x, the log says 12",
    ),
    "head at": (lambda c: c.hset(KEYS.head, "at", "1"), "head of m07ss: at is 1, the log says "),
    "key": (lambda c: c.set("{m07ss}:x", "1"), "key {m07ss}:x: the ledger has no key of this name"),
    "viewer vanished": (
        lambda c: c.delete(VIEWER),
        f"viewer {MEMBER.id}: DEMO:DM-4001 is missing, the log says c",
    ),
}


@pytest.mark.parametrize("kind", DRIFTS)
async def test_one_wrong_field_is_found_and_named(
    filled: Redis, plans: Plans, kind: str, store: Store
) -> None:
    seed, sentence = DRIFTS[kind]
    await seed(filled)

    report = await verify_live(store, plans.plan_of)

    if kind != "viewer vanished":
        assert kinds(report) == [kind.partition(",")[0]]
    assert sentence in report.problems[0].first
    assert report.problems[0].count == 1


async def test_a_receipt_that_says_something_else_is_found(
    filled: Redis, plans: Plans, store: Store
) -> None:
    answer = await filled.get(KEYS.receipt(REQUEST))
    await filled.set(KEYS.receipt(REQUEST), answer.replace("U 1 1", "U 0 1"), keepttl=True)

    [problem] = (await verify_live(store, plans.plan_of)).problems

    assert problem.first.startswith(f"receipt {REQUEST}: answers 'U 0 1 5 - 1 ")


async def test_one_field_of_thousands_that_expires_is_found(
    meter: LedgerMeter, plans: Plans, client: Redis
) -> None:
    plans.add(plan("wide", 5000))
    viewer = member("wide")
    await meter.view([view_of(viewer, number) for number in range(2500)])
    key, last = KEYS.viewer(viewer.id), "DEMO:DM-6499"
    await client.execute_command("HPEXPIREAT", key, 4_000_000_000_000, "FIELDS", 1, last)

    [problem] = (await verify_live(meter.store, plans.plan_of)).problems

    assert problem.first == f"viewer {viewer.id}: {last} expires at 4000000000000, not never"
    assert problem.count == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": "R"}, "is no REGISTERED"),
        ({"count": "2@5"}, "2 times UNLOCKED is no event"),
        ({"count": "0@5"}, "0 times UNLOCKED is no event"),
        ({"extra": "1"}, "no view has extra"),
    ],
)
async def test_an_entry_that_no_view_can_have_written_is_found(
    meter: LedgerMeter, plans: Plans, changed: dict[str, str], why: str, client: Redis
) -> None:
    await meter.view([view_of(guest(NETWORK), 1)])
    [(stream_id, fields)] = await client.xrange(KEYS.log)
    await client.delete(KEYS.log)
    await client.xadd(KEYS.log, fields | changed, id=stream_id)

    report = await verify_live(meter.store, plans.plan_of)

    assert report.problems[0].kind == "event"
    assert report.problems[0].first.startswith(f"event shard 7: {stream_id} cannot be read: ")
    assert why in report.problems[0].first


async def test_a_deleted_event_is_found(filled: Redis, plans: Plans, store: Store) -> None:
    [(first, _), (second, _)] = await filled.xrange(KEYS.log, count=2)
    await filled.xdel(KEYS.log, first)

    report = await verify_live(store, plans.plan_of)

    assert kinds(report)[0] == "gap"
    assert report.problems[0].first == f"event 7:1:{second}: comes after number 0"
    assert "viewer used" in kinds(report)


async def test_a_lost_tail_is_found(filled: Redis, plans: Plans, store: Store) -> None:
    [(last, _)] = await filled.xrevrange(KEYS.log, count=1)
    await filled.xdel(KEYS.log, last)

    report = await verify_live(store, plans.plan_of)

    assert "head of m07ss: seq is 12, the log says 11" in [p.first for p in report.problems]


async def test_a_lost_head_is_found(filled: Redis, plans: Plans, store: Store) -> None:
    await filled.delete(KEYS.head)

    report = await verify_live(store, plans.plan_of)

    assert kinds(report) == ["head at", "head epoch", "head format", "head seq"]
    assert report.problems[3].first == "head of m07ss: seq is missing, the log says 12"


async def test_an_unreadable_event_is_found(filled: Redis, plans: Plans, store: Store) -> None:
    await filled.xadd(KEYS.log, {"code": "DEMO:DM-4001"})

    report = await verify_live(store, plans.plan_of)

    assert kinds(report) == ["event"]
    assert report.problems[0].first.endswith("has no type")


async def test_an_event_of_a_later_version_ends_the_proof_of_its_shard_only(
    filled: Redis, plans: Plans, store: Store
) -> None:
    later = await filled.xadd(KEYS.log, {"type": "merge", "viewer": MEMBER.id, "units": "3"})
    await filled.hset(VIEWER, "grants", f"3@0@{later.split('-')[1]}")
    await filled.hset(keys_of(9).head, "epoch", "2")

    report = await verify_live(store, plans.plan_of)

    assert [problem.first for problem in report.problems] == [
        f"event shard 7: {later} is of type 'merge', written by a later version: "
        "the proof of its shard ends there",
        "head of m09at: epoch is 2, the log says 1",
    ]
    # The twelve events before it were proved, and those of every other shard.
    assert (report.events, report.receipts) == (77, 77)


MISTYPED = {
    KEYS.log: "stream",
    KEYS.head: "hash",
    KEYS.viewer(MEMBER.id): "hash",
    KEYS.network(NETWORK): "hash",
    KEYS.receipt(REQUEST): "string",
    KEYS.viewer("g" + "q" * 22): "hash",
}


@pytest.mark.parametrize("key", MISTYPED)
async def test_a_key_of_another_type_is_found_and_named(
    filled: Redis, plans: Plans, key: str, store: Store
) -> None:
    await filled.delete(key)
    await filled.sadd(key, "x")

    report = await verify_live(store, plans.plan_of)

    assert report.problems[0].kind == "key"
    assert report.problems[0].first == f"key {key}: is a set, not a {MISTYPED[key]}"
    assert report.problems[0].count == 1
    assert set(kinds(report)) <= {"key", "receipt missing"}


class Later(Redis):
    """The store as seen by a proof that takes longer than a receipt lives."""

    async def time(self) -> tuple[int, int]:  # type: ignore[override]  # as it answers here
        asked = self.__dict__["asked"] = self.__dict__.get("asked", 0) + 1
        seconds, microseconds = await super().time()
        return (seconds, microseconds) if asked == 1 else (seconds + 3600, microseconds)


async def test_receipts_that_expire_while_the_proof_goes_on_are_no_problem(
    filled: Redis, plans: Plans
) -> None:
    receipts = [key async for key in filled.scan_iter("{*}:r:*")]
    await filled.delete(*receipts)

    report = await verify_live(
        Store.on(Later(connection_pool=filled.connection_pool)), plans.plan_of
    )

    assert (report.events, report.receipts, report.problems) == (77, 0, ())


async def test_views_after_the_scan_need_no_receipt_in_it(
    meter: LedgerMeter, filled: Redis, plans: Plans, store: Store
) -> None:
    seen = 0

    async def plan_of(assignment: Assignment) -> Plan:
        """The proof reads shard 0 now; shard 63 goes on meanwhile."""
        nonlocal seen
        seen += 1
        if seen == 1:
            await meter.view([view_of(member(shard=63), number) for number in range(5)])
        return await plans.plan_of(assignment)

    report = await verify_live(store, plan_of)

    assert (report.events, report.receipts, report.problems) == (82, 77, ())


@pytest.mark.parametrize(
    ("changed", "kind", "sentence"),
    [
        ({"outcome": "R", "used": "1"}, "decision outcome", "outcome is REPEATED, not UNLOCKED"),
        ({"used": "3"}, "decision used", "used is 3, not 1"),
        ({"limit": "6"}, "decision limit", "limit is 6, not 5"),
        ({"window": "L.1"}, "decision window", "window is L.1, not L.0"),
        ({"plan": "registered.2"}, "decision", "('registered', 2)"),
        ({"epoch": "2"}, "epoch", "no event opened its epoch"),
    ],
)
async def test_a_decision_the_rules_would_not_make_is_found(
    meter: LedgerMeter,
    plans: Plans,
    changed: dict[str, str],
    kind: str,
    sentence: str,
    client: Redis,
) -> None:
    [answer] = await meter.view([view_of(MEMBER, 1)])
    [(stream_id, fields)] = await client.xrange(KEYS.log)
    await client.delete(KEYS.log)
    await client.xadd(KEYS.log, fields | changed, id=stream_id)

    report = await verify_live(meter.store, plans.plan_of)

    assert isinstance(answer, Decision)
    [problem] = [problem for problem in report.problems if problem.kind == kind]
    event_id = f"7:{changed.get('epoch', '1')}:{stream_id}"
    assert problem.first.startswith(f"event {event_id}: ")
    assert sentence in problem.first


async def test_a_network_swept_away_after_its_time_is_no_problem(
    meter: LedgerMeter, plans: Plans, client: Redis
) -> None:
    ledger = ValkeyLedger(meter.store, plans)
    now_ms = ms("2040-05-06T12:00")
    period = ADMISSION.period_at(now_ms)
    await ledger.set_clock(now_ms)
    await meter.view([view_of(guest(NETWORK, period=period), 1)])
    await client.delete(KEYS.network(NETWORK))

    early = await verify_live(meter.store, plans.plan_of)
    await ledger.set_clock(ADMISSION.expires_ms(period))
    await meter.view([view_of(MEMBER, 1)])
    late = await verify_live(meter.store, plans.plan_of)

    assert [problem.first for problem in early.problems] == [
        f"network {NETWORK[:12]}: admitted is missing, the log says 1"
    ]
    assert late.problems == ()
