"""Passwords' hashes and the tokens that set them anew."""

from dataclasses import dataclass
from datetime import datetime

from db.mail import post
from db.pool import Database
from db.queries import statements
from db.sessions import NewSession, holds_secret, keep_session
from schema.instants import EPOCH
from schema.mail import Letter


@dataclass(frozen=True, slots=True)
class Secret:
    """What proves somebody to be an account."""

    account_id: str
    password_hash: str | None
    """None while no mailed link has set one."""


async def secret_of_address(database: Database, address: str) -> Secret | None:
    """What proves somebody to be the account of an address; None when it has none."""
    row = await database.fetch_one(statements("accounts")["secret_of_address"], address)
    return None if row is None else Secret(row["id"], row["password_hash"])


async def secret_of_account(database: Database, account_id: str) -> Secret | None:
    """The same by the account's id."""
    row = await database.fetch_one(statements("accounts")["secret_of_account"], account_id)
    return None if row is None else Secret(account_id, row["password_hash"])


async def change_password(
    database: Database, proven: Secret, password_hash: str, session: NewSession
) -> bool:
    """Set another password in place of the one that was proven: every session and every token that
    could set one ends, and `session` begins. False, and nothing changed, when the account has
    another by now, or is gone."""
    named, account_id = statements("accounts"), proven.account_id
    async with database.connection() as connection, connection.transaction():
        if not await holds_secret(connection, account_id, proven.password_hash):
            return False
        await connection.execute(named["set_password"], account_id, password_hash)
        await connection.execute(named["forget_resets"], account_id)
        await connection.execute(statements("sessions")["end_sessions"], account_id, None)
        await keep_session(connection, session)
    return True


async def reset_password(
    database: Database, account_id: str, digest: bytes, password_hash: str
) -> bool:
    """Set another password by a token, which is good once: False when it was used meanwhile.
    Every session, and every other token, ends."""
    named = statements("accounts")
    async with database.connection() as connection, connection.transaction():
        # Before the token: whoever has the account may want it, to end all tokens.
        await connection.execute(named["hold_secret"], account_id)
        if await connection.fetchval(named["use_reset"], digest) is None:
            return False
        await connection.execute(named["set_password"], account_id, password_hash)
        await connection.execute(named["forget_resets"], account_id)
        await connection.execute(statements("sessions")["end_sessions"], account_id, None)
    return True


async def keep_reset(
    database: Database, address: str, digest: bytes, expires_at: datetime, letter: Letter
) -> None:
    """Let whoever gets the letter set the password of an address's account.

    For an address without one the letter is over when it is written, and never sent: whoever asks
    waits as long, and learns nothing.
    """
    async with database.connection() as connection, connection.transaction():
        account_id = await connection.fetchval(
            statements("accounts")["keep_reset"], address, digest, expires_at
        )
        unsent = letter.model_copy(update={"expires_at": EPOCH})
        await post(connection, letter if account_id else unsent)


async def reset_by_digest(database: Database, digest: bytes, now: datetime) -> str | None:
    """The account whose password a token may set; None when it is over, used or unknown."""
    row = await database.fetch_one(statements("accounts")["reset_by_digest"], digest, now)
    return None if row is None else str(row["account_id"])
