"""The proof over archive and log: silent when all is well, loud about one wrong row."""

from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial

import pytest
from redis.asyncio import Redis

from db.pool import Database
from db.usage import detach_before
from metering.archive import Archive, ArchiveRules
from metering.archive_proof import ArchivedShard
from metering.chain import public_key
from metering.forget import forget_pending
from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.verify import VerifyReport, verify_live
from schema.acts import ActOutcome
from tests.metering.acts import adopt, block, erase, grant, reset_network, seal, set_plan, void
from tests.metering.archives import SEED
from tests.metering.ledgers import SHARD, Plans, guest, member, view_of

MEMBER = member().model_copy(update={"id": "u" + "m" * 22})
NETWORK = "n" * 22
Verify = Callable[[], Awaitable[VerifyReport]]


@pytest.fixture
def archive(meter: LedgerMeter, database: Database) -> Archive:
    rules = ArchiveRules(batch=7, checkpoint_events=5)
    return Archive(database, meter.store.of, SEED, rules=rules)


@pytest.fixture
def verify(meter: LedgerMeter, plans: Plans, database: Database) -> Verify:
    key = public_key(SEED)
    return partial(verify_live, meter.store, plans.plan_of, database=database, trusted_key=key)


async def archive_all(archive: Archive) -> int:
    events = 0
    for shard in range(64):
        while (done := await archive.archive_shard(shard)).events:
            events += done.events
    return events


@pytest.fixture
async def filled(meter: LedgerMeter, archive: Archive) -> LedgerMeter:
    """Every kind of event, all archived but the last three."""
    visitor = guest(NETWORK)
    await meter.view([view_of(MEMBER, 1), view_of(MEMBER, 2), view_of(visitor, 3)])
    await meter.view([view_of(MEMBER, 1) for _ in range(30)])
    for act in (
        void(MEMBER, 2),
        grant(MEMBER, 2),
        set_plan(MEMBER.model_copy(update={"assignment": member(number=3).assignment})),
        reset_network(NETWORK),
    ):
        assert (await meter.perform(act)).outcome is ActOutcome.DONE
    sealed = await meter.perform(seal(visitor, MEMBER.id))
    account = MEMBER.model_copy(update={"assignment": member(number=3).assignment})
    await meter.perform(adopt(account, visitor.id, sealed.codes))
    await meter.perform(block(member()))
    await meter.view([view_of(member(shard=9), 1), view_of(guest(NETWORK), 1)])
    await archive_all(archive)
    await meter.view([view_of(account, number) for number in (3, 4, 5)])
    return meter


async def test_archive_and_log_together_are_proved(filled: LedgerMeter, verify: Verify) -> None:
    report = await verify()

    assert report.problems == ()
    assert (report.events, report.archived) == (36, 33)


async def test_a_log_trimmed_behind_the_cursor_is_proved(
    filled: LedgerMeter, archive: Archive, verify: Verify, client: Redis
) -> None:
    await archive_all(archive)
    await client.xtrim(keys_of(SHARD).log, maxlen=0, approximate=False)

    report = await verify()

    assert report.problems == ()
    assert (report.events, report.archived) == (36, 36)


async def test_what_is_archived_meanwhile_is_no_problem(
    filled: LedgerMeter, archive: Archive, verify: Verify
) -> None:
    """The store still has what the archive has, too: it is counted once."""
    first = await verify()
    await archive_all(archive)

    assert (first.events, (await verify()).events) == (36, 36)


async def test_an_erased_viewer_leaves_a_proof_behind(
    filled: LedgerMeter, archive: Archive, verify: Verify, database: Database
) -> None:
    await filled.perform(erase(MEMBER))
    await archive_all(archive)
    await forget_pending(database, filled.store.of)

    report = await verify()

    assert report.problems == ()
    assert report.events == report.archived == 37


