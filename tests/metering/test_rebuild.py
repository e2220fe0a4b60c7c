"""Rebuilding: what the store lost comes back from the archive, in a new epoch."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from db.pool import Database, open_database
from db.usage import cursors, detach_before, first_of_month
from metering.archive import Archive
from metering.fold import ShardState
from metering.imports import EPOCH_OF_IMPORTS
from metering.live import viewer_fields
from metering.log import read_event
from metering.meter import LedgerMeter
from metering.rebuild import LOST_SEQS, Rebuilt, rebuild, rebuild_lost
from metering.shards import keys_of
from metering.standing import lost_shards
from metering.verify import verify_live
from schema.errors import RebuildRefused, StoreUnavailable
from schema.people import Viewer
from schema.usage import Decision, Outcome
from tests.metering import acts
from tests.metering.archives import (
    archive_all,
    archive_of,
    assert_chain_holds,
    entries_of,
    id_of,
    rows_of,
)
from tests.metering.ledgers import SHARD, Plans, guest, member, on_plan, view_of

KEYS = keys_of(SHARD)
NETWORK = "networknetwo"


class Death(Exception):
    """Ends a rebuilding where it stands."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, size=4, statement_timeout_seconds=60) as opened:
        yield opened


@pytest.fixture
def archive(database: Database, client: Redis) -> Archive:
    return archive_of(database, client)


async def outcome(meter: LedgerMeter, who: Viewer, number: int = 1) -> str:
    [answer] = await meter.view([view_of(who, number)])
    assert isinstance(answer, Decision), answer
    return str(answer.outcome)


async def rebuilt(
    meter: LedgerMeter, database: Database, shards: tuple[int, ...] = (SHARD,), **more: Any
) -> list[Rebuilt]:
    return await rebuild(meter.store, database, shards, "test", **more)


async def state_in(client: Redis) -> dict[str, Any]:
    """Every viewer's and network's hash of the shard, and when it expires."""
    found = {}
    for prefix in (KEYS.viewer(""), KEYS.network("")):
        async for key in client.scan_iter(match=f"{prefix}*"):
            found[key] = (await client.hgetall(key), await client.pexpiretime(key))
    return found


async def folded(client: Redis, database: Database) -> dict[str, Any]:
    """The same by the fold of the archive and of the log behind it, read event by event."""
    state = ShardState(SHARD)
    rows = await rows_of(database)
    entries = entries_of(rows)
    last = f"({id_of(rows[-1])}" if rows else "-"
    entries += await client.xrange(KEYS.log, min=last)
    for stream_id, fields in entries:
        state.add(read_event(SHARD, stream_id, fields))
    viewers = {KEYS.viewer(name): viewer_fields(held) for name, held in state.viewers.items()}
    networks = {KEYS.network(name): {"admitted": str(n)} for name, n in state.networks.items()}
    return {**viewers, **networks}


async def assert_state_is_the_fold(client: Redis, database: Database) -> None:
    stored = {key: fields for key, (fields, _) in (await state_in(client)).items()}
    assert stored == await folded(client, database)


async def assert_no_seq_twice(client: Redis, database: Database) -> None:
    ids = {id_of(row) for row in await rows_of(database)}
    ids |= {stream_id for stream_id, _ in await client.xrange(KEYS.log)}
    seqs = [stream_id.split("-")[1] for stream_id in ids]
    assert len(seqs) == len(set(seqs))


async def a_ledger(meter: LedgerMeter) -> list[Viewer]:
    """One viewer of every kind that matters, each with something spent."""
    people = [guest(NETWORK), guest(NETWORK), guest(), member(), member("subscriber")]
    people += [member("monthly"), member("rolling")]
    for who in people:
        await outcome(meter, who)
    granted, blocked, account, sealed, raised = (*(member() for _ in range(3)), guest(), member())
    for who in (granted, blocked, sealed):
        await outcome(meter, who, 2)
    await meter.perform(acts.grant(granted, 3))
    await meter.perform(acts.block(blocked))
    await meter.perform(acts.seal(sealed, account.id))
    await meter.perform(acts.adopt(account, sealed.id, [view_of(sealed, 2).code]))
    await meter.perform(acts.set_plan(on_plan(raised, "monthly", 4)))
    await meter.perform(acts.void(people[3]))
    return [*people, granted, blocked, account]


