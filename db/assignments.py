"""Which plan an account is on: changed here, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from db.pool import Database
from db.queries import statements
from schema.people import Assignment, ViewerKind


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment that a request made."""

    assignment: Assignment
    is_replayed: bool
    """Whether the same request had made it before."""


@dataclass(frozen=True, slots=True)
class Untold:
    """An assignment that the ledger has to be told of."""

    account_id: str
    assignment: Assignment
    viewer_kind: ViewerKind
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class PastAssignment:
    """One line of an account's history."""

    assignment: Assignment
    ends_at: datetime | None
    """When the free plan takes its place, UTC; None for never."""
    actor: str
    """Id of the user who moved the account, or SYSTEM."""
    reason: str
    made_at: datetime
    """UTC."""


async def assign(
    database: Database,
    account_id: str,
    plan_key: str | None,
    *,
    ends_at: datetime | None,
    actor: str,
    reason: str,
    instead_of: int | None = None,
) -> Assignment | None:
    """Put an account on the newest version of a plan, at once and until `ends_at`; without a plan
    on its free one, which is the one it began on.

    With `instead_of` only while that assignment is in force, so that two who notice its end make
    one change. None when nothing was changed: no such account or plan, or another assignment is
    in force.
    """
    async with database.connection() as connection, connection.transaction():
        number = await lock_account(connection, account_id)
        if number is None or instead_of not in (None, number):
            return None
        return await assign_next(connection, account_id, number, plan_key, ends_at, actor, reason)


async def assign_once(
    database: Database,
    account_id: str,
    plan_key: str,
    *,
    ends_at: datetime | None,
    actor: str,
    reason: str,
    request: str,
) -> Assigned | None:
    """As `assign`, once a request: the same one again is answered what it did."""
    named = statements("assignments")
    async with database.connection() as connection, connection.transaction():
        number = await lock_account(connection, account_id)
        if number is None:
            return None
        before = await connection.fetchrow(named["assignment_of_request"], request)
        if before is not None:
            return Assigned(_assignment(before), is_replayed=True)
        made = await assign_next(connection, account_id, number, plan_key, ends_at, actor, reason)
        if made is None:
            return None
        await connection.execute(named["name_assignment"], account_id, made.number, request)
    return Assigned(made, is_replayed=False)


async def lock_account(
    connection: "asyncpg.Connection[asyncpg.Record]", account_id: str
) -> int | None:
    """The number of the assignment in force, which nobody else changes before the transaction
    ends; None for an unknown account."""
    number: int | None = await connection.fetchval(
        statements("assignments")["lock_account"], account_id
    )
    return number


async def assign_next(
    connection: "asyncpg.Connection[asyncpg.Record]",
    account_id: str,
    number: int,
    plan_key: str | None,
    ends_at: datetime | None,
    actor: str,
    reason: str,
) -> Assignment | None:
    """Put a locked account, whose assignment has that number, on a plan, without one on its free
    plan; None for an unknown plan."""
    named = statements("assignments")
    row = await connection.fetchrow(
        named["assign"], account_id, number + 1, plan_key, ends_at, actor, reason, None
    )
    if row is None:
        return None
    await connection.execute(named["set_assignment"], account_id, number + 1)
    return _assignment(row)


async def plan_history(database: Database, account_id: str) -> list[PastAssignment]:
    """Every assignment of an account, newest first."""
    rows = await database.fetch(statements("assignments")["plan_history"], account_id)
    return [
        PastAssignment(
            _assignment(row), row["ends_at"], row["actor"], row["reason"], row["made_at"]
        )
        for row in rows
    ]


async def untold(database: Database, account_id: str, number: int) -> Untold | None:
    """That assignment, if the ledger has to be told of it."""
    row = await database.fetch_one(
        statements("assignments")["assignment_to_tell"], account_id, number
    )
    return None if row is None else _untold(row)


async def all_untold(database: Database, before: datetime, most: int) -> Sequence[Untold]:
    """Assignments made before an instant that the ledger has to be told of, oldest first."""
    rows = await database.fetch(statements("assignments")["unfenced"], before, most)
    return [_untold(row) for row in rows]


async def note_told(database: Database, account_id: str, number: int, at: datetime) -> None:
    """Note that the ledger knows an assignment."""
    await database.fetch(statements("assignments")["note_fenced"], account_id, number, at)


def _assignment(row: asyncpg.Record) -> Assignment:
    return Assignment(
        plan_key=row["plan_key"], plan_version=row["plan_version"], number=row["number"]
    )


def _untold(row: asyncpg.Record) -> Untold:
    return Untold(
        row["account_id"],
        _assignment(row),
        ViewerKind(row["viewer_kind"]),
        row["actor"],
        row["reason"],
    )