async def test_a_viewer_erased_while_the_archive_is_read_is_no_problem(
    filled: LedgerMeter,
    archive: Archive,
    verify: Verify,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proof has folded the viewer's events, and meets a log that has them no more."""
    read_end, erased = ArchivedShard.end, []

    async def end(shard: ArchivedShard) -> None:
        await read_end(shard)
        if shard.seq > 20 and not erased:
            erased.append(MEMBER.id)
            await filled.perform(erase(MEMBER))
            await archive_all(archive)
            await forget_pending(database, filled.store.of)

    monkeypatch.setattr(ArchivedShard, "end", end)

    report = await verify()

    assert erased == [MEMBER.id]
    assert report.problems == ()
    assert report.events == report.archived == 37


ROW = "shard = 7 AND seq = 2"
TAMPERED = {
    "an edited public field": (
        f"UPDATE usage_event SET used = 1 WHERE {ROW}",
        ["chain", "decision used"],
        "does not follow from the event before it",
    ),
    "an edited private field": (
        f"UPDATE usage_event SET request = 'x' WHERE {ROW}",
        ["commitment", "receipt"],
        "its private fields are not those archived",
    ),
    "a deleted row": (
        f"DELETE FROM usage_event WHERE {ROW}",
        ["chain", "gap", "decision used"],
        "does not follow from the event before it",
    ),
    "a forged checkpoint": (
        "UPDATE usage_checkpoint SET chain = sha256('x') WHERE seq = 5 AND shard = 7",
        ["checkpoint"],
        "checkpoint 7:5: not signed by the ledger's key",
    ),
    "another cursor": (
        "UPDATE usage_cursor SET chain = sha256('x') WHERE shard = 9",
        ["cursor"],
        "cursor of shard 9: stands at 1, the archive ends at 1",
    ),
    "an hour": (
        "UPDATE usage_hour SET views = views + 1 WHERE outcome = 'R'",
        ["rollup usage_hour"],
        "DEMO R: holds 21 events, 31 views, the events say 21 events, 30 views",
    ),
    "a day of a code": (
        "UPDATE usage_code_day SET unlocked = 9 WHERE code = 'DEMO:DM-4002'",
        ["rollup usage_code_day"],
        "DEMO:DM-4002: holds 1 views, 9 unlocked, 0 refused, the events say 1 views, 1 unlocked",
    ),
    "a month of a code": (
        "DELETE FROM usage_code_month WHERE code = 'DEMO:DM-4002'",
        ["rollup usage_code_month"],
        "DEMO:DM-4002: holds  views,  unlocked,  refused, the events say 1 views, 1 unlocked",
    ),
    "a day": (
        "UPDATE usage_day SET viewers = viewers + 1",
        ["rollup usage_day"],
        "5 viewers, the events say",
    ),
    "a day of a key": (
        "INSERT INTO usage_key_day (key_id, day, views, charged, repeated, refused) "
        "VALUES ('key1', (now() AT TIME ZONE 'UTC')::date, 9, 2, 3, 4)",
        ["rollup usage_key_day"],
        "holds 9 views, 2 charged, 3 repeated, 4 refused, the events say  views",
    ),
    "a first touch": (
        f"UPDATE usage_first_touch SET unlocked_at = NULL WHERE viewer = '{MEMBER.id}'",
        ["rollup usage_first_touch"],
        f"usage_first_touch {MEMBER.id}: holds ",
    ),
    "a viewer of a day too few": (
        f"DELETE FROM usage_day_viewer WHERE viewer = '{MEMBER.id}'",
        ["rollup usage_day_viewer"],
        f"{MEMBER.id}: holds nothing, the events say a view",
    ),
    "a viewer of a day too many": (
        "INSERT INTO usage_day_viewer (viewer, day) "
        "VALUES ('nobody', (now() AT TIME ZONE 'UTC')::date)",
        ["rollup usage_day_viewer"],
        "nobody: holds a view, the events say nothing",
    ),
    "a funnel": (
        "UPDATE usage_funnel SET refused = refused + 1 WHERE is_guest AND NOT is_erased",
        ["rollup usage_funnel"],
        "guests: holds 2 viewers, 2 viewed, 2 unlocked, 1 refused, 1 moved, 0 adopted, "
        "the events say 2 viewers, 2 viewed, 2 unlocked, 0 refused, 1 moved, 0 adopted",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_one_wrong_row_is_found_and_named(
    filled: LedgerMeter, verify: Verify, database: Database, what: str
) -> None:
    statement, kinds, sentence = TAMPERED[what]
    await database.fetch(statement)

    report = await verify()

    found = {problem.kind: problem.first for problem in report.problems}
    assert set(kinds) <= set(found)
    assert sentence in found[kinds[0]]


async def test_another_key_has_signed_nothing(
    filled: LedgerMeter, plans: Plans, database: Database
) -> None:
    key = public_key(bytes(32))

    report = await verify_live(filled.store, plans.plan_of, database=database, trusted_key=key)

    assert {problem.kind for problem in report.problems} == {"checkpoint"}


async def test_a_store_that_lost_its_tail_is_found(
    filled: LedgerMeter, archive: Archive, verify: Verify, client: Redis
) -> None:
    await archive_all(archive)
    await client.flushdb()

    report = await verify()

    first = [problem.first for problem in report.problems if problem.kind == "head seq"]
    assert first == ["head of m07ss: seq is missing, the log says 35"]
    assert "viewer used" in {problem.kind for problem in report.problems}


@pytest.fixture
async def detached(filled: LedgerMeter, archive: Archive, database: Database) -> str:
    """The month of all archived events, detached; the table that holds it."""
    await archive_all(archive)
    [name] = await detach_before(database, date(2100, 1, 1))
    return f"archive.{name}"


async def test_balances_are_proved_from_detached_months_too(
    detached: str, filled: LedgerMeter, verify: Verify, client: Redis
) -> None:
    report = await verify()
    await client.hset(keys_of(SHARD).viewer(MEMBER.id), "used", "1")

    assert report.problems == ()
    assert (report.events, report.archived) == (36, 36)
    assert [problem.kind for problem in (await verify()).problems] == ["viewer used"]


async def test_an_edited_row_of_a_detached_month_is_found(
    detached: str, verify: Verify, database: Database
) -> None:
    await database.fetch(f"UPDATE {detached} SET used = 1 WHERE {ROW}")

    assert "chain" in {problem.kind for problem in (await verify()).problems}


async def test_the_last_row_of_a_detached_month_is_missed(
    detached: str, verify: Verify, database: Database
) -> None:
    await database.fetch(f"DELETE FROM {detached} WHERE shard = 9")

    found = {problem.kind: problem.first for problem in (await verify()).problems}
    assert found["cursor"] == "cursor of shard 9: stands at 1, the archive ends at 0"


async def test_without_the_detached_month_only_what_is_left_is_proved(
    detached: str, filled: LedgerMeter, verify: Verify, database: Database, client: Redis
) -> None:
    await database.fetch(f"DROP TABLE {detached}")
    for shard in (SHARD, 9):  # as the archiver has long done with entries that old
        await client.xtrim(keys_of(shard).log, maxlen=0, approximate=False)
    await filled.view([view_of(member(shard=9), 2)])

    report = await verify()

    assert report.problems == ()
    assert (report.events, report.archived) == (1, 0)
