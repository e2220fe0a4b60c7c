"""Messages of the payment service: each is kept, and does its work, once."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from db.assignments import assign_next, lock_account
from db.pool import Database
from db.queries import statements
from schema.people import ViewerKind
from schema.subscriptions import SubscriptionOutcome as Outcome


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and what it asks for."""

    id: str
    digest: bytes
    """SHA-256 of its body."""
    account_id: str
    occurred_at: datetime
    """UTC."""
    plan_key: str | None
    """The plan that the account goes to; None for its free plan."""
    ends_at: datetime | None
    """When the free plan takes its place, UTC; None for never."""
    instead_of: str | None
    """The plan that the account has to be on; None for any."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was made of a message."""

    outcome: Outcome
    number: int | None = None
    """Of the assignment that it made; None unless APPLIED."""


async def known_message(database: Database, id: str, digest: bytes) -> Outcome | None:
    """REPLAYED or CHANGED for a message that came before; None for a new one."""
    row = await database.fetch_one(statements("webhooks")["message"], id)
    return None if row is None else _again(row["input"], digest)


async def take_message(database: Database, message: Message, *, actor: str, reason: str) -> Taken:
    """Keep a message and do what it asks for, both or neither."""
    named = statements("webhooks")
    async with database.connection() as connection, connection.transaction():
        # The account before the message: two messages of one account would else wait for each
        # other, each with a key of the account that the other wants whole.
        number = await lock_account(connection, message.account_id)
        if number is None:
            return Taken(Outcome.UNKNOWN_ACCOUNT)
        kept = await connection.fetchval(
            named["keep_message"],
            *(message.id, message.digest, message.account_id, message.occurred_at),
        )
        if kept is None:
            before: bytes = await connection.fetchval(named["message"], message.id)
            return Taken(_again(before, message.digest))
        ignored = await _why_ignored(connection, message)
        if ignored is not None:
            return Taken(ignored)
        made = await assign_next(
            *(connection, message.account_id, number, message.plan_key, message.ends_at),
            *(actor, reason),
        )
        assert made is not None, "plans are never deleted"
    return Taken(Outcome.APPLIED, made.number)


async def _why_ignored(
    connection: "asyncpg.Connection[asyncpg.Record]", message: Message
) -> Outcome | None:
    named = statements("webhooks")
    latest = await connection.fetchval(named["latest_of_others"], message.account_id, message.id)
    if latest is not None and message.occurred_at < latest:
        return Outcome.OLDER
    now_on = await connection.fetchrow(named["plan_in_force"], message.account_id)
    assert now_on is not None, "the account is held"
    if now_on["viewer_kind"] == ViewerKind.STAFF:
        return Outcome.STAFF
    if message.instead_of not in (None, now_on["plan_key"]):
        return Outcome.ON_ANOTHER_PLAN
    return None


def _again(before: bytes, digest: bytes) -> Outcome:
    return Outcome.REPLAYED if before == digest else Outcome.CHANGED
