"""The migration runner: each file once, in order, whole or not at all, and never rewritten."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from db.migrate import migrate, migrations
from schema.errors import MigrationRefused, StoreUnavailable

UP = "-- migrate:up\n{}\n-- migrate:down\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations: a log of steps, and the first step."""
    write(
        tmp_path, "0001_steps.sql", "CREATE TABLE steps (step text); CREATE INDEX ON steps (step);"
    )
    write(tmp_path, "0002_first.sql", "INSERT INTO steps VALUES ('first');")
    return tmp_path


def write(folder: Path, name: str, up: str) -> None:
    (folder / name).write_text(UP.format(up))


async def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def versions(url: str) -> list[object]:
    return [row[0] for row in await rows(url, "SELECT version FROM schema_migrations ORDER BY 1")]


async def test_pending_migrations_are_applied_once_in_order(
    bare_database_url: str, folder: Path
) -> None:
    assert await migrate(bare_database_url, folder) == ["0001_steps.sql", "0002_first.sql"]
    write(folder, "0003_second.sql", "INSERT INTO steps VALUES ('second');")

    assert await migrate(bare_database_url, folder) == ["0003_second.sql"]

    assert await migrate(bare_database_url, folder) == []
    assert await versions(bare_database_url) == ["0001", "0002", "0003"]
    assert await rows(bare_database_url, "SELECT step FROM steps") == [("first",), ("second",)]


async def test_four_runners_at_once_apply_each_migration_exactly_once(
    bare_database_url: str, folder: Path
) -> None:
    for number in range(3, 13):
        write(folder, f"{number:04}_step.sql", f"INSERT INTO steps VALUES ('{number}');")

    applied = await asyncio.gather(*(migrate(bare_database_url, folder) for _ in range(4)))

    assert sorted(name for names in applied for name in names) == [
        migration.name for migration in migrations(folder)
    ]
    assert await rows(bare_database_url, "SELECT count(*) FROM steps") == [(11,)]


async def test_migration_that_fails_leaves_nothing_of_itself(
    bare_database_url: str, folder: Path
) -> None:
    write(folder, "0003_bad.sql", "INSERT INTO steps VALUES ('third'); SELECT no_such_column;")

    with pytest.raises(MigrationRefused, match=r"0003_bad\.sql was not applied: .*no_such_column"):
        await migrate(bare_database_url, folder)

    assert await versions(bare_database_url) == ["0001", "0002"]
    assert await rows(bare_database_url, "SELECT step FROM steps") == [("first",)]


async def test_connection_lost_in_a_migration_is_unavailable_and_changes_nothing(
    bare_database_url: str, folder: Path
) -> None:
    suicide = "INSERT INTO steps VALUES ('third'); SELECT pg_terminate_backend(pg_backend_pid());"
    write(folder, "0003_lost.sql", suicide)

    with pytest.raises(StoreUnavailable):
        await migrate(bare_database_url, folder)

    assert await versions(bare_database_url) == ["0001", "0002"]
    assert await rows(bare_database_url, "SELECT step FROM steps") == [("first",)]


async def test_edited_migration_is_refused(bare_database_url: str, folder: Path) -> None:
    await migrate(bare_database_url, folder)
    write(folder, "0002_first.sql", "INSERT INTO steps VALUES ('another');")
    write(folder, "0003_second.sql", "INSERT INTO steps VALUES ('second');")

    with pytest.raises(MigrationRefused, match=r"0002_first\.sql was edited"):
        await migrate(bare_database_url, folder)

    assert await rows(bare_database_url, "SELECT step FROM steps") == [("first",)]


async def test_lost_migration_is_refused(bare_database_url: str, folder: Path) -> None:
    await migrate(bare_database_url, folder)
    (folder / "0002_first.sql").unlink()

    with pytest.raises(MigrationRefused, match="migration 0002 was applied to this database"):
        await migrate(bare_database_url, folder)


async def test_number_below_the_newest_applied_is_refused(
    bare_database_url: str, folder: Path
) -> None:
    (folder / "0002_first.sql").rename(folder / "0003_first.sql")
    await migrate(bare_database_url, folder)
    write(folder, "0002_late.sql", "INSERT INTO steps VALUES ('late');")

    with pytest.raises(MigrationRefused, match=r"0002_late\.sql comes before 0003"):
        await migrate(bare_database_url, folder)

    assert await rows(bare_database_url, "SELECT step FROM steps") == [("first",)]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("0002_again.sql", UP, "0002_again.sql and 0002_first.sql have the same number"),
        ("3_short.sql", UP, "3_short.sql is not a migration"),
        ("0003_no_block.sql", "SELECT 1;", "0003_no_block.sql is not a migration"),
        ("0003_no_down.sql", "-- migrate:up\nSELECT 1;", "0003_no_down.sql is not a migration"),
        (
            "0003_options.sql",
            "-- migrate:up transaction:false\n-- migrate:down\n",
            "0003_options.sql is not a migration",
        ),
    ],
)
def test_file_that_is_no_migration_is_refused(
    folder: Path, name: str, content: str, reason: str
) -> None:
    (folder / name).write_text(content)

    with pytest.raises(MigrationRefused, match=reason):
        migrations(folder)


async def test_what_dbmate_applied_is_taken_over_and_guarded(
    bare_database_url: str, folder: Path
) -> None:
    await rows(
        bare_database_url, "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)"
    )
    await rows(bare_database_url, "CREATE TABLE steps (step text)")
    await rows(bare_database_url, "INSERT INTO schema_migrations VALUES ('0001')")

    assert await migrate(bare_database_url, folder) == ["0002_first.sql"]

    write(folder, "0001_steps.sql", "CREATE TABLE steps (step text, edited text);")
    with pytest.raises(MigrationRefused, match=r"0001_steps\.sql was edited"):
        await migrate(bare_database_url, folder)


async def test_what_dbmate_rolled_back_is_applied_again(
    bare_database_url: str, folder: Path
) -> None:
    await migrate(bare_database_url, folder)
    await rows(bare_database_url, "DELETE FROM schema_migrations WHERE version = '0002'")
    write(folder, "0002_first.sql", "INSERT INTO steps VALUES ('corrected');")

    assert await migrate(bare_database_url, folder) == ["0002_first.sql"]

    assert await migrate(bare_database_url, folder) == []


async def test_comments_may_stand_before_the_first_block(
    bare_database_url: str, tmp_path: Path
) -> None:
    text = "-- Why.\n-- And more.\n\n" + UP.format("CREATE TABLE steps (step text);")
    (tmp_path / "0001_steps.sql").write_text(text + "DROP TABLE steps;\n")

    assert await migrate(bare_database_url, tmp_path) == ["0001_steps.sql"]

    assert await rows(bare_database_url, "SELECT step FROM steps") == []


async def test_our_own_migrations_bring_an_empty_database_to_the_newest(
    bare_database_url: str,
) -> None:
    names = [migration.name for migration in migrations()]

    assert await migrate(bare_database_url) == names

    assert await migrate(bare_database_url) == []


async def test_absent_server_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="postgres is unavailable: FileNotFoundError"):
        await migrate(f"postgresql://codestile@/postgres?host={tmp_path}")
