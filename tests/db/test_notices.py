"""A change of the catalogue is told to who listens, and what was kept of it is dropped."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from db.load.report import LoadReport
from db.load.rows import CodeRow
from db.load.source import Edition, SourceFile
from db.load.transaction import load
from db.load.writer import write_codes
from db.loaded import DAYS_KEPT, Loaded
from db.notices import CHANNEL, CatalogueWatch, Heard
from db.pool import Database
from schema.codes import CodeKind, CodeSystemKey
from tests.db.counting import Counting, counting_on
from tests.faults.proxy import proxy_to

TODAY = date(2026, 11, 23)
SEVEN = 7


def edition(label: str, year: int, month: int = 1) -> Any:
    """A step that loads one invented code as an edition of DEMO."""
    file = SourceFile(f"{label}.txt", label.encode())
    made = Edition(
        subject=CodeSystemKey.DEMO,
        label=label,
        effective_from=date(year, month, 1),
        publisher="nobody",
        source=file.name,
        files=(file,),
    )
    row = CodeRow(value="DM-1", kind=CodeKind.CODE, title=f"as of {label}", is_billable=True)
    return partial(write_codes, edition=made, read=lambda: [row])


def labels(systems: Any) -> list[str]:
    """The editions of DEMO among systems, newest first."""
    [demo] = [system for system in systems if system.key is CodeSystemKey.DEMO]
    return [release.label for release in demo.releases]


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds that will soon."""
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(url: str, **options: Any) -> AsyncIterator[CatalogueWatch]:
    """A watch that runs, heard already."""
    watch = CatalogueWatch(url, **options)
    task = asyncio.create_task(watch.run())
    try:
        await until(lambda: watch.heard)
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def counting(database_url: str) -> AsyncIterator[Counting]:
    async with counting_on(database_url) as opened:
        yield opened


async def cut_listeners(database: Any) -> None:
    """End every connection that listens, from the server's side."""
    await database.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE '%catalogue_version%' "
        "AND pid <> pg_backend_pid()"
    )


@pytest.fixture
async def told(database_url: str) -> AsyncIterator[list[str]]:
    """What is told on the channel."""
    connection = await asyncpg.connect(database_url)
    payloads: list[str] = []
    await connection.add_listener(CHANNEL, lambda *given: payloads.append(given[3]))
    yield payloads
    await connection.close()


async def test_a_load_is_told_once_it_is_committed_with_the_names_of_its_releases(
    database_url: str, told: list[str]
) -> None:
    await load(database_url, [edition("DEMO-2020", 2020), edition("DEMO-2021", 2021)])
    await until(lambda: len(told) == 2)

    assert told == [
        '{"version" : 1, "releases" : "DEMO DEMO-2020"}',
        '{"version" : 2, "releases" : "DEMO DEMO-2021"}',
    ]


async def test_a_step_of_several_releases_is_told_as_one_change(
    database_url: str, told: list[str]
) -> None:
    async def both(connection: Any, progress: Any) -> list[LoadReport]:
        steps = [edition("DEMO-2020", 2020), edition("DEMO-2021", 2021)]
        return [await step(connection, progress) for step in steps]

    await load(database_url, [both])
    await until(lambda: told)

    assert told == ['{"version" : 1, "releases" : "DEMO DEMO-2020, DEMO DEMO-2021"}']


async def test_nothing_is_told_of_a_trial_or_of_bytes_that_are_loaded_already(
    database_url: str, told: list[str]
) -> None:
    await load(database_url, [edition("DEMO-2020", 2020)])
    await load(database_url, [edition("DEMO-2021", 2021)], is_trial=True)
    await load(database_url, [edition("DEMO-2020", 2020)])
    await load(database_url, [edition("DEMO-2022", 2022)])
    await until(lambda: len(told) == 2)

    assert told[1] == '{"version" : 2, "releases" : "DEMO DEMO-2022"}'


async def test_more_names_than_a_notice_holds_are_cut_off(
    database: Database, told: list[str]
) -> None:
    await database.fetch("SELECT catalogue_changed($1)", ["Ω" * 50] * 1_000)
    await until(lambda: told)

    assert told[0].count("Ω") == 962


async def test_what_is_loaded_is_read_once_until_a_load_is_told(
    database_url: str, counting: Counting
) -> None:
    async with watching(database_url, look_seconds=3600) as watch:
        loaded = Loaded(counting, lambda: watch.heard)
        first = [labels(await loaded.systems(TODAY)) for _ in range(3)]
        maps = [await loaded.maps(TODAY) for _ in range(3)]
        reads, version = counting.reads, loaded.version
        await load(database_url, [edition("DEMO-2020", 2020)])
        await until(lambda: watch.version == 1)
        then = [labels(await loaded.systems(TODAY)) for _ in range(3)]

    assert (first, maps, reads, version) == ([[]] * 3, [()] * 3, 2, 0)
    assert (then, counting.reads, loaded.version) == ([["DEMO-2020"]] * 3, 3, None)


