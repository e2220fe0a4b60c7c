"""What is read of edits is found by an index where there are many of them."""

import json
import re
from collections.abc import AsyncIterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from db.embedded import StoreUrls
from db.load.edits import pair_step
from db.load.rows import PairRow
from db.load.transaction import load
from db.queries import statements
from schema.edits import EditSetting
from tests.conftest import _copied
from tests.official.ncci import MISUSE, part

READS = [
    *(("edits", name) for name in statements("edits")),
    ("pages", "pages_by_ref"),
]


@pytest.fixture(scope="module")
async def planner(
    stores: StoreUrls, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to a database with 40,000 pairs, that plans without looking at arguments."""
    codes = [f"{number}" for number in range(10_000, 10_200)]
    rows = [
        PairRow(one, two, date(2020, 1, 1), None, 1, MISUSE) for one, two in product(codes, codes)
    ]
    path = tmp_path_factory.mktemp("pairs") / "ccipra-v324r0-f1.txt"
    path.write_bytes(part(rows))
    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        step = pair_step([Path(path)], EditSetting.PRACTITIONER, "2026Q4", date(2026, 10, 1))
        await load(url, [step])
        connection = await asyncpg.connect(url)
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        yield connection
        await connection.close()


@pytest.mark.parametrize(("topic", "name"), READS)
async def test_a_read_of_edits_never_scans_them(
    planner: "asyncpg.Connection[asyncpg.Record]", topic: str, name: str
) -> None:
    statement = statements(topic)[name]
    nulls = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement))))

    await planner.execute(f"PREPARE {topic}_{name} AS {statement}")
    rows = await planner.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE {topic}_{name}({nulls})")

    plan = json.loads(rows[0][0])[0]["Plan"]
    assert "pair_edit" not in _scanned(plan)
    reaches = name in ("pair_checks", "pair_edits", "pages_by_ref")
    assert reaches == any(index.startswith("pair_edit_") for index in _indexes(plan))


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]


def _scanned(plan: dict[str, Any]) -> set[str]:
    return {node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"}


def _indexes(plan: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in _nodes(plan) if "Index Name" in node}
