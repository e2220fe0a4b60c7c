"""Who works for the site: accounts put on the plan of staff, and taken off it."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from db.assignments import assign_next, lock_account
from db.pool import Database
from db.queries import statements
from schema.acts import SYSTEM
from schema.people import ViewerKind

STAFF_PLAN = "staff"


@dataclass(frozen=True, slots=True)
class NewStaff:
    """An account of the staff, as it became one."""

    account_id: str
    number: int | None
    """Of the assignment that made it one; None when it was one before."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A link that sets a password, as it is kept."""

    digest: bytes
    """SHA-256 of its token."""
    expires_at: datetime
    """When it ends, UTC."""


async def make_staff(
    database: Database, new_id: str, email: str, address: str, reason: str, reset: Reset
) -> NewStaff:
    """Put the account of an address on the plan of staff, made now under `new_id` when there is
    none, and let the link of `reset` alone set its password.

    Whoever becomes staff has to log in again: a session that was stolen before gains nothing.
    """
    async with database.connection() as connection, connection.transaction():
        made = await _made_staff(connection, new_id, email, address, reason)
        if made.number is not None:
            await _run(connection, "end_sessions", made.account_id)
        await _run(connection, "drop_resets", made.account_id)
        await _run(connection, "add_reset", reset.digest, made.account_id, reset.expires_at)
    return made


async def dismiss_staff(database: Database, address: str, reason: str) -> NewStaff | None:
    """Put an account of the staff on its free plan and end its sessions and links; None, and
    nothing done, when the address has no such account."""
    async with database.connection() as connection, connection.transaction():
        found = await _found(connection, address)
        if found is None or found[1] is not ViewerKind.STAFF:
            return None
        number = await _assigned(connection, found[0], None, reason)
        await _run(connection, "end_sessions", found[0])
        await _run(connection, "drop_resets", found[0])
    return NewStaff(found[0], number)


async def _made_staff(
    connection: "asyncpg.Connection[asyncpg.Record]",
    new_id: str,
    email: str,
    address: str,
    reason: str,
) -> NewStaff:
    named = statements("staff")
    if await connection.fetchval(named["add_account"], new_id, email, address):
        await _run(connection, "first_assignment", new_id, STAFF_PLAN, SYSTEM, reason)
        return NewStaff(new_id, 0)
    found = await _found(connection, address)
    assert found is not None, "an account of the address was in the way"
    if found[1] is ViewerKind.STAFF:
        return NewStaff(found[0], None)
    return NewStaff(found[0], await _assigned(connection, found[0], STAFF_PLAN, reason))


async def _found(
    connection: "asyncpg.Connection[asyncpg.Record]", address: str
) -> tuple[str, ViewerKind] | None:
    """The account of an address, held until the transaction ends, and the kind that it is."""
    named = statements("staff")
    held = await connection.fetchval(named["hold_account_of_address"], address)
    if held is None:
        return None
    row = await connection.fetchrow(named["account_of_address"], address)
    assert row is not None, "the account is held"
    return row["id"], ViewerKind(row["viewer_kind"])


async def _assigned(
    connection: "asyncpg.Connection[asyncpg.Record]",
    account_id: str,
    plan_key: str | None,
    reason: str,
) -> int:
    number = await lock_account(connection, account_id)
    assert number is not None, "the account is held"
    made = await assign_next(connection, account_id, number, plan_key, None, SYSTEM, reason)
    assert made is not None, "the plans of staff and of readers are seeded"
    return made.number


async def _run(
    connection: "asyncpg.Connection[asyncpg.Record]", name: str, *arguments: object
) -> None:
    await connection.execute(statements("staff")[name], *arguments)
