"""The proof of the ledger: silent when all is well, also under load; loud about one wrong field."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.verify import VerifyReport, verify_live
from schema.usage import Decision
from tests.metering.ledgers import (
    ADMISSION,
    Plans,
    ValkeyLedger,
    guest,
    member,
    ms,
    token,
    view_of,
)

KEYS = keys_of(7)
MEMBER = member().model_copy(update={"id": "u" + "m" * 22})
NETWORK = "n" * 22
REQUEST = "r" * 22


@pytest.fixture
async def filled(meter: LedgerMeter) -> Redis:
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
    return meter.client


def kinds(report: VerifyReport) -> list[str]:
    return [problem.kind for problem in report.problems]


async def test_an_empty_ledger_holds(client: Redis, plans: Plans) -> None:
    report = await verify_live(client, plans.plan_of)

    assert report == VerifyReport(events=0, viewers=0, networks=0, receipts=0, problems=())


async def test_an_honest_ledger_holds_and_everything_was_compared(
    filled: Redis, plans: Plans
) -> None:
    report = await verify_live(filled, plans.plan_of)

    assert report == VerifyReport(events=77, viewers=69, networks=65, receipts=77, problems=())
    assert report.holds


async def test_the_proof_holds_while_pages_are_read(
    meter: LedgerMeter, filled: Redis, plans: Plans
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
            await meter.view([view_of(guest(network, shard=1), number)])

    readers = [asyncio.create_task(read()) for _ in range(3)]
    reports = [await verify_live(filled, plans.plan_of) for _ in range(3)]
    stop.set()
    await asyncio.gather(*readers)

    assert [report.problems for report in reports] == [()] * 3
    assert reports[-1].events > reports[0].events > 77


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
        f"network {NETWORK}: admitted is 2, the log says 3",
    ),
    "receipt": (
        lambda c: c.set(KEYS.receipt("q" * 22), "U 1 1 1 - 1 5-5", px=1000),
        f"receipt {'q' * 22}: 'U 1 1 1 - 1 5-5' is not in the log",
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
    "head at": (lambda c: c.hset(KEYS.head, "at", "1"), "head of m07ss: at is 1, the log says "),
    "key": (lambda c: c.set("{m07ss}:x", "1"), "key {m07ss}:x: the ledger has no key of this name"),
    "viewer vanished": (
        lambda c: c.delete(VIEWER),
        f"viewer {MEMBER.id}: DEMO:DM-4001 is missing, the log says c",
    ),
}


@pytest.mark.parametrize("kind", DRIFTS)
async def test_one_wrong_field_is_found_and_named(filled: Redis, plans: Plans, kind: str) -> None:
    seed, sentence = DRIFTS[kind]
    await seed(filled)

    report = await verify_live(filled, plans.plan_of)

    if kind != "viewer vanished":
        assert kinds(report) == [kind]
    assert sentence in report.problems[0].first
    assert report.problems[0].count == 1


async def test_a_receipt_that_says_something_else_is_found(filled: Redis, plans: Plans) -> None:
    answer = await filled.get(KEYS.receipt(REQUEST))
    await filled.set(KEYS.receipt(REQUEST), answer.replace("U 1 1", "U 0 1"), keepttl=True)

    [problem] = (await verify_live(filled, plans.plan_of)).problems

    assert problem.first.startswith(f"receipt {REQUEST}: answers 'U 0 1 5 - 1 ")


async def test_a_deleted_event_is_found(filled: Redis, plans: Plans) -> None:
    [(first, _), (second, _)] = await filled.xrange(KEYS.log, count=2)
    await filled.xdel(KEYS.log, first)

    report = await verify_live(filled, plans.plan_of)

    assert kinds(report)[0] == "gap"
    assert report.problems[0].first == f"event 7:1:{second}: comes after number 0"
    assert "viewer used" in kinds(report)


async def test_a_lost_tail_is_found(filled: Redis, plans: Plans) -> None:
    [(last, _)] = await filled.xrevrange(KEYS.log, count=1)
    await filled.xdel(KEYS.log, last)

    report = await verify_live(filled, plans.plan_of)

    assert "head of m07ss: seq is 12, the log says 11" in [p.first for p in report.problems]


async def test_a_lost_head_is_found(filled: Redis, plans: Plans) -> None:
    await filled.delete(KEYS.head)

    report = await verify_live(filled, plans.plan_of)

    assert kinds(report) == ["head at", "head epoch", "head format", "head seq"]
    assert report.problems[3].first == "head of m07ss: seq is missing, the log says 12"


async def test_an_unreadable_event_is_found(filled: Redis, plans: Plans) -> None:
    await filled.xadd(KEYS.log, {"type": "other"})

    report = await verify_live(filled, plans.plan_of)

    assert kinds(report) == ["event"]
    assert report.problems[0].first.endswith("is of type 'other'")


@pytest.mark.parametrize(
    ("changed", "kind", "sentence"),
    [
        ({"outcome": "R", "used": "1"}, "decision outcome", "outcome is REPEATED, not UNLOCKED"),
        ({"used": "3"}, "decision used", "used is 3, not 1"),
        ({"limit": "6"}, "decision limit", "limit is 6, not 5"),
        ({"window": "L.1"}, "decision window", "window is L.1, not L.0"),
        ({"plan": "registered.2"}, "decision", "('registered', 2)"),
    ],
)
async def test_a_decision_the_rules_would_not_make_is_found(
    meter: LedgerMeter, plans: Plans, changed: dict[str, str], kind: str, sentence: str
) -> None:
    [answer] = await meter.view([view_of(MEMBER, 1)])
    [(stream_id, fields)] = await meter.client.xrange(KEYS.log)
    await meter.client.delete(KEYS.log)
    await meter.client.xadd(KEYS.log, fields | changed, id=stream_id)

    report = await verify_live(meter.client, plans.plan_of)

    assert isinstance(answer, Decision)
    [problem] = [problem for problem in report.problems if problem.kind == kind]
    assert problem.first.startswith(f"event {answer.event_id}: ")
    assert sentence in problem.first


async def test_a_network_swept_away_after_its_time_is_no_problem(
    meter: LedgerMeter, plans: Plans
) -> None:
    ledger = ValkeyLedger(meter.client, plans)
    now_ms = ms("2040-05-06T12:00")
    period = ADMISSION.period_at(now_ms)
    await ledger.set_clock(now_ms)
    await meter.view([view_of(guest(NETWORK, period=period), 1)])
    await meter.client.delete(KEYS.network(NETWORK))

    early = await verify_live(meter.client, plans.plan_of)
    await ledger.set_clock(ADMISSION.expires_ms(period))
    await meter.view([view_of(MEMBER, 1)])
    late = await verify_live(meter.client, plans.plan_of)

    assert [problem.first for problem in early.problems] == [
        f"network {NETWORK}: admitted is missing, the log says 1"
    ]
    assert late.problems == ()
