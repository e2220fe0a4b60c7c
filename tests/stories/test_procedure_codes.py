"""Loading HCPCS and CPT by command, and saying whom a licence covers."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from db.embedded import StoreUrls
from db.load.hcpcs import HcpcsRow
from db.pool import Database
from tests.official.cpt import tabbed
from tests.official.hcpcs_anweb import anweb
from tests.stories.conftest import run_codestile

ROWS = [
    HcpcsRow("Z1", is_modifier=True, title="Invented circumstance", short_title=""),
    HcpcsRow("Z0001", is_modifier=False, title="Invented supply", short_title=""),
    HcpcsRow(
        "Z0002", is_modifier=False, title="Old supply", short_title="", last_day=date(2020, 12, 31)
    ),
]
EDITION = ("--release", "2026-JAN", "--effective", "2026-01-01")


@pytest.fixture
def run(database_url: str, redis_url: str) -> Callable[..., Any]:
    """Runs a command of the console script on stores of the test's own."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        return await run_codestile(StoreUrls(database_url, redis_url), *arguments)

    return command


async def test_hcpcs_is_loaded_after_a_trial(
    run: Callable[..., Any], database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "HCPC2026_JAN_ANWEB.txt"
    file.write_bytes(anweb(ROWS))

    code, tried, errors = await run("load", "hcpcs", str(file), *EDITION, "--dry-run")
    kept = await database.fetch("SELECT 1 FROM code")
    done = await run("load", "hcpcs", str(file), *EDITION)

    assert (code, errors, kept) == (0, "", [])
    assert "HCPCS 2026-JAN" in tried
    assert "2 added in " in tried
    assert tried.endswith("nothing of it was kept: this was a dry run\n")
    assert (done[0], done[2]) == (0, "")
    assert len(await database.fetch("SELECT 1 FROM code_version")) == 3


async def test_a_refused_file_is_told_with_its_line_and_keeps_nothing(
    run: Callable[..., Any], database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "HCPC2026_JAN_ANWEB.txt"
    file.write_bytes(anweb([*ROWS, ROWS[-1]]))

    code, output, errors = await run("load", "hcpcs", str(file), *EDITION)

    assert (code, output) == (1, "")
    assert errors == "codestile: HCPC2026_JAN_ANWEB.txt:8:1: Z0002 comes twice\n"
    assert await database.fetch("SELECT 1 FROM code") == []


async def test_cpt_is_loaded_under_a_licence_that_is_recorded_with_its_plans(
    run: Callable[..., Any], database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "LONGULT.txt"
    file.write_bytes(tabbed({"0000X": "invented text 1"}))
    edition = ("--release", "2026", "--effective", "2026-01-01")
    of_license = ("--holder", "A clinic", "--from", "2026-01-01", "--plan", "subscriber")

    unnamed = await run("load", "cpt", str(file), *edition)
    odd = await run("load", "cpt", str(file), *edition, "--i-hold-an-ama-license", "no such id")
    loaded = await run("load", "cpt", str(file), *edition, "--i-hold-an-ama-license", "AMA-1")
    nobody = await run("license", "list")
    wrong = await run("license", "record", "AMA-1", *of_license, "--plan", "gold")
    recorded = await run("license", "record", "AMA-1", *of_license, "--until", "2026-12-31")

    assert unnamed[0] == 2
    assert odd == (
        1,
        "",
        "codestile: a licence is named by 1 to 64 letters, digits and . _ / -\n",
    )
    assert (loaded[0], loaded[2]) == (0, "")
    assert nobody == (0, "no licence is recorded\n", "")
    assert (wrong[0], wrong[1]) == (1, "")
    assert wrong[2].startswith("codestile: there is no plan 'gold'; there are guest, partner, ")
    told = "AMA-1: CPT of A clinic, from 2026-01-01 until 2026-12-31, for the plans subscriber\n"
    assert recorded == (0, told, "")
    assert await run("license", "list") == (0, told, "")
    for output in (*loaded[1:], *recorded[1:]):
        assert "invented text" not in output
