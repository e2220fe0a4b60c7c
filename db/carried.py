"""Guests who became accounts: what has been noted, and what is left to do."""

from datetime import datetime

from db.pool import Database
from db.queries import statements


async def open_guests(database: Database, account_id: str) -> list[tuple[str, int]]:
    """(guest id, shard) of whom an account has not taken over yet, the first asked for first."""
    rows = await database.fetch(statements("carried")["open_guests"], account_id)
    return [(row["guest_id"], row["shard"]) for row in rows]


async def accounts_with_open_guests(database: Database, before: datetime, most: int) -> list[str]:
    """Accounts that have such guests since before an instant, in the order of asking."""
    named = statements("carried")["accounts_with_open_guests"]
    return [row["account_id"] for row in await database.fetch(named, before, most)]


async def note_carried(database: Database, account_id: str, guest_id: str, now: datetime) -> None:
    """A guest was taken over, or never will be."""
    await database.fetch(statements("carried")["note_carried"], account_id, guest_id, now)
