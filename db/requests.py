"""Requests that clients gave a name: the same name always means the same request."""

from db.pool import Database
from db.queries import statements

KEPT_SECONDS = 24 * 3600.0
"""How long a name is known; whoever sends it again a day later asks anew."""


async def claim(database: Database, key: bytes, wanted: bytes) -> bool:
    """Whether that name is free or was given to the same request; both digests have 32 bytes."""
    row = await database.fetch_one(statements("requests")["claim_request"], key, wanted)
    assert row is not None, "the statement always returns a row"
    return bool(row["input"] == wanted)


async def forget(database: Database, seconds: float = KEPT_SECONDS) -> None:
    """Forget the names that are older."""
    await database.fetch(statements("requests")["forget_requests"], seconds)
