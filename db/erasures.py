"""Deleting an account: here at once, in the ledger as soon as it answers."""

from datetime import datetime

from db.mail import erase_letters
from db.pool import Database
from db.queries import statements
from db.secrets import Secret
from db.sessions import holds_secret


async def delete_account(
    database: Database, proven: Secret, address_digest: bytes, now: datetime
) -> bool:
    """Delete an account and all that hangs on it, and note that its ledger has to be erased; False,
    and nothing deleted, when its password is not the one that was proven any more, or it is gone.
    Of its address that keyed digest stays."""
    named, account_id = statements("erasures"), proven.account_id
    async with database.connection() as connection, connection.transaction():
        if not await holds_secret(connection, account_id, proven.password_hash):
            return False
        gone = await connection.fetchrow(named["delete_account"], account_id)
        assert gone is not None, "the account is held"
        await erase_letters(connection, gone["email"])
        await connection.execute(
            statements("registrations")["forget_registrations"], gone["address"]
        )
        await connection.execute(named["keep_deleted_address"], address_digest)
        await connection.execute(named["keep_erasure"], account_id, now)
    return True


async def open_erasures(database: Database, before: datetime, most: int) -> list[str]:
    """Accounts whose ledger has to be erased since before an instant, in the order of asking."""
    rows = await database.fetch(statements("erasures")["open_erasures"], before, most)
    return [row["account_id"] for row in rows]


async def forget_erasure(database: Database, account_id: str) -> None:
    """An erasure is done."""
    await database.fetch(statements("erasures")["forget_erasure"], account_id)