@pytest.mark.parametrize("loss", ["nothing", "all", "an old copy", "a part"])
async def test_what_was_archived_is_as_before_whatever_the_store_lost(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive, plans: Plans, loss: str
) -> None:
    people = await a_ledger(meter)
    await archive_all(archive)
    before = await state_in(client)
    seq = int(await client.hget(KEYS.head, "seq") or 0)
    if loss == "all":
        await client.flushdb()
    elif loss == "an old copy":
        await old_copy(client, seq - 4)
    elif loss == "a part":
        await client.delete(KEYS.viewer(people[0].id), KEYS.network(NETWORK))
        await client.hset(KEYS.viewer(people[3].id), "used", "4")
        await client.hset(KEYS.viewer(guest().id), "used", "1")

    [done] = await rebuilt(meter, database)

    assert await state_in(client) == before
    is_lost = loss in ("all", "an old copy")
    assert (done.is_tail_lost, done.seq) == (is_lost, seq + (LOST_SEQS if is_lost else 1))
    assert (done.epoch, done.proven, done.events) == (2, seq, seq)
    [*_, (opened, entry)] = await client.xrange(KEYS.log)
    assert entry == {"type": "epoch", "epoch": "2", "cause": "test", "proven": str(seq)}
    assert await client.hgetall(KEYS.head) == {
        "format": "1",
        "seq": str(done.seq),
        "epoch": "2",
        "at": opened.split("-")[0],
    }
    assert await lost_shards(meter.store, database) == []

    for who in people[:3]:
        assert await outcome(meter, who) == "REPEATED"
        assert await outcome(meter, who, 3) == "LIMIT_REACHED"
    assert await archive_all(archive) == 7
    await assert_chain_holds(database)
    await assert_state_is_the_fold(client, database)
    await assert_no_seq_twice(client, database)
    if loss in ("nothing", "a part"):
        report = await verify_live(meter.store, plans.plan_of)
        assert report.problems == ()


async def old_copy(client: Redis, seq: int) -> None:
    """Make the shard what it was after event `seq`: log, head and every hash."""
    entries = await client.xrange(KEYS.log)
    state = ShardState(SHARD)
    for stream_id, fields in entries[:seq]:
        state.add(read_event(SHARD, stream_id, fields))
    await client.flushdb()
    for stream_id, fields in entries[:seq]:
        await client.xadd(KEYS.log, fields, id=stream_id)
    for name, held in state.viewers.items():
        if fields := viewer_fields(held):
            await client.hset(KEYS.viewer(name), mapping=fields)
    for name, admitted in state.networks.items():
        await client.hset(KEYS.network(name), "admitted", str(admitted))
    head = {"format": "1", "seq": seq, "epoch": state.epoch, "at": state.at_ms}
    await client.hset(KEYS.head, mapping=head)


async def test_the_log_behind_the_archive_is_folded_too(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive, plans: Plans
) -> None:
    early, late = guest(NETWORK), guest(NETWORK)
    await outcome(meter, early)
    await archive_all(archive)
    await outcome(meter, late)
    before = await state_in(client)
    await client.delete(KEYS.viewer(early.id), KEYS.viewer(late.id), KEYS.network(NETWORK))

    [done] = await rebuilt(meter, database)

    assert await state_in(client) == before
    assert (done.seq, done.proven, done.is_tail_lost) == (3, 2, False)
    assert await archive_all(archive) == 2
    assert (await verify_live(meter.store, plans.plan_of)).problems == ()


