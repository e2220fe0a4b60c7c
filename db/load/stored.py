"""What is stored already of the releases to load."""

from typing import TypeAlias

import asyncpg

from db.load.source import Edition, MapEdition
from db.queries import statements
from schema.codes import CodeSystemKey
from schema.errors import FileRefused

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_SQL = statements("load")


async def is_stored(
    connection: Connection, statement: str, subject: str, edition: Edition | MapEdition
) -> bool:
    """Whether these very bytes are loaded; refuses other bytes under a label that is taken."""
    sha256 = await connection.fetchval(_SQL[statement], subject, edition.label)
    if sha256 not in (None, edition.sha256):
        reason = f"{edition.name} is loaded already, from other bytes (sha256 {sha256})"
        raise FileRefused(edition.files[0].name, reason)
    return sha256 is not None


async def refuse_earlier(
    connection: Connection, statement: str, subject: str, edition: Edition | MapEdition
) -> None:
    later = await connection.fetchval(_SQL[statement], subject, edition.effective_from)
    if later is not None:
        reason = f"{later} is loaded already; releases are loaded in the order of their dates"
        raise FileRefused(edition.files[0].name, reason)


async def identities(connection: Connection, system: CodeSystemKey) -> dict[str, int]:
    """The id of every code of a system, by value."""
    rows = await connection.fetch(_SQL["identities"], system)
    return {row["value"]: row["id"] for row in rows}
