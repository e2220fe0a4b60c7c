"""A file of unlocks as the desk imports it: some at a time, and saying how far it came."""

import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from db.plans import PlanBook
from db.pool import Database
from graph import importing
from graph.desk import Desk, Told
from graph.importing import import_file
from metering.archived import UsageArchive
from metering.entering import Entering
from metering.export import cloud_event
from metering.guarded import GuardedMeter
from metering.incoming import Unlock
from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.store import Store
from schema.errors import FileRefused, OptionRefused, StoreUnavailable
from schema.instants import instant
from tests.metering.archives import view, viewer
from tests.metering.ledgers import SHARD, Plans, ms, plan
from tests.metering.test_export import row

LOG = keys_of(SHARD).log


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as opened:
        yield opened


@pytest.fixture
def front(database: Database, client: Redis) -> Desk:
    store, plans = Store.on(client, 5.0), Plans()
    plans.add(plan("guest", 1))
    ledger = LedgerMeter(store, plans.plan_of)
    meter = GuardedMeter(ledger, database, plans.plan_of, UsageArchive(database), on_loss="refuse")
    return Desk(store, database, meter, PlanBook(database))


def lines(*numbers: int) -> bytes:
    """One unlock each of guests of their own, as another deployment exports it."""
    at = instant(ms("2026-01-02"))
    rows = [row(view(viewer()), recorded_at=at, seq=number) for number in numbers]
    return b"".join(json.dumps(cloud_event(each)).encode() + b"\n" for each in rows)


async def imported(front: Desk, file: io.BytesIO, **options: Any) -> Told:
    return await import_file(front, file, "events", **options)


async def test_a_file_is_entered_some_at_a_time_in_its_order(
    front: Desk, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "UNLOCKS_AT_ONCE", 2)
    sizes: list[int] = []
    enter = Entering.enter

    async def watched(self: Entering, unlocks: Sequence[Unlock], **options: bool) -> None:
        sizes.append(len(unlocks))
        await enter(self, unlocks, **options)

    monkeypatch.setattr(Entering, "enter", watched)
    content = lines(1, 2, 3, 4, 5)

    told = await imported(front, io.BytesIO(content.replace(b"\n", b"\n\n")))

    assert told == Told("5 of 5 unlocks entered, 0 are here already", is_done=True)
    assert sizes == [2, 2, 1]
    subjects = [json.loads(line)["subject"] for line in content.splitlines()]
    assert [entry["viewer"] for _, entry in await client.xrange(LOG)] == subjects


async def test_an_import_that_is_cut_off_says_how_far_it_came_and_is_finished_by_the_next(
    front: Desk, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "UNLOCKS_AT_ONCE", 2)
    content, enter = lines(1, 2, 3), Entering.enter

    async def cut_off(self: Entering, unlocks: Sequence[Unlock], **options: bool) -> None:
        await enter(self, unlocks[:1], **options)
        raise StoreUnavailable("valkey", "cut off by the test")

    monkeypatch.setattr(Entering, "enter", cut_off)
    with pytest.raises(StoreUnavailable) as away:
        await imported(front, io.BytesIO(content))
    monkeypatch.setattr(Entering, "enter", enter)
    told = await imported(front, io.BytesIO(content))

    assert str(away.value) == (
        "valkey is unavailable: cut off by the test; 1 unlocks were entered: repeat the command "
        "for the rest"
    )
    assert told == Told("2 of 3 unlocks entered, 1 are here already", is_done=True)
    assert await client.xlen(LOG) == 3


async def test_the_last_line_is_read_before_the_first_is_entered(
    front: Desk, client: Redis
) -> None:
    content = lines(*range(1, 301)) + b'{"specversion": "1.0"}\n'

    with pytest.raises(FileRefused) as refused:
        await imported(front, io.BytesIO(content))

    assert (refused.value.line, refused.value.reason) == (301, "id: Field required")
    assert await client.keys("*") == []


async def test_a_line_without_end_is_not_read_to_it(front: Desk) -> None:
    file = io.BytesIO(b"x" * 10_000_000)

    with pytest.raises(FileRefused, match="events:1:1: longer than 16384 bytes"):
        await imported(front, file)

    assert file.tell() == 16_385


async def test_what_cannot_be_read_twice_is_refused(front: Desk) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(OptionRefused) as refused:
        await imported(front, Stream(lines(1)))

    assert str(refused.value) == "events is read twice: give a file, not a stream"


async def test_too_much_that_is_not_archived_is_refused(
    front: Desk, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_NOT_ARCHIVED", 1)
    await imported(front, io.BytesIO(lines(1, 2)))

    with pytest.raises(OptionRefused) as refused:
        await imported(front, io.BytesIO(lines(3)))

    assert str(refused.value) == "2 events are not archived yet: let the worker come near"
    assert await client.xlen(LOG) == 2


async def test_only_so_many_kinds_of_other_events_are_told_apart(
    front: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_KINDS", 1)
    [event] = map(json.loads, lines(1).splitlines())
    content = b"".join(
        json.dumps(event | {"type": kind}).encode() + b"\n" for kind in ("b", "a", "b", "c")
    )

    told = await imported(front, io.BytesIO(content))

    assert told == Told(
        "nothing done: the file tells of no unlock\n"
        "not imported: 2 b\n"
        "not imported: 2 of other types",
        is_done=False,
    )
