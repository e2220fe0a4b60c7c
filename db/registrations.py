"""Registrations: what was asked for, and the account that proving an address makes of it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from db.mail import post
from db.pool import Database
from db.queries import statements
from db.sessions import NewSession, keep_session
from schema.acts import SYSTEM
from schema.mail import Letter
from schema.people import Viewer

REGISTRATIONS_TRIED = 3
"""Registrations of one address against which a code is tried, the newest: whoever registers an
address again and again does not come by more chances to guess."""


@dataclass(frozen=True, slots=True)
class Registration:
    """An account somebody asked for."""

    id: str
    """22 URL-safe characters; the same request has the same."""
    email: str
    address: str
    """The e-mail in its one form: whose account it will be."""
    password_hash: str
    code_digest: bytes
    """Keyed digest of the code that was mailed."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What becomes of an address that had an account before."""

    digest: bytes
    """Keyed digest of the address, which stays of it."""
    plan_key: str


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The account that a proven registration becomes."""

    id: str
    plan_key: str
    at: datetime
    """Now, UTC."""
    returned: Returned | None = None
    """None asks nothing of what was before."""


@dataclass(frozen=True, slots=True)
class NetworkBudget:
    """How many accounts the network of whoever proves an address may make in a day."""

    network: str
    """Its pseudonym, 22 characters."""
    day: date
    accounts: int


class AddressTaken(Exception):  # an answer, not an error
    """The address has an account already."""


class BudgetSpent(Exception):  # an answer, not an error
    """The network has made as many accounts today as it may."""


async def keep_registration(
    database: Database,
    asked: Registration,
    *,
    link_digest: bytes,
    expires_at: datetime,
    letter: Letter,
) -> bool:
    """Keep what was asked for, and post its letter; False when the same request was kept before,
    and nothing more is posted."""
    async with database.connection() as connection, connection.transaction():
        kept = await connection.fetchval(
            statements("registrations")["keep_registration"],
            *(asked.id, asked.email, asked.address, asked.password_hash),
            *(link_digest, asked.code_digest, expires_at),
        )
        if kept is not None:
            await post(connection, letter)
    return kept is not None


async def kept_until(database: Database, id: str) -> datetime | None:
    """When a registration ends; None when there is none of that id."""
    row = await database.fetch_one(statements("registrations")["kept_until"], id)
    return None if row is None else row["expires_at"]


async def registration_by_link(
    database: Database, digest: bytes, now: datetime
) -> Registration | None:
    """What whoever got that link asked for; None when it is over, used or unknown."""
    named = statements("registrations")["registration_by_link"]
    row = await database.fetch_one(named, digest, now)
    return None if row is None else _registration(row)


async def registrations_of_address(
    database: Database, address: str, now: datetime
) -> list[Registration]:
    """What was asked for with an address and is not over, newest first, at most
    REGISTRATIONS_TRIED."""
    named = statements("registrations")["registrations_of_address"]
    rows = await database.fetch(named, address, now, REGISTRATIONS_TRIED)
    return [_registration(row) for row in rows]


async def make_account(
    database: Database,
    proven: Registration,
    account: NewAccount,
    session: NewSession,
    *,
    budget: NetworkBudget | None,
    guest: Viewer | None,
) -> None:
    """Make the account of a proven registration, logged in, all or nothing.

    `guest` is whom it takes over, noted for metering/carryover.py. Raises AddressTaken when the
    address has an account already, and BudgetSpent; `budget` None counts nothing.
    """
    named = statements("registrations")
    async with database.connection() as connection, connection.transaction():
        if budget is not None:
            counted = await connection.fetchval(
                named["admit_account"], budget.network, budget.day, budget.accounts
            )
            if counted is None:
                raise BudgetSpent
        made = await connection.fetchval(
            named["make_account"],
            *(account.id, proven.email, proven.address, proven.password_hash, account.at),
        )
        if made is None:
            raise AddressTaken
        # Not before the address is taken: its account may be deleted meanwhile.
        plan_key = await _plan_of(connection, account)
        await connection.fetch(
            statements("assignments")["assign"],
            *(account.id, 0, plan_key, None, SYSTEM, "registered", account.at),
        )
        await keep_session(connection, session)
        if guest is not None:
            await connection.execute(
                statements("carried")["keep_guest"], account.id, guest.id, guest.shard, account.at
            )
        await connection.execute(named["forget_registrations"], proven.address)


async def _plan_of(connection: "asyncpg.Connection[asyncpg.Record]", account: NewAccount) -> str:
    returned = account.returned
    if returned is None:
        return account.plan_key
    named = statements("registrations")["was_deleted"]
    was_deleted = await connection.fetchval(named, returned.digest) is not None
    return returned.plan_key if was_deleted else account.plan_key


async def forget_expired(database: Database, now: datetime) -> None:
    """Forget registrations, reset tokens, sessions and counts of networks that are over."""
    named = statements("registrations")
    await database.fetch(named["forget_expired_registrations"], now)
    await database.fetch(named["forget_expired_resets"], now)
    await database.fetch(named["forget_network_accounts"], now.date() - timedelta(days=1))
    await database.fetch(statements("sessions")["forget_expired_sessions"], now)


def _registration(row: asyncpg.Record) -> Registration:
    return Registration(
        id=row["id"],
        email=row["email"],
        address=row["address"],
        password_hash=row["password_hash"],
        code_digest=row["code_digest"],
    )
