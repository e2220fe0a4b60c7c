"""The commands that load edits and fees, as an operator runs them."""

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from db.embedded import StoreUrls
from db.load.add_on import AddOnRow
from db.load.mue import UnitRow
from db.pool import Database
from schema.edits import UnitSetting
from tests.official import add_on as add_on_file
from tests.official import gpci as gpci_file
from tests.official import mue as mue_file
from tests.official import ncci as ncci_file
from tests.official import pprrvu as pprrvu_file
from tests.official.ncci import rule
from tests.official.pprrvu import value_row
from tests.official.test_edits_and_fees import PLACES
from tests.stories.conftest import run_codestile

SINCE = date(2020, 1, 1)
EDITION = ("--release", "2026Q4", "--effective", "2026-10-01")
PTP = ("ncci-ptp", "--setting", "practitioner")
FILES = {
    "ccipra-v324r0-f1.txt": ncci_file.part([rule("12001/12002", SINCE)]),
    "MCR_MUE_P.csv": mue_file.table(
        UnitSetting.PRACTITIONER, [UnitRow("12001", 1, 2, "An invented policy")]
    ),
    "AOC_V2026Q4-MCR.xlsx": add_on_file.as_workbook([AddOnRow("12002", "12001", 1, SINCE, None)]),
    "PPRRVU2026_Oct.csv": pprrvu_file.comma_separated([value_row("12001")]),
    "GPCI2026.csv": gpci_file.indices(PLACES),
}

Command = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def load(database_url: str, redis_url: str) -> Command:
    """Runs `codestile load` on a database of the test's own."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        return await run_codestile(StoreUrls(database_url, redis_url), "load", *arguments)

    return command


@pytest.fixture
def at(tmp_path: Path) -> dict[str, str]:
    """Where each generated file is."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in FILES}


async def test_each_format_has_a_command(
    load: Command, database: Database, at: dict[str, str]
) -> None:
    pairs, units, add_ons, values, indices = at.values()

    told = [
        await load(*PTP, pairs, *EDITION),
        await load("mue", units, *EDITION),
        await load("add-on", add_ons, *EDITION),
        await load("rvu", values, indices, "--release", "2026-OCT", "--effective", "2026-10-01"),
    ]

    assert [(code, errors) for code, _, errors in told] == [(0, "")] * 4
    assert all("1 added" in output for _, output, _ in told)
    releases = await database.fetch("SELECT kind, label, row_count FROM fact_release ORDER BY id")
    assert [tuple(row) for row in releases] == [
        ("NCCI_PTP_PRACTITIONER", "2026Q4", 1),
        ("MUE_PRACTITIONER", "2026Q4", 1),
        ("ADD_ON", "2026Q4", 1),
        ("PHYSICIAN_FEE_SCHEDULE", "2026-OCT", 1),
    ]


async def test_a_dry_run_tells_what_would_change_and_keeps_nothing(
    load: Command, database: Database, at: dict[str, str]
) -> None:
    code, output, _ = await load(*PTP, at["ccipra-v324r0-f1.txt"], *EDITION, "--dry-run")

    assert code == 0
    assert "1 added, 2 unresolved" in output
    assert "nothing of it was kept: this was a dry run" in output
    assert await database.fetch("SELECT id FROM fact_release") == []


async def test_a_file_of_another_format_is_refused_in_a_sentence(
    load: Command, database: Database, at: dict[str, str]
) -> None:
    code, output, errors = await load("mue", at["GPCI2026.csv"], *EDITION)

    assert (code, output) == (1, "")
    assert errors == (
        "codestile: GPCI2026.csv: has no heading HCPCS/CPT Code, … MUE Values: "
        "it is no table of unit limits\n"
    )
    assert await database.fetch("SELECT id FROM fact_release") == []


async def test_unseen_layouts_are_called_experimental(load: Command) -> None:
    _, output, _ = await load("--help")

    told = output.split("Load ")[1:]
    assert ["experimental" in one for one in told].count(True) == 4
