"""Unlocks of elsewhere entered: each once, whatever is known of it by then, and none that would
take something away."""

from collections import Counter
from datetime import date
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from db.pool import Database
from db.usage import detach_before
from metering import entering
from metering.entering import Entering, Tally
from metering.export import cloud_event
from metering.incoming import Unlock, read_line
from metering.meter import LedgerMeter, system_clock_ms
from metering.shards import keys_of
from metering.store import Store
from metering.verify import verify_live
from schema.acts import SealGuest
from schema.instants import instant
from schema.usage import Decision, Outcome
from tests.metering.archives import archive_all, archive_of, rows_of, view, viewer
from tests.metering.ledgers import SHARD, Plans, code, guest, member, token, view_of
from tests.metering.test_export import row

DAY_MS = 86_400_000
KEYS = keys_of(SHARD)


def unlock(
    who: str, number: int = 1, *, plan: str = "guest.1", window: str = "L.0", days_ago: int = 1
) -> Unlock:
    """An unlock of another deployment."""
    at_ms = system_clock_ms() - days_ago * DAY_MS
    entry = view(who, code=f"ICD10CM:A{number:02}", plan=plan, window=window)
    changes = {"recorded_at": instant(at_ms), "seq": number}
    return unlock_of(cloud_event(row(entry, **changes)))


def unlock_of(event: dict[str, Any]) -> Unlock:
    read = read_line(orjson.dumps(event), system_clock_ms())
    assert isinstance(read, Unlock), read
    return read


@pytest.fixture
def enter(store: Store, database: Database, plans: Plans) -> Any:
    """Enters unlocks as one command does, and tells what became of them."""

    async def entered(*unlocks: Unlock, is_dry: bool = False) -> Tally:
        one = Entering(store, database, plans.plan_of)
        await one.begin()
        await one.enter(unlocks, is_dry=is_dry)
        return one.tally

    return entered


async def codes_of(client: Redis, who: str) -> dict[str, str]:
    """The hash of a viewer; its codes without their system."""
    fields = await client.hgetall(KEYS.viewer(who))
    return {name.removeprefix("ICD10CM:"): value for name, value in fields.items()}


async def forget_receipts(client: Redis) -> None:
    """As an hour does."""
    async for key in client.scan_iter(KEYS.receipt("*")):
        await client.delete(key)


async def test_unlocks_are_entered_as_imports_and_every_balance_is_proved(
    enter: Any, store: Store, client: Redis, database: Database, plans: Plans
) -> None:
    one, other = viewer(), viewer()

    tally = await enter(unlock(one), unlock(other, 2))

    assert tally == Tally(entered=2)
    assert await codes_of(client, one) == {"window": "L.0", "used": "1", "A01": "i"}
    [(_, first), (_, second)] = await client.xrange(KEYS.log)
    assert (first["type"], first["viewer"], first["code"]) == ("import", one, "ICD10CM:A01")
    assert (first["assignment"], first["network"]) == ("0", "")
    assert (second["viewer"], second["outcome"], second["used"]) == (other, "U", "1")
    await archive_all(archive_of(database, client))
    report = await verify_live(store, plans.plan_of, database=database)
    assert report.problems == ()


async def test_what_was_entered_is_known_at_once_without_its_receipt_and_in_every_archive(
    enter: Any, client: Redis, database: Database
) -> None:
    unlocks = [unlock(viewer(), number) for number in range(1, 4)]
    await enter(*unlocks)
    tallies = [await enter(*unlocks)]
    await forget_receipts(client)
    tallies.append(await enter(*unlocks))
    await archive_all(archive_of(database, client))
    await client.delete(KEYS.log)
    tallies.append(await enter(*unlocks))
    await detach_before(database, date(2100, 1, 1))
    tallies.append(await enter(*unlocks))

    assert tallies == [Tally(known=3)] * 4
    assert await client.exists(KEYS.log) == 0


async def test_what_was_decided_here_is_known_by_its_own_request(
    enter: Any, meter: LedgerMeter, client: Redis, database: Database
) -> None:
    """An export of this very ledger: nothing of it is missing here."""
    reader = guest()
    [decided] = await meter.view([view_of(reader, 1)])
    await archive_all(archive_of(database, client))
    [archived] = await rows_of(database)
    exported = unlock_of(cloud_event(archived))

    tally = await enter(exported)

    assert isinstance(decided, Decision)
    assert decided.outcome is Outcome.UNLOCKED
    assert tally == Tally(known=1)
    assert await client.xlen(KEYS.log) == 1


