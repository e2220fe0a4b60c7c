"""Sessions: begun, listed, ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from db.accounts import read_session
from db.pool import Database
from db.queries import statements
from schema.accounts import Session
from schema.people import Viewer
from schema.usage import ClientClass

SESSIONS_MAX = 50
"""Places where one account may be logged in; the next ends the oldest."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be kept."""

    id: str
    digest: bytes
    """SHA-256 of its token."""
    account_id: str
    client: ClientClass
    at: datetime
    """Now, UTC."""
    idle: timedelta
    """How long it may lie unused."""
    expires_at: datetime

    def session(self) -> Session:
        """What is known of it."""
        return Session(
            id=self.id,
            account_id=self.account_id,
            client=self.client,
            created_at=self.at,
            last_seen_at=self.at,
            expires_at=self.expires_at,
        )


async def keep_session(
    connection: "asyncpg.Connection[asyncpg.Record]", session: NewSession
) -> None:
    """Keep a session, in the transaction of the connection."""
    named = statements("sessions")
    await connection.execute(
        named["keep_session"],
        *(session.id, session.digest, session.account_id, session.client.value, session.at),
        *(int(session.idle.total_seconds()), session.expires_at),
    )
    await connection.execute(named["end_all_but_newest"], session.account_id, SESSIONS_MAX)


async def begin_session(
    database: Database, session: NewSession, proven_by: str | None, guest: Viewer | None
) -> bool:
    """Keep a session of whoever knew the password of the hash `proven_by`; False, and nothing kept,
    when the account has another by now, or is gone.

    `guest` is whom the account takes over, noted for metering/carryover.py.
    """
    async with database.connection() as connection, connection.transaction():
        if not await holds_secret(connection, session.account_id, proven_by):
            return False
        await keep_session(connection, session)
        if guest is not None:
            await connection.execute(
                statements("carried")["keep_guest"],
                *(session.account_id, guest.id, guest.shard, session.at),
            )
    return True


async def holds_secret(
    connection: "asyncpg.Connection[asyncpg.Record]", account_id: str, proven_by: str | None
) -> bool:
    """Whether an account has that hash of its password, which then stays until the transaction of
    the connection ends: checking a password takes a while, in which it may have been changed."""
    kept = await connection.fetchval(statements("accounts")["hold_secret"], account_id)
    return kept is not None and kept == proven_by


async def sessions_of(database: Database, account_id: str, now: datetime) -> list[Session]:
    """Where an account is logged in, the last used first, at most SESSIONS_MAX."""
    rows = await database.fetch(statements("sessions")["sessions_of"], account_id, now)
    return [read_session(row) for row in rows]


async def end_session(database: Database, account_id: str, session_id: str) -> bool:
    """Whether there was such a session of the account, which has ended now."""
    row = await database.fetch_one(statements("sessions")["end_session"], account_id, session_id)
    return row is not None


async def end_sessions(database: Database, account_id: str, *, but: str | None) -> int:
    """End every session of an account but one; how many that were."""
    return len(await database.fetch(statements("sessions")["end_sessions"], account_id, but))
