"""Plans as seeded, and the keys of network pseudonyms."""

import asyncio
import time

import asyncpg
import pytest

from db.plans import PlanBook, network_key, plan_versions
from db.pool import Database
from schema.pages import SectionKind
from schema.people import Assignment, ViewerKind
from schema.plans import Plan, WindowKind

PERIOD_MS = 30 * 24 * 3600 * 1000
EVERY = frozenset(SectionKind)
GUEST = frozenset({SectionKind.OFFICIAL_DESCRIPTION, SectionKind.COMMON_LANGUAGE})


@pytest.mark.parametrize(
    ("key", "limit", "window", "sections", "can_list_crosswalks", "points"),
    [
        ("guest", 1, WindowKind.LIFETIME, GUEST, False, (500, 5)),
        ("registered", 5, WindowKind.LIFETIME, EVERY, False, (1000, 20)),
        ("returned", 0, WindowKind.LIFETIME, EVERY, False, (1000, 20)),
        ("subscriber", None, WindowKind.LIFETIME, EVERY, True, (1000, 20)),
        ("partner", 10_000, WindowKind.MONTH, EVERY, True, (5000, 100)),
        ("staff", None, WindowKind.LIFETIME, EVERY, True, (5000, 100)),
    ],
)
async def test_the_seeded_terms(
    database: Database,
    key: str,
    limit: int | None,
    window: WindowKind,
    sections: frozenset[SectionKind],
    can_list_crosswalks: bool,
    points: tuple[int, int],
) -> None:
    book = PlanBook(database)
    await book.read()

    assert sorted(book.newest) == [
        *("guest", "partner", "registered", "returned", "staff", "subscriber")
    ]
    assert book.newest[key] == Plan(
        key=key,
        version=1,
        page_view_limit=limit,
        window=window,
        time_zone="UTC",
        rolling_days=None,
        open_sections=sections,
        can_list_crosswalks=can_list_crosswalks,
        viewer_kind=ViewerKind("REGISTERED" if key == "returned" else key.upper()),
        points_capacity=points[0],
        points_per_second=points[1],
    )


async def add_guest_version(database: Database, version: int, limit: int) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
            INSERT INTO plan (key, version, page_view_limit, window_kind, rolling_days,
                              open_sections, can_list_crosswalks, viewer_kind)
            VALUES ('guest', $1, $2, 'ROLLING', 30, '{HISTORY}', false, 'GUEST')
            """,
            version,
            limit,
        )


async def test_the_newest_version_is_in_force_and_the_old_ones_stay(database: Database) -> None:
    await add_guest_version(database, 2, limit=3)
    book = PlanBook(database)
    await book.read()

    assert book.newest["guest"].version == 2
    versions = await plan_versions(database)
    assert [version for key, version in versions if key == "guest"] == [2, 1]
    assert versions["guest", 1].page_view_limit == 1
    assert (versions["guest", 2].page_view_limit, versions["guest", 2].rolling_days) == (3, 30)


async def test_the_plan_book_reads_again_for_a_version_it_has_not_met(database: Database) -> None:
    book = PlanBook(database)
    first = Assignment(plan_key="guest", plan_version=1, number=1)
    second = Assignment(plan_key="guest", plan_version=2, number=2)
    assert (await book.plan_of(first)).page_view_limit == 1

    with pytest.raises(LookupError, match="plan 'guest' has no version 2"):
        await book.plan_of(second)
    await add_guest_version(database, 2, limit=3)

    assert (await book.plan_of(second)).page_view_limit == 3


@pytest.mark.parametrize(
    "change",
    [
        "window_kind = 'YEAR'",
        "window_kind = 'ROLLING'",
        "rolling_days = 30",
        "page_view_limit = -1",
        "open_sections = '{SECRETS}'",
        "key = 'Guest'",
    ],
)
async def test_senseless_terms_are_refused(database: Database, change: str) -> None:
    async with database.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(f"UPDATE plan SET {change} WHERE key = 'guest'")


async def test_a_period_has_one_key_however_many_ask_at_once(database: Database) -> None:
    keys = await asyncio.gather(*(network_key(database, 100, PERIOD_MS) for _ in range(20)))

    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert await network_key(database, 100, PERIOD_MS) == keys[0]


async def periods_kept(database: Database) -> list[int]:
    rows = await database.fetch("SELECT period FROM network_key ORDER BY period")
    return [row["period"] for row in rows]


async def test_key_is_forgotten_when_the_next_period_begins(database: Database) -> None:
    first = await network_key(database, 100, PERIOD_MS)
    second = await network_key(database, 101, PERIOD_MS)

    assert await periods_kept(database) == [101]
    assert await network_key(database, 101, PERIOD_MS) == second != first
    assert await network_key(database, 100, PERIOD_MS) != first


async def test_clock_that_runs_ahead_forgets_no_key_that_others_need(database: Database) -> None:
    now = int(time.time() * 1000) // PERIOD_MS
    current = await network_key(database, now, PERIOD_MS)

    await network_key(database, now + 5, PERIOD_MS)

    assert await periods_kept(database) == [now, now + 5]
    assert await network_key(database, now, PERIOD_MS) == current
