"""Which plan an account is on: changed here, and nowhere else."""

from datetime import datetime

from db.pool import Database
from db.queries import statements
from schema.people import Assignment


async def assign(
    database: Database,
    account_id: str,
    plan_key: str,
    *,
    ends_at: datetime | None,
    actor: str,
    reason: str,
    instead_of: int | None = None,
) -> Assignment | None:
    """Put an account on the newest version of a plan, at once and until `ends_at`.

    With `instead_of` only while that assignment is in force, so that two who notice its end make
    one change. None when nothing was changed: no such account or plan, or another assignment is
    in force.
    """
    named = statements("assignments")
    async with database.connection() as connection, connection.transaction():
        number = await connection.fetchval(named["lock_account"], account_id)
        if number is None or instead_of not in (None, number):
            return None
        row = await connection.fetchrow(
            named["assign"], account_id, number + 1, plan_key, ends_at, actor, reason, None
        )
        if row is None:
            return None
        await connection.execute(named["set_assignment"], account_id, number + 1)
    return Assignment(
        plan_key=row["plan_key"], plan_version=row["plan_version"], number=row["number"]
    )
