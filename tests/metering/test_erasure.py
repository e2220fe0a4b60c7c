"""Erasing a person: the account and the guests it was, in every store, and everything proves."""

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from db.pool import Database
from metering.about import known_of
from metering.chain import public_key
from metering.erasure import account_of, erase_person
from metering.forget import forget_pending
from metering.meter import LedgerMeter
from metering.places import shard_of_viewer
from metering.shards import keys_of, shard_of
from metering.verify import verify_live
from schema.people import Viewer
from tests.metering.acts import adopt, erase, seal
from tests.metering.archives import (
    SEED,
    archive_all,
    archive_of,
    assert_chain_holds,
    assert_rollups_equal_events,
)
from tests.metering.ledgers import Plans, ValkeyLedger, decide, guest, member, view_of
from tests.metering.test_forget import tables_with

FALLBACK = "INSERT INTO fallback_view (episode, request_id, viewer, shard, at_ms, entry, answer)"


@pytest.fixture
def valkey(meter: LedgerMeter, plans: Plans) -> ValkeyLedger:
    return ValkeyLedger(meter.store, plans)


async def moved(valkey: ValkeyLedger) -> tuple[Viewer, Viewer]:
    """A guest in shard 7 who opened a page and became an account in the shard of its id."""
    was, became = guest("n" * 22), member()
    became = became.model_copy(update={"shard": shard_of(became.id)})
    await decide(valkey, view_of(was, 1))
    sealed = await valkey.meter.perform(seal(was, became.id))
    await valkey.meter.perform(adopt(became, was.id, sealed.codes))
    await decide(valkey, view_of(became, 2))
    return was, became


async def archive(database: Database, client: Redis, *shards: int) -> None:
    """One round of the worker over some shards, and forgetting until nothing is left of it."""
    for shard in sorted({*shards}):
        await archive_all(archive_of(database, client), shard)

    async def client_of(_shard: int) -> Redis:
        return client

    async with asyncio.timeout(30):
        while await forget_pending(database, client_of):
            await asyncio.sleep(0.02)


async def keys_with(client: Redis, *texts: str) -> list[str]:
    """The keys of the store whose name or content holds one of the texts."""
    found = []
    async for key in client.scan_iter("*"):
        content: Any = {
            "stream": client.xrange,
            "hash": client.hgetall,
            "set": client.smembers,
            "string": client.get,
        }[await client.type(key)]
        held = f"{key} {await content(key)}"
        found += [key for text in texts if text in held]
    return sorted(found)


async def fallback_rows(database: Database, viewer: str, *, is_closed: bool) -> None:
    """An episode in which the viewer had something decided."""
    closed = "now()" if is_closed else "NULL"
    [episode] = await database.fetch(
        "INSERT INTO fallback_episode (opened_by, reason, closed_at) "
        f"VALUES ('a test', 'none', {closed}) RETURNING id"
    )
    await database.fetch("INSERT INTO fallback_viewer VALUES ($1, $2, '{}')", episode["id"], viewer)
    await database.fetch(
        f"{FALLBACK} VALUES ($1, $2, $3, 7, 1, $4, 'a receipt')",
        *(episode["id"], "r" * 22, viewer, json.dumps({"viewer": viewer})),
    )


async def test_nothing_of_an_account_or_the_guest_it_was_is_left_and_all_still_proves(
    valkey: ValkeyLedger, database: Database, client: Redis, plans: Plans
) -> None:
    was, became = await moved(valkey)
    other = guest("n" * 22)
    await decide(valkey, view_of(other, 1))
    await archive(database, client, was.shard, became.shard)
    await decide(valkey, view_of(became, 3))
    await fallback_rows(database, was.id, is_closed=True)
    before = await known_of(valkey.meter.store, database, became.id, became.shard)
    assert len(before["archivedEvents"]) == 3  # sealed for it, adopted by it, viewed by it
    assert await tables_with(database, was.id) != []

    erased = await erase_person(valkey.meter, valkey.meter.store, database, erase(became))
    await archive(database, client, was.shard, became.shard)

    assert [one.viewer_id for one in erased] == [was.id, became.id]
    assert await tables_with(database, was.id, became.id) == []
    assert await keys_with(client, was.id, became.id) == []
    assert await keys_with(client, other.id) != []
    for shard in {was.shard, became.shard}:
        await assert_chain_holds(database, shard)
    await assert_rollups_equal_events(database)
    key = public_key(SEED)
    report = await verify_live(
        valkey.meter.store, plans.plan_of, database=database, trusted_key=key
    )
    assert (report.problems, report.viewers) == ((), 1)
    after = await known_of(valkey.meter.store, database, became.id, became.shard)
    assert (after.pop("viewer"), after.pop("shard")) == (became.id, became.shard)
    assert [name for name, told in after.items() if told] == []


