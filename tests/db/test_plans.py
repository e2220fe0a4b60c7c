"""Plans as seeded, and the keys of network pseudonyms."""

import asyncio

import asyncpg
import pytest

from db.plans import PlanBook, network_key, plan_versions
from db.pool import Database
from schema.pages import SectionKind
from schema.people import Assignment
from schema.plans import Plan, WindowKind

EVERY = frozenset(SectionKind)
GUEST = frozenset({SectionKind.OFFICIAL_DESCRIPTION, SectionKind.COMMON_LANGUAGE})


@pytest.mark.parametrize(
    ("key", "limit", "window", "sections", "can_list_crosswalks", "pages"),
    [
        ("guest", 1, WindowKind.LIFETIME, GUEST, False, 1),
        ("registered", 5, WindowKind.LIFETIME, EVERY, False, 5),
        ("subscriber", None, WindowKind.LIFETIME, EVERY, True, 5),
        ("partner", 10_000, WindowKind.MONTH, EVERY, True, 20),
        ("staff", None, WindowKind.LIFETIME, EVERY, True, 20),
    ],
)
async def test_the_seeded_terms(
    database: Database,
    key: str,
    limit: int | None,
    window: WindowKind,
    sections: frozenset[SectionKind],
    can_list_crosswalks: bool,
    pages: int,
) -> None:
    book = PlanBook(database)
    await book.read()

    assert sorted(book.newest) == ["guest", "partner", "registered", "staff", "subscriber"]
    assert book.newest[key] == Plan(
        key=key,
        version=1,
        page_view_limit=limit,
        window=window,
        time_zone="UTC",
        rolling_days=None,
        open_sections=sections,
        can_list_crosswalks=can_list_crosswalks,
        code_pages_per_operation=pages,
    )


async def add_guest_version(database: Database, version: int, limit: int) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
            INSERT INTO plan (key, version, page_view_limit, window_kind, rolling_days,
                              open_sections, can_list_crosswalks, code_pages_per_operation)
            VALUES ('guest', $1, $2, 'ROLLING', 30, '{HISTORY}', false, 1)
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
    keys = await asyncio.gather(*(network_key(database, 691) for _ in range(20)))

    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert await network_key(database, 691) == keys[0]


async def test_keys_are_forgotten_after_the_period_that_follows(database: Database) -> None:
    first, second = await network_key(database, 691), await network_key(database, 692)
    assert await network_key(database, 691) == first
    assert await network_key(database, 692) == second != first

    await network_key(database, 693)

    rows = await database.fetch("SELECT period FROM network_key ORDER BY period")
    assert [row["period"] for row in rows] == [692, 693]
    assert await network_key(database, 691) != first
