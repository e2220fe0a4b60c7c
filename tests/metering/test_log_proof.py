"""The fast proof of plain views finds what the rules find, and folds what they fold."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from metering.entries import COLUMNS, Readings, read_id, read_into
from metering.findings import Findings, VerifyReport
from metering.fold import ShardState
from metering.imports import entry_of
from metering.live import receipt_of, receipt_of_act
from metering.log import UnreadableEvent, read_event
from metering.log_proof import LogProof
from metering.plain import PLAIN_FIELDS, plain_row
from metering.policy import AdmissionRule, Verdict, decide, event_of
from metering.quick_proof import QuickProof
from metering.receipts import Receipts
from metering.stored import StoredReceipt
from schema.instants import instant
from schema.people import Assignment, Network, Viewer, ViewerKind
from schema.plans import Plan, WindowKind
from schema.usage import ViewRequest
from tests.metering.archives import Entry, act
from tests.metering.ledgers import SHARD, code, plan

DAY_MS = 86_400_000
BEGINS_MS = 1_795_600_000_000
RULE = AdmissionRule(budget=3)
PLANS = {
    each.key: each
    for each in (
        plan("guest", 2),
        plan("registered", 4),
        plan("subscriber", None),
        plan("daily", 2, WindowKind.DAY, time_zone="America/New_York"),
        plan("monthly", 3, WindowKind.MONTH),
        plan("rolling", 2, WindowKind.ROLLING, rolling_days=2),
    )
}
Logged = tuple[str, Entry]


async def plan_of(assignment: Assignment) -> Plan:
    return PLANS[assignment.plan_key]


class Story:
    """A shard's log as an honest server writes it, and the receipts it gives."""

    def __init__(self, seed: int, count: int = 110, *, kept: float = 0.7) -> None:
        """`kept` is the share of receipts that did not expire."""
        self.rng = random.Random(seed)
        self.log: list[Logged] = []
        self.receipts: list[StoredReceipt] = []
        self._kept = kept
        self._state = ShardState(SHARD)
        self._people = [self._person(n) for n in range(18)]
        while len(self.log) < count:
            self._at_ms = max(self._state.at_ms, BEGINS_MS) + self.rng.choice((0, 7, DAY_MS // 5))
            if self.rng.random() < 0.95:
                self._view()
            else:
                self._act()

    def _person(self, number: int) -> Viewer:
        is_guest = number % 2 == 0
        return Viewer(
            id=("g" if is_guest else "u") + f"{number:022}",
            kind=ViewerKind.GUEST if is_guest else ViewerKind.REGISTERED,
            shard=SHARD,
            assignment=Assignment(plan_key="guest", plan_version=1, number=0),
            network=None,
        )

    def _view(self) -> None:
        who = self.rng.choice(self._people)
        number = self.rng.choice((0, 0, 0, 1, len(self.log) // 40))
        keys = sorted(PLANS)
        key = keys[(int(who.id[1:]) + number) % len(keys)]
        network = None
        if who.kind is ViewerKind.GUEST and self.rng.random() < 0.8:
            period = RULE.period_at(self._at_ms)
            network = Network(digest=f"n{self.rng.randrange(2):011}", period=period)
        assignment = Assignment(plan_key=key, plan_version=1, number=number)
        who = who.model_copy(update={"assignment": assignment, "network": network})
        request = ViewRequest(viewer=who, code=code(self.rng.randrange(5)), request_id=self._id())
        admitted = 0 if network is None else self._state.networks.get(network.digest, 0)
        viewer = self._state.viewer(who.id)
        verdict = decide(viewer, admitted, request, PLANS[key], self._at_ms, RULE)
        if isinstance(verdict, Verdict):
            place = {"seq": self._state.seq + 1, "epoch": self._state.epoch}
            event = event_of(request, verdict, **place, now_ms=self._at_ms)
            self._add({"type": "view", "epoch": str(self._state.epoch), **entry_of(event)})
            self._answer(request.request_id, receipt_of(event, verdict.resets_ms))

    def _act(self) -> None:
        who, request = self.rng.choice(self._people).id, self._id()
        staff = {"request": request[:12], "actor": "system", "reason": "a test"}
        window = str(self._state.viewer(who).window or "L.0")
        acts = [
            act("grant", viewer=who, units="1", expires="0", **staff),
            act("block", viewer=who, **staff),
            act("unblock", viewer=who, **staff),
            act("reset", viewer=who, **staff),
            act("reset", network="n" + "0" * 11, **staff),
            act("erase", viewer=who, **staff),
            act("void", viewer=who, window=window, code=str(code(1)), request=request[:12])
            | {"cause": "mistake", "actor": "system", "reason": "a test"},
            act("adopt", viewer=who, window=window, from_="g" + "x" * 22, codes=str(code(2)))
            | {"request": request[:12]},
            act("epoch", cause="rebuilt", proven=str(self._state.seq)),
        ]
        entry = self.rng.choice(acts)
        epoch = self._state.epoch + (entry["type"] == "epoch")
        self._add(entry | {"epoch": str(epoch)})
        stream_id, fields = self.log[-1]
        if said := receipt_of_act(read_event(SHARD, stream_id, fields)):
            self._answer(request, said)

    def _add(self, entry: Entry) -> None:
        self.log.append((f"{self._at_ms}-{self._state.seq + 1}", entry))
        self._state.add(read_event(SHARD, *self.log[-1]))

    def _answer(self, request_id: str, answer: str) -> None:
        if self.rng.random() < self._kept:
            self.receipts.append(StoredReceipt(request_id, answer, 1000))

    def _id(self) -> str:
        return f"{self.rng.randrange(10**22):022}"


def outcome_of(proof: LogProof, found: Findings) -> tuple[VerifyReport, Any]:
    balances = proof.balances
    fields = {viewer: balances.fields(viewer) for viewer in balances.viewers}
    state = balances.state
    ends = (state.seq, state.epoch, state.at_ms, state.networks, balances.admitted_ms)
    return found.report(), (fields, ends)


def begun(receipts: Sequence[StoredReceipt]) -> tuple[LogProof, Receipts, Findings]:
    found = Findings()
    # Some receipts are due to be gone, the others are missed; of none all came later.
    kept = Receipts(found, scanned_ms=BEGINS_MS + (10 * DAY_MS if receipts else 0))
    kept.add(receipts)
    kept.read_ms = BEGINS_MS + 2 * DAY_MS
    return LogProof(SHARD, plan_of, RULE, kept, found), kept, found


def proved(log: Sequence[Logged], receipts: Sequence[StoredReceipt]) -> Any:
    """What the proof finds in entries, and what it folds them to."""

    async def prove() -> Any:
        proof, kept, found = begun(receipts)
        proof.read((at, [part for pair in entry.items() for part in pair]) for at, entry in log)
        await proof.fold_to(proof.read_to)
        kept.verify_none_is_left()
        return outcome_of(proof, found)

    return asyncio.run(prove())


def proved_rows(rows: Sequence[dict[str, Any]], receipts: Sequence[StoredReceipt]) -> Any:
    """The same for rows of the archive."""

    async def prove() -> Any:
        proof, kept, found = begun(receipts)
        await proof.take((row, plain_row(row)) for row in rows)
        kept.verify_none_is_left()
        return outcome_of(proof, found)

    return asyncio.run(prove())


def rows_of(log: Sequence[Logged]) -> list[dict[str, Any]]:
    rows = []
    for stream_id, entry in log:
        at_ms, seq = read_id(stream_id)
        readings = Readings([], [], [])
        flat = [part for pair in entry.items() for part in pair]
        read_into(readings, SHARD, instant(at_ms), seq, flat)
        rows.append(dict(zip(COLUMNS, readings.rows[0], strict=False)) | {"is_erased": False})
    return rows


VALUES: dict[str, tuple[str, ...]] = {
    "epoch": ("0", "2", "01", "x"),
    "viewer": ("g" + "0" * 22, "u" + "0" * 21 + "1", "x", ""),
    "kind": ("G", "R", "S", "Z", ""),
    "plan": ("guest.1", "monthly.1", "daily.1", "guest.01", "none.1", "guest"),
    "assignment": ("0", "1", "9", "00", "-1", "x"),
    "window": ("L.0", "L.1", "L.00", "M.24321", "D.20782", "R2.0", "x"),
    "code": ("DEMO:DM-4001", "DEMO:DM-4004", "NONE:X", "x"),
    "outcome": ("U", "R", "L", "M", "N", "B", "Z"),
    "used": ("0", "1", "2", "3", "01", "+1", "9" * 5000),
    "limit": ("", "0", "2", "3", "02", "x"),
    "network": ("", "n00000000000/1/3", "n00000000001/9/3", "n00000000000/01/3", "n/1", "x"),
    "request": ("0" * 12, ""),
    "context": ("be", "o", "zz"),
}
"""What may stand in a field after somebody changed it; some of it is what it was, or means it."""


def drifts(story: Story) -> Iterator[list[Logged]]:
    """The log with one field of one view changed, once for each field; and with one entry less."""
    views = [n for n, (_, entry) in enumerate(story.log) if entry["type"] == "view"]
    for name in ("epoch", *PLAIN_FIELDS):
        place = story.rng.choice(views)
        stream_id, entry = story.log[place]
        changed = (stream_id, entry | {name: story.rng.choice(VALUES[name])})
        yield [*story.log[:place], changed, *story.log[place + 1 :]]
    place = story.rng.choice(views)
    stream_id, entry = story.log[place]
    yield [*story.log[:place], *story.log[place + 1 :]]
    yield [*story.log[:place], (stream_id, entry | {"count": "2@5"}), *story.log[place + 1 :]]
    yield [*story.log[:place], (stream_id, dict(reversed(entry.items()))), *story.log[place + 1 :]]


def lies(story: Story) -> Iterator[list[Logged]]:
    """The log with one view changed so that its fields agree with each other."""
    views = [n for n, (_, entry) in enumerate(story.log) if entry["type"] == "view"]
    for place in story.rng.sample(views, 8):
        stream_id, entry = story.log[place]
        unlocked = {"outcome": "U", "used": str(int(entry["used"]) + 1)}
        networks = [{"network": f"n00000000000/{n}/3"} for n in range(1, 5)]
        for lie in (unlocked, *networks, *(unlocked | each for each in networks)):
            yield [*story.log[:place], (stream_id, entry | lie), *story.log[place + 1 :]]


def receipts_changed(story: Story) -> Iterator[list[StoredReceipt]]:
    """The receipts with one of them changed, doubled or taken away."""
    place = story.rng.randrange(len(story.receipts))
    one, others = story.receipts[place], story.receipts[:place] + story.receipts[place + 1 :]
    yield others
    yield [*others, one, one]
    yield [*others, one._replace(request_id="z" * 22)]
    yield [*others, one._replace(answer="U 1 7" + one.answer[5:])]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Does what it is given with every event proved by the rules themselves."""

    def slowly(prove: Any, *arguments: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(QuickProof, "take", lambda *_: False)
            patch.setattr("metering.log_proof.plain_entry", lambda *_: None)
            return prove(*arguments)

    return slowly


@pytest.mark.parametrize("seed", range(8))
def test_an_honest_log_is_proved_alike_fast_and_slowly(seed: int, slow: Any) -> None:
    story = Story(seed)

    report, folded = proved(story.log, story.receipts)

    assert {problem.kind for problem in report.problems} <= {"receipt missing"}
    assert (report, folded) == slow(proved, story.log, story.receipts)
    assert (report, folded) == proved_rows(rows_of(story.log), story.receipts)


def test_most_of_an_honest_log_is_proved_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, take = [], QuickProof.take
    monkeypatch.setattr(QuickProof, "take", lambda *args: taken.append(take(*args)) or taken[-1])

    for seed in range(8):
        story = Story(seed, kept=1)
        proved(story.log, story.receipts)

    assert sum(taken) > 0.6 * len(taken)


@pytest.mark.parametrize("seed", range(8))
def test_a_changed_log_is_found_alike_fast_and_slowly(seed: int, slow: Any) -> None:
    story = Story(seed)

    for log in drifts(story):
        assert proved(log, story.receipts) == slow(proved, log, story.receipts)


@pytest.mark.parametrize("seed", range(8))
def test_a_lie_is_found_alike_fast_and_slowly(seed: int, slow: Any) -> None:
    story = Story(seed, 60, kept=0)

    for log in lies(story):
        assert proved(log, []) == slow(proved, log, [])


@pytest.mark.parametrize("seed", range(8))
def test_a_changed_receipt_is_found_alike_fast_and_slowly(seed: int, slow: Any) -> None:
    story = Story(seed)

    for receipts in receipts_changed(story):
        assert proved(story.log, receipts) == slow(proved, story.log, receipts)


@pytest.mark.parametrize("seed", range(8))
def test_a_changed_archive_is_found_alike_fast_and_slowly(seed: int, slow: Any) -> None:
    story = Story(seed)

    for log in drifts(story):
        try:
            rows = rows_of(log)
        except UnreadableEvent:
            continue  # no archive takes it
        assert proved_rows(rows, story.receipts) == slow(proved_rows, rows, story.receipts)


def test_a_column_that_says_nothing_is_found_alike_fast_and_slowly(slow: Any) -> None:
    story = Story(1)
    rows = rows_of(story.log)
    place = next(n for n, row in enumerate(rows) if row["type"] == "view" and row["network"])

    for name in ("viewer", "request", "kind", "plan", "assignment", "window", "code", "outcome"):
        column = "view_window" if name == "window" else name
        changed = [*rows[:place], rows[place] | {column: None}, *rows[place + 1 :]]
        assert proved_rows(changed, []) == slow(proved_rows, changed, [])


async def _begun_in_the_middle(log: Sequence[Logged], epoch: int) -> VerifyReport:
    proof, _, found = begun([])
    proof.begin_after(read_id(log[0][0])[1] - 1, epoch)
    proof.read((at, [part for pair in entry.items() for part in pair]) for at, entry in log)
    await proof.fold_to(proof.read_to)
    return found.report()


async def test_what_follows_detached_months_begins_in_their_last_epoch() -> None:
    log = [(at, entry | {"epoch": "2"}) for at, entry in Story(1).log if entry["type"] == "view"]
    log = [(f"{BEGINS_MS}-{seq}", entry) for seq, (_, entry) in enumerate(log, 5)]

    right, wrong = [await _begun_in_the_middle(log, epoch) for epoch in (2, 1)]

    assert (right.events, right.problems) == (len(log), ())
    assert [(problem.kind, problem.count) for problem in wrong.problems] == [("epoch", 1)]
