"""Documents that clients may send by name, kept in PostgreSQL."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from db.pool import Database
from db.queries import statements

_SQL = statements("trusted")


class TrustedDocument(NamedTuple):
    """One of them."""

    id: str
    """The digest of its text, as `sha256:<hex>`, `sha1:<hex>` or `md5:<hex>`."""
    text: str
    added_at: datetime
    """UTC."""


async def add_documents(database: Database, texts: Mapping[str, str]) -> int:
    """Keep texts by their names; how many of these were not known."""
    return len(await database.fetch(_SQL["add_documents"], list(texts), list(texts.values())))


async def trusted_document(database: Database, id: str) -> str | None:
    """The text of that name; None when nobody added it. Raises StoreUnavailable."""
    row = await database.fetch_one(_SQL["trusted_document"], id)
    return None if row is None else str(row["document"])


async def trusted_documents(database: Database) -> list[TrustedDocument]:
    """All of them, the oldest first."""
    return [
        TrustedDocument(*row.values()) for row in await database.fetch(_SQL["trusted_documents"])
    ]
