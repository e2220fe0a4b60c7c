"""Plans and the keys of network pseudonyms, read from PostgreSQL."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from db.pool import Database
from db.queries import statements
from schema.pages import SectionKind
from schema.people import Assignment, ViewerKind
from schema.plans import Plan, PlanTerms, WindowKind


async def plan_versions(database: Database) -> dict[tuple[str, int], Plan]:
    """Every version of every plan, by (key, version); newest first within a key."""
    rows = await database.fetch(statements("plans")["plan_versions"])
    return {(row["key"], row["version"]): _plan(row) for row in rows}


def _plan(row: asyncpg.Record) -> Plan:
    return Plan(
        key=row["key"],
        version=row["version"],
        page_view_limit=row["page_view_limit"],
        window=WindowKind(row["window_kind"]),
        time_zone=row["time_zone"],
        rolling_days=row["rolling_days"],
        open_sections=frozenset(SectionKind(name) for name in row["open_sections"]),
        can_list_crosswalks=row["can_list_crosswalks"],
        viewer_kind=ViewerKind(row["viewer_kind"]),
        points_capacity=row["points_capacity"],
        points_per_second=row["points_per_second"],
    )


@dataclass(frozen=True, slots=True)
class WrittenPlan:
    """A version that stands in the table."""

    plan: Plan
    is_replayed: bool
    """Whether the same request had written it before."""


async def write_plan_version(
    database: Database, terms: PlanTerms, *, actor: str, reason: str, request: str
) -> WrittenPlan | ViewerKind:
    """Write the next version of a plan, or the first of a new one; a request writes one.

    The kind of viewer that the plan makes, when the terms name another: nothing is written then.
    """
    named = statements("plans")
    async with database.connection() as connection, connection.transaction():
        await connection.execute(named["hold_plans"])
        before = await connection.fetchrow(named["plan_of_request"], request)
        if before is not None:
            return WrittenPlan(_plan(before), is_replayed=True)
        kind = await connection.fetchval(named["kind_of_plan"], terms.key)
        if kind is not None and kind != terms.viewer_kind:
            return ViewerKind(kind)
        row = await connection.fetchrow(
            named["add_plan_version"],
            *(terms.key, terms.page_view_limit, terms.window, terms.time_zone, terms.rolling_days),
            [kind for kind in SectionKind if kind in terms.open_sections],
            *(terms.can_list_crosswalks, terms.viewer_kind),
            *(terms.points_capacity, terms.points_per_second, actor, reason, request),
        )
        assert row is not None, "the statement always returns a row"
    return WrittenPlan(_plan(row), is_replayed=False)


class PlanBook:
    """Every version of every plan, kept in memory; versions never change once written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = asyncio.Lock()
        self._versions: Mapping[tuple[str, int], Plan] = {}
        self.newest: Mapping[str, Plan] = {}
        """The newest version of each plan by key, as of the last reading."""

    async def read(self) -> None:
        """Read the plans, again when the ledger has seen a newer one than this process."""
        async with self._reading:
            self._versions = await plan_versions(self._database)
        newest: dict[str, Plan] = {}
        for plan in self._versions.values():
            newest.setdefault(plan.key, plan)
        self.newest = newest

    async def newest_of(self, key: str) -> Plan | None:
        """The newest version of a plan; read again when there is no such plan yet."""
        if key not in self.newest:
            await self.read()
        return self.newest.get(key)

    async def plan_of(self, assignment: Assignment) -> Plan:
        """The plan a viewer is on; read again from the database when it is not known yet.

        Raises LookupError when no such version was ever written.
        """
        wanted = (assignment.plan_key, assignment.plan_version)
        if wanted not in self._versions:
            await self.read()
        try:
            return self._versions[wanted]
        except KeyError:
            raise LookupError(f"plan {wanted[0]!r} has no version {wanted[1]}") from None


async def network_key(database: Database, period: int, period_ms: int) -> bytes:
    """The 32 bytes that hash network addresses in an admission period, made on first use."""
    await forget_network_keys(database, period, period_ms)
    named = statements("plans")
    async with database.connection() as connection:
        await connection.execute(named["keep_network_key"], period, secrets.token_bytes(32))
        key: bytes = await connection.fetchval(named["network_key"], period)
    return key


async def forget_network_keys(database: Database, period: int, period_ms: int) -> None:
    """Delete the keys of periods that are over in period `period`: their pseudonyms can then
    never be made again, not even by us."""
    await database.fetch(statements("plans")["forget_network_keys"], period, period_ms)
