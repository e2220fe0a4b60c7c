"""Every named statement prepares against the migrated schema and finds its rows by an index."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from db.pool import Database
from db.queries import statements, topics

ALL = [(topic, name) for topic in topics() for name in statements(topic)]
# A load reads and writes whole systems: scanning them is what it is for.
READS = [(topic, name) for topic, name in ALL if not topic.endswith("load")]
LARGE = {"code", "code_version", "code_note", "edge", "group_member", "note_reference"}


@pytest.mark.parametrize(("topic", "name"), ALL)
async def test_a_statement_prepares(catalogue: Database, topic: str, name: str) -> None:
    async with catalogue.connection() as connection:
        prepared = await connection.prepare(statements(topic)[name])
        columns = [attribute.name for attribute in prepared.get_attributes()]

    assert len(columns) == len(set(columns))


@pytest.mark.parametrize(("topic", "name"), ALL)
def test_a_statement_says_what_it_returns_and_what_it_takes(topic: str, name: str) -> None:
    statement = statements(topic)[name]
    comment = "\n".join(line for line in statement.splitlines() if line.startswith("--"))
    body = statement.replace(comment, "")

    assert comment
    assert set(re.findall(r"\$\d+", comment)) == set(re.findall(r"\$\d+", body))
    assert not re.search(r"SELECT\s+\*|\b\w\.\*", body)


@pytest.fixture
async def planner(catalogue_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that plans every statement without looking at its arguments."""
    connection = await asyncpg.connect(catalogue_url)
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    yield connection
    await connection.close()


@pytest.mark.parametrize(("topic", "name"), READS)
async def test_a_read_never_scans_a_large_table(
    planner: "asyncpg.Connection[asyncpg.Record]", topic: str, name: str
) -> None:
    statement = statements(topic)[name]
    arguments = len(set(re.findall(r"\$\d+", statement)))
    nulls = f"({', '.join(['NULL'] * arguments)})" if arguments else ""

    await planner.execute(f"PREPARE asked AS {statement}")
    rows = await planner.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE asked{nulls}")

    assert _scanned(json.loads(rows[0][0])[0]["Plan"]) & LARGE == set()


def _scanned(plan: dict[str, Any]) -> set[str]:
    below = [_scanned(child) for child in plan.get("Plans", [])]
    own = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return own.union(*below)