async def test_a_listener_that_is_cut_keeps_nothing_and_then_knows_what_it_missed(
    database: Database, database_url: str, counting: Counting
) -> None:
    options = {"look_seconds": 3600, "first_wait_seconds": 1.0}
    async with watching(database_url, **options) as watch:
        loaded = Loaded(counting, lambda: watch.heard)
        await loaded.systems(TODAY)
        await cut_listeners(database)
        await until(lambda: watch.heard is None)
        await load(database_url, [edition("DEMO-2020", 2020)])
        unheard = [labels(await loaded.systems(TODAY)) for _ in range(2)]
        assert watch.heard is None
        reads = counting.reads
        await until(lambda: watch.heard)
        again = [labels(await loaded.systems(TODAY)) for _ in range(2)]

        assert watch.heard == Heard(connection=2, version=1)
    assert (unheard, reads) == ([["DEMO-2020"]] * 2, 3)
    assert (again, counting.reads) == ([["DEMO-2020"]] * 2, 4)


async def test_a_new_connection_drops_what_was_kept_even_of_the_same_number(
    database: Database, database_url: str, counting: Counting
) -> None:
    async with watching(database_url, look_seconds=3600) as watch:
        loaded = Loaded(counting, lambda: watch.heard)
        await loaded.systems(TODAY)
        await cut_listeners(database)
        await until(lambda: watch.heard == Heard(connection=2, version=0))
        await loaded.systems(TODAY)

    assert counting.reads == 2


async def test_a_change_whose_notice_was_lost_is_noticed_by_its_number(
    database: Database, database_url: str
) -> None:
    async with watching(database_url, look_seconds=0.05) as watch:
        await database.fetch("UPDATE catalogue_version SET number = $1", SEVEN)
        await until(lambda: watch.version == SEVEN)

        assert watch.heard == Heard(connection=1, version=SEVEN)


async def test_a_connection_that_says_nothing_more_is_not_believed(
    database_url: str, counting: Counting
) -> None:
    """As behind a firewall that forgot it: no end of it is ever told."""
    parts = urlsplit(database_url)
    host = parse_qs(parts.query)["host"][0]
    async with proxy_to(Path(host) / ".s.PGSQL.5432") as proxy:
        through = f"postgresql://{parts.netloc}127.0.0.1:{proxy.port}{parts.path}"
        options = {"look_seconds": 0.05, "patience_seconds": 0.5, "first_wait_seconds": 0.05}
        async with watching(through, **options) as watch:
            loaded = Loaded(counting, lambda: watch.heard)
            await loaded.systems(TODAY)
            proxy.delay_seconds = 3600.0
            await until(lambda: watch.heard is None)
            await load(database_url, [edition("DEMO-2020", 2020)])
            unheard = [labels(await loaded.systems(TODAY)) for _ in range(2)]
            proxy.delay_seconds = 0.0
            await until(lambda: watch.heard)

            assert watch.version == 1
    assert unheard == [["DEMO-2020"]] * 2


async def test_an_answer_is_not_kept_that_a_change_overtook(counting: Counting) -> None:
    heard = Heard(1, 1)

    class Slow(Counting):
        async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
            nonlocal heard
            found = await super().fetch(statement, *arguments)
            heard = Heard(1, 2)
            return found

    slow = Slow(counting._pool, counting._acquire_timeout_seconds)
    loaded = Loaded(slow, lambda: heard)
    for _ in range(3):
        await loaded.systems(TODAY)

    assert slow.reads == 2


async def test_only_few_days_are_kept(counting: Counting) -> None:
    loaded = Loaded(counting, lambda: Heard(1, 1))
    days = [date(2026, 1, day) for day in range(1, 32)]

    for day in days:
        await loaded.systems(day)
    await loaded.systems(days[-1])
    kept = counting.reads
    await loaded.systems(days[0])

    assert (kept, counting.reads) == (31, 32)
    assert len(loaded._kept) == 2 * DAYS_KEPT


async def test_a_watch_waits_for_a_server_that_is_away_and_ends_when_told(
    database_url: str,
) -> None:
    watch = CatalogueWatch(database_url.replace("/test_", "/absent_"), first_wait_seconds=0.01)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0.2)

    assert (watch.heard, task.done()) == (None, False)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