async def test_the_same_unlock_twice_in_one_file_is_entered_once(enter: Any, client: Redis) -> None:
    once = unlock(viewer())

    assert await enter(once, once) == Tally(entered=1, known=1)
    assert await client.xlen(KEYS.log) == 1


async def test_a_dry_run_tells_the_same_and_enters_nothing(enter: Any, client: Redis) -> None:
    unlocks = [unlock(viewer()), unlock(viewer(), plan="guest.9")]

    tally = await enter(*unlocks, is_dry=True)

    assert tally == Tally(entered=1, unfit=Counter({entering.UNKNOWN_PLAN: 1}))
    assert await client.keys("*") == []


async def test_above_the_limit_is_entered_and_counted(
    enter: Any, meter: LedgerMeter, client: Redis
) -> None:
    reader = guest()
    await meter.view([view_of(reader, 1)])

    assert await enter(unlock(reader.id)) == Tally(entered=1, above=1)
    assert (await codes_of(client, reader.id))["used"] == "2"


async def test_what_an_imported_view_opened_is_repeated_for_free_and_used_up_the_allowance(
    enter: Any, meter: LedgerMeter
) -> None:
    reader = guest()
    request = view_of(reader, 1)
    entry = view(reader.id, code=str(code(1)))
    await enter(unlock_of(cloud_event(row(entry, recorded_at=instant(system_clock_ms() - 5)))))

    answers = await meter.view([request, view_of(reader, 2)])

    assert [each.outcome for each in answers if isinstance(each, Decision)] == [
        Outcome.REPEATED,
        Outcome.LIMIT_REACHED,
    ]


async def test_a_plan_or_a_window_that_is_not_here_is_left_out(enter: Any, client: Redis) -> None:
    tally = await enter(
        unlock(viewer(), plan="elsewhere.1"),
        unlock(viewer(), plan="guest.2"),
        unlock(viewer(), window="D.20000"),
        unlock(viewer(), plan="rolling.1", window="R30.3"),
    )

    assert tally.unfit == {
        entering.UNKNOWN_PLAN: 2,
        entering.OTHER_WINDOW: 1,
        entering.NO_BEGINNING: 1,
    }
    assert await client.keys("*") == []


async def test_what_was_opened_here_is_not_closed_by_a_window_of_another_kind(
    enter: Any, meter: LedgerMeter, client: Redis
) -> None:
    reader = guest()
    await meter.view([view_of(reader, 1)])
    before = await client.hgetall(KEYS.viewer(reader.id))

    tally = await enter(unlock(reader.id, plan="daily.1", window="D.20000"))

    assert tally == Tally(unfit=Counter({entering.OPENED_HERE: 1}))
    assert await client.hgetall(KEYS.viewer(reader.id)) == before


async def test_a_history_of_several_plans_is_entered_as_it_was(enter: Any, client: Redis) -> None:
    """Windows of one kind and then of another, however the file is cut into batches."""
    who = viewer()
    history = [
        unlock(who, 1, days_ago=40),
        unlock(who, 2, plan="rolling.1", window="R30.0", days_ago=35),
        unlock(who, 3, plan="rolling.1", window="R30.1", days_ago=2),
    ]

    first, *rest = history
    tallies = [await enter(first), await enter(*rest)]

    assert tallies == [Tally(entered=1), Tally(entered=2)]
    fields = await codes_of(client, who)
    anchor = str(int(history[1].event.at.timestamp() * 1000))
    assert fields == {"window": "R30.1", "anchor": anchor, "used": "1", "A03": "i"}


async def test_nothing_is_entered_for_a_guest_that_became_an_account(
    enter: Any, meter: LedgerMeter, client: Redis
) -> None:
    reader, account = guest(), member()
    await meter.view([view_of(reader, 1)])
    await meter.perform(
        SealGuest(
            viewer_id=reader.id, shard=SHARD, request_id=token(), account_id=account.id, codes_max=1
        )
    )
    entries = await client.xlen(KEYS.log)

    assert await enter(unlock(reader.id)) == Tally(unfit=Counter({entering.SEALED_HERE: 1}))
    assert await client.xlen(KEYS.log) == entries