async def test_views_decided_on_lost_state_are_recorded_again_with_their_time(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    """The store lost the last events and went on: what it then decided is in no archive."""
    kept, doubled, new = member("daily"), guest(NETWORK), guest(NETWORK)
    await outcome(meter, kept)
    await outcome(meter, doubled)
    await archive_all(archive)
    await old_copy(client, 1)
    request = view_of(doubled, 2)
    [again] = await meter.view([request])
    assert isinstance(again, Decision)
    assert again.outcome == Outcome.UNLOCKED  # a second page of one: the first was forgotten
    assert await outcome(meter, new) == "UNLOCKED"
    await meter.perform(acts.grant(kept, 2))
    orphans = (await client.xrange(KEYS.log))[1:]

    [done] = await rebuilt(meter, database)

    assert (done.imported, done.over_granted, done.over_admitted) == (2, 1, 0)
    assert (done.not_carried, done.proven, done.seq) == ({"grant": 1}, 2, 4 + LOST_SEQS)
    log = [fields for _, fields in await client.xrange(KEYS.log)]
    assert [fields["type"] for fields in log] == ["view", "epoch", "import", "import"]
    assert [fields["at"] for fields in log[2:]] == [o.split("-")[0] for o, _ in orphans[:2]]
    assert await client.exists(KEYS.lost_log) == 0
    assert await client.hget(KEYS.network(NETWORK), "admitted") == "2"
    assert await client.hget(KEYS.viewer(doubled.id), "used") == "2"
    [told] = await meter.view([request])
    assert isinstance(told, Decision)
    assert (told.outcome, told.is_replayed) == (Outcome.UNLOCKED, True)
    assert (told.event_id or "").split(":")[1] == EPOCH_OF_IMPORTS
    assert await archive_all(archive) == 3
    await assert_state_is_the_fold(client, database)
    await assert_no_seq_twice(client, database)
    await assert_chain_holds(database)


async def test_after_everything_was_flushed_and_pages_were_read_nobody_has_more(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    people = [guest(NETWORK) for _ in range(5)]
    for who in people:
        await outcome(meter, who)
    await archive_all(archive)
    await client.flushdb()
    for who in people:
        for number in (1, 2, 3):
            await outcome(meter, who, number)

    [done] = await rebuild_lost(meter.store, database, "lost")

    # The code that was open already costs nothing, and of the refusals nothing is charged.
    assert (done.shard, done.imported, done.over_granted) == (SHARD, 15, 0)
    for who in people:
        assert await outcome(meter, who, 4) == "LIMIT_REACHED"
        assert await client.hget(KEYS.viewer(who.id), "used") == "1"
    assert await client.hget(KEYS.network(NETWORK), "admitted") == "5"
    await archive_all(archive)
    await assert_state_is_the_fold(client, database)


async def test_a_flood_that_waits_is_kept_with_a_whole_log_and_recorded_with_a_lost_one(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    who = guest()
    await outcome(meter, who)
    for _ in range(25):
        await outcome(meter, who, 2)
    await archive_all(archive)
    assert await client.smembers(KEYS.waiting) == {who.id}

    [whole] = await rebuilt(meter, database)
    assert (whole.imported, await client.smembers(KEYS.waiting)) == (0, {who.id})
    await archive_all(archive)
    await client.hset(KEYS.head, "seq", "3")
    [lost] = await rebuilt(meter, database)

    assert (lost.imported, lost.uncounted) == (1, 4)
    assert await client.exists(KEYS.waiting, KEYS.flood(who.id)) == 0
    [*_, (_, entry)] = await client.xrange(KEYS.log)
    assert (entry["type"], entry["outcome"], entry["viewer"]) == ("import", "L", who.id)


async def test_answers_stay_whose_events_are_proven_and_others_go(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    who = member()
    request = view_of(who)
    [first] = await meter.view([request])
    await archive_all(archive)
    await client.set(KEYS.receipt("x" * 22), "U 1 1 5 - 1 1795600000000-99", px=60_000)

    await rebuilt(meter, database)

    [again] = await meter.view([request])
    assert isinstance(first, Decision)
    assert again == first.model_copy(update={"is_replayed": True})
    assert await client.exists(KEYS.receipt("x" * 22)) == 0


async def test_a_closed_shard_is_a_store_that_is_away(meter: LedgerMeter, client: Redis) -> None:
    who, elsewhere = member(), member(shard=8)
    await outcome(meter, who)
    await client.hset(KEYS.head, "closed", "somebody")
    before = await client.xlen(KEYS.log)

    with pytest.raises(StoreUnavailable, match="CLOSED the shard is being made anew"):
        await meter.view([view_of(who, 2)])
    with pytest.raises(StoreUnavailable, match="CLOSED"):
        await meter.perform(acts.block(who))

    assert await client.xlen(KEYS.log) == before
    assert await client.hget(KEYS.viewer(who.id), "used") == "1"
    assert await outcome(meter, elsewhere) == "UNLOCKED"


async def test_a_shard_left_closed_by_a_crash_is_finished_by_the_next_try(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    people = await a_ledger(meter)
    await archive_all(archive)
    before = await state_in(client)
    await old_copy(client, 3)
    late = guest()
    await outcome(meter, late)

    async def dies(*_: object) -> None:
        raise Death

    for step in ("rewrite", "_open", "record_again"):
        with monkeypatch.context() as broken:
            broken.setattr(f"metering.rebuild.{step}", dies)
            with pytest.raises(Death):
                await rebuilt(meter, database)
        assert await lost_shards(meter.store, database) == [SHARD]
        if step != "record_again":
            with pytest.raises(StoreUnavailable, match="CLOSED"):
                await outcome(meter, people[0])

    [done] = await rebuild_lost(meter.store, database, "lost")

    assert (done.epoch, done.imported) == (3, 1)
    after = await state_in(client)
    assert after.pop(KEYS.viewer(late.id))[0]["used"] == "1"
    assert after == before
    assert await rebuild_lost(meter.store, database, "lost") == []
    await archive_all(archive)
    await assert_state_is_the_fold(client, database)
    await assert_no_seq_twice(client, database)


async def test_two_at_once_make_a_shard_anew_one_after_the_other(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    await a_ledger(meter)
    await archive_all(archive)
    before = await state_in(client)
    await client.flushdb()

    done = await asyncio.gather(
        rebuild_lost(meter.store, database, "lost"), rebuild_lost(meter.store, database, "lost")
    )

    assert sorted(map(len, done)) == [0, 1]
    assert await state_in(client) == before
    assert await client.xlen(KEYS.log) == 1


async def test_a_log_that_goes_on_after_events_the_archive_missed_is_not_folded_away(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    first, missed, last = member(), member(), member()
    await outcome(meter, first)
    await archive_all(archive)
    await outcome(meter, missed)
    await outcome(meter, last)
    stream_id = (await client.xrange(KEYS.log))[1][0]
    await client.xdel(KEYS.log, stream_id)
    before = await state_in(client)

    assert await lost_shards(meter.store, database) == []
    with pytest.raises(RebuildRefused, match="archived up to event 1 and its log goes on with"):
        await rebuilt(meter, database)

    assert await state_in(client) == before
    assert await outcome(meter, missed) == "REPEATED"
    [done] = await rebuilt(meter, database, is_forced=True)
    assert (done.events, done.imported) == (1, 2)
    assert await client.exists(KEYS.viewer(last.id), KEYS.viewer(missed.id)) == 1


async def test_an_erased_viewer_stays_forgotten_and_its_network_keeps_the_place(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    gone, stays, account, other = guest(NETWORK), guest(NETWORK), member(), guest()
    for who in (gone, stays, other):
        await outcome(meter, who)
    await meter.perform(acts.seal(other, account.id))
    await meter.perform(acts.adopt(account, other.id, [view_of(other).code]))
    await meter.perform(acts.erase(gone))
    await meter.perform(acts.erase(other))
    await archive_all(archive)
    await client.flushdb()

    await rebuilt(meter, database)

    assert await client.exists(KEYS.viewer(gone.id), KEYS.viewer(other.id)) == 0
    assert await client.hget(KEYS.network(NETWORK), "admitted") == "2"
    held = await client.hgetall(KEYS.viewer(account.id))
    assert len(held["adopted"].split()) == 1
    assert other.id not in held["adopted"]
    assert held[str(view_of(other).code)] == "a"


async def test_every_shard_is_made_anew_where_all_are_asked_for(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    people = {shard: guest(NETWORK, shard=shard) for shard in (0, 7, 63)}
    for who in people.values():
        await outcome(meter, who)
    for shard in people:
        await archive_all(archive, shard)
    await client.flushdb()

    done = await rebuilt(meter, database, tuple(range(64)))

    assert [each.shard for each in done] == list(range(64))
    assert {each.shard: each.viewers for each in done if each.viewers} == dict.fromkeys(people, 1)
    for who in people.values():
        assert await outcome(meter, who, 2) == "LIMIT_REACHED"
    for cursor in await cursors(database):
        await archive_all(archive, cursor.shard)


async def test_events_of_detached_partitions_are_brought_back(
    meter: LedgerMeter, database: Database, client: Redis, archive: Archive
) -> None:
    who = guest()
    await outcome(meter, who)
    await archive_all(archive)
    [row] = await rows_of(database)
    await detach_before(database, first_of_month(row["recorded_at"], 1))
    assert await rows_of(database) == []
    await client.flushdb()

    [done] = await rebuilt(meter, database)

    assert (done.events, await outcome(meter, who, 2)) == (1, "LIMIT_REACHED")
