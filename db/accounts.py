"""Accounts and who is logged in, read from PostgreSQL."""

from datetime import datetime, timedelta

import asyncpg

from db.pool import Database
from db.queries import statements
from schema.accounts import Account, Session
from schema.people import Assignment, ViewerKind
from schema.usage import ClientClass

SEEN_TO = timedelta(minutes=5)
"""How exactly it is kept when a session was last used: a write an answer would be too many."""


async def account_by_id(database: Database, account_id: str) -> Account | None:
    """The account of that id; None when there is none."""
    row = await database.fetch_one(statements("accounts")["account_by_id"], account_id)
    return None if row is None else read_account(row)


async def account_by_address(database: Database, address: str) -> Account | None:
    """The account of an address in its one form; None when there is none."""
    row = await database.fetch_one(statements("accounts")["account_by_address"], address)
    return None if row is None else read_account(row)


async def account_by_session(
    database: Database, digest: bytes, now: datetime
) -> tuple[Account, Session] | None:
    """Whose token has that SHA-256, while its session is good; None for any other.

    Notes that it was used, unless that was noted a moment ago.
    """
    row = await database.fetch_one(statements("accounts")["account_by_session"], digest, now)
    if row is None:
        return None
    if now - row["last_seen_at"] > SEEN_TO:
        await database.fetch(statements("accounts")["touch_session"], row["session_id"], now)
    return read_account(row), read_session(row)


def read_account(row: asyncpg.Record) -> Account:
    """The account in a row of any statement that reads accounts."""
    return Account(
        id=row["id"],
        email=row["email"],
        created_at=row["created_at"],
        kind=ViewerKind(row["viewer_kind"]),
        assignment=Assignment(
            plan_key=row["plan_key"], plan_version=row["plan_version"], number=row["assignment"]
        ),
        plan_ends_at=row["ends_at"],
    )


def read_session(row: asyncpg.Record) -> Session:
    """The session in a row of any statement that reads sessions."""
    return Session(
        id=row["session_id"],
        account_id=row["account_id"],
        client=ClientClass(row["client"]),
        created_at=row["began_at"],
        last_seen_at=row["last_seen_at"],
        expires_at=row["expires_at"],
    )