async def test_balances_equal_the_log_between_an_erasure_and_the_workers_pass(
    valkey: ValkeyLedger, database: Database, plans: Plans
) -> None:
    _, became = await moved(valkey)

    await erase_person(valkey.meter, valkey.meter.store, database, erase(became))

    report = await verify_live(valkey.meter.store, plans.plan_of)
    assert (report.problems, report.viewers, report.events) == ((), 0, 6)


async def test_an_erasure_asked_for_again_is_done_once(
    valkey: ValkeyLedger, database: Database
) -> None:
    _, became = await moved(valkey)
    act = erase(became)

    [*_, first] = await erase_person(valkey.meter, valkey.meter.store, database, act)
    [*_, again] = await erase_person(valkey.meter, valkey.meter.store, database, act)

    assert again.result.event_id == first.result.event_id
    assert (first.result.is_replayed, again.result.is_replayed) == (False, True)


async def test_an_erasure_that_was_cut_off_after_the_guest_goes_on_with_the_account(
    valkey: ValkeyLedger, database: Database, client: Redis
) -> None:
    was, became = await moved(valkey)
    store = valkey.meter.store
    await erase_person(valkey.meter, store, database, erase(was))

    done = await erase_person(valkey.meter, store, database, erase(became))
    await archive(database, client, was.shard, became.shard)

    assert [one.viewer_id for one in done] == [became.id]
    assert await tables_with(database, was.id, became.id) == []
    assert await keys_with(client, was.id, became.id) == []


async def test_what_an_open_episode_still_needs_is_not_erased(
    valkey: ValkeyLedger, database: Database
) -> None:
    who = member()
    await fallback_rows(database, who.id, is_closed=False)

    await erase_person(valkey.meter, valkey.meter.store, database, erase(who))

    assert await tables_with(database, who.id) == [
        "public.fallback_view",
        "public.fallback_viewer",
    ]


async def test_a_guest_is_found_by_its_hash_then_by_its_archive_and_an_account_by_its_id(
    valkey: ValkeyLedger, database: Database, client: Redis
) -> None:
    store, who, account = valkey.meter.store, guest("n" * 22), member()
    assert await shard_of_viewer(store, database, who.id) is None
    await decide(valkey, view_of(who))

    by_hash = await shard_of_viewer(store, database, who.id)
    await archive(database, client, who.shard)
    await client.delete(keys_of(who.shard).viewer(who.id))
    by_archive = await shard_of_viewer(store, database, who.id)

    assert (by_hash, by_archive) == (who.shard, who.shard)
    assert await shard_of_viewer(store, database, account.id) == shard_of(account.id)


async def test_a_guest_tells_which_account_it_became(valkey: ValkeyLedger) -> None:
    was, became = await moved(valkey)
    store = valkey.meter.store

    assert await account_of(store, was.shard, was.id) == became.id
    assert await account_of(store, became.shard, became.id) is None


async def test_everything_about_a_viewer_is_told_wherever_it_is(
    valkey: ValkeyLedger, database: Database, client: Redis
) -> None:
    who = guest("n" * 22)
    first = await decide(valkey, view_of(who, 1))
    await archive(database, client, who.shard)
    for _ in range(22):
        last = await decide(valkey, view_of(who, 2))
    await fallback_rows(database, who.id, is_closed=True)

    told = await known_of(valkey.meter.store, database, who.id, who.shard)

    assert told["allowance"]["used"] == "1"
    assert (last.event_id, told["countedAndWaiting"]["refused"]) == (None, "22")
    assert [event["id"] for event in told["archivedEvents"]] == [first.event_id]
    assert len(told["eventsNotArchivedYet"]) == 20
    assert {entry["viewer"] for entry in told["eventsNotArchivedYet"]} == {who.id}
    assert sorted(told["firstTouches"]) == ["first_at", "unlocked_at", "viewed_at"]
    assert len(told["daysOfViews"]) == 1
    assert [view["answer"] for view in told["decidedWhileStoreWasAway"]] == ["a receipt"]
    assert [state["state"] for state in told["statesWhileStoreWasAway"]] == [{}]
    json.dumps(told)


async def test_events_of_a_detached_month_are_told_too(
    valkey: ValkeyLedger, database: Database, client: Redis
) -> None:
    who = guest("n" * 22)
    first = await decide(valkey, view_of(who, 1))
    await archive(database, client, who.shard)
    await database.fetch("SELECT usage_detach_before('2100-01-01')")

    told = await known_of(valkey.meter.store, database, who.id, who.shard)

    assert [event["id"] for event in told["archivedEvents"]] == [first.event_id]
