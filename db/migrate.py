"""Brings a database to the newest of our numbered migrations.

The files and the table `schema_migrations` are dbmate's (github.com/amacneil/dbmate), so that tool
works on the same database. What it lacks, a checksum of each applied file, stands in a table of
ours beside it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise

import asyncpg

from db.pool import ABSENT, one_connection
from schema.errors import MigrationRefused

# Any number that nobody else locks; held until the end of one migration's transaction.
_LOCK = 0x636F6465
_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")
_BLOCKS = re.compile(
    r"\A(?:\s*--(?! migrate:).*\n|\s*\n)*-- migrate:up\n(?P<up>.*?)^-- migrate:down\s*$",
    re.DOTALL | re.MULTILINE,
)

_TABLES = """
CREATE TABLE IF NOT EXISTS schema_migrations (version varchar PRIMARY KEY);
CREATE TABLE IF NOT EXISTS schema_migration_checksums (
    version varchar PRIMARY KEY,
    sha256 varchar NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_APPLIED = """
SELECT version, sha256
FROM schema_migrations LEFT JOIN schema_migration_checksums USING (version)
ORDER BY version
"""
_RECORD_VERSION = "INSERT INTO schema_migrations (version) VALUES ($1)"
_RECORD_CHECKSUM = """
INSERT INTO schema_migration_checksums (version, sha256) VALUES ($1, $2)
ON CONFLICT (version) DO UPDATE SET sha256 = excluded.sha256, applied_at = now()
"""


@dataclass(frozen=True)
class Migration:
    """One migration file."""

    version: str
    """Its number as written, `0001`."""
    name: str
    up: str
    sha256: str


def migrations(folder: Traversable | None = None) -> list[Migration]:
    """The migrations of a folder, by default ours, lowest number first; raises MigrationRefused."""
    found = [
        _read(entry)
        for entry in (folder or files("db") / "sql" / "migrations").iterdir()
        if entry.name.endswith(".sql")
    ]
    found.sort(key=lambda migration: migration.version)
    for one, next_one in pairwise(found):
        if one.version == next_one.version:
            raise MigrationRefused(f"{one.name} and {next_one.name} have the same number")
    return found


def _read(file: Traversable) -> Migration:
    content = file.read_bytes()
    name, blocks = _FILE_NAME.fullmatch(file.name), _BLOCKS.search(content.decode())
    if name is None or blocks is None:
        raise MigrationRefused(
            f"{file.name} is not a migration: it must be called NNNN_name.sql and hold the "
            "lines `-- migrate:up` and `-- migrate:down`"
        )
    return Migration(name[1], file.name, blocks["up"], sha256(content).hexdigest())


async def migrate(url: str, folder: Traversable | None = None) -> list[str]:
    """Apply what is pending and return its file names, oldest first.

    Each migration is one transaction, entirely done or not at all; several runners at once apply
    each exactly once. Raises MigrationRefused and StoreUnavailable.
    """
    known = migrations(folder)
    applied = []
    async with one_connection(url) as connection:
        while (name := await _apply_next(connection, known)) is not None:
            applied.append(name)
    return applied


async def _apply_next(
    connection: "asyncpg.Connection[asyncpg.Record]", known: list[Migration]
) -> str | None:
    """Apply the lowest pending migration and return its name; None when there is none."""
    async with connection.transaction():
        applied = await _applied(connection)
        waiting = _pending(known, applied)
        await _adopt(connection, known, applied)
        if not waiting:
            return None
        await _apply(connection, waiting[0])
        return waiting[0].name


async def _applied(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str | None]:
    """Checksum by version, lowest first, None where dbmate applied it; true to the end of the
    transaction.
    """
    # Before the tables are made: two runners making them at once would collide.
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    await connection.execute(_TABLES)
    return {row["version"]: row["sha256"] for row in await connection.fetch(_APPLIED)}


def _pending(known: list[Migration], applied: Mapping[str, str | None]) -> list[Migration]:
    """The migrations to apply, lowest first; raises MigrationRefused when history was rewritten."""
    by_version = {migration.version: migration for migration in known}
    for version, checksum in applied.items():
        migration = by_version.get(version)
        if migration is None:
            raise MigrationRefused(
                f"migration {version} was applied to this database and its file is gone: "
                "restore the file, or run the version of the program that has it"
            )
        if checksum not in (None, migration.sha256):
            raise MigrationRefused(
                f"{migration.name} was edited after it was applied: restore it, and put the "
                "change into a new migration"
            )
    waiting = [migration for migration in known if migration.version not in applied]
    newest = max(applied, default="")
    if waiting and waiting[0].version < newest:
        raise MigrationRefused(
            f"{waiting[0].name} comes before {newest}, which was already applied: give it a "
            "higher number"
        )
    return waiting


async def _adopt(
    connection: "asyncpg.Connection[asyncpg.Record]",
    known: list[Migration],
    applied: Mapping[str, str | None],
) -> None:
    """From now on guard what dbmate applied."""
    for migration in known:
        if migration.version in applied and applied[migration.version] is None:
            await connection.execute(_RECORD_CHECKSUM, migration.version, migration.sha256)


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    try:
        await connection.execute(migration.up)
    except ABSENT:
        raise
    except asyncpg.PostgresError as refused:
        raise MigrationRefused(f"{migration.name} was not applied: {refused}") from refused
    await connection.execute(_RECORD_VERSION, migration.version)
    await connection.execute(_RECORD_CHECKSUM, migration.version, migration.sha256)
