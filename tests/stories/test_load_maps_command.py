"""The commands that load maps, as an operator runs them."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.official.conversion import in_csv
from tests.official.gem import text

SINCE_2014 = ("--release", "GEM-FY2014", "--effective", "2013-10-01", "--dry-run")


async def test_a_trial_of_a_mapping_prints_its_difference_and_keeps_nothing(
    codestile: Callable[..., Any], catalogue: Any, tmp_path: Path
) -> None:
    path = tmp_path / "2014_I9gem.txt"
    path.write_bytes(text("GEM_I9_I10", [("5762", "K831", "00000"), ("0010", "A009", "10000")]))

    code, output, errors = await codestile("load", "gem", str(path), *SINCE_2014)

    assert (code, errors) == (0, "")
    assert "GEM_I9_I10 GEM-FY2014     2  1 added, 23,911 removed in" in output
    assert "nothing of it was kept: this was a dry run" in output
    kept = await catalogue.fetch("SELECT label FROM map_release WHERE kind = 'GEM_I9_I10'")
    assert [row["label"] for row in kept] == ["GEM-FY2013"]


async def test_a_damaged_mapping_is_refused_with_its_place(
    codestile: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "gem.txt"
    path.write_bytes(b"0010  A000    00000\n0011  A001    11000\n")

    code, output, errors = await codestile("load", "gem", str(path), *SINCE_2014)

    assert (code, output) == (1, "")
    assert errors == "codestile: gem.txt:2:15: says no map and names a target\n"


async def test_a_mapping_that_nobody_knows_is_refused(
    codestile: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "gem.txt"
    path.write_bytes(b"0010  A000    00000\n")

    code, _, errors = await codestile("load", "gem", str(path), *SINCE_2014, "--map", "GEM")

    assert code == 2
    assert "GEM is none of GEM_I9_I10, GEM_I10_I9" in errors


@pytest.mark.parametrize("name", ["conversion.csv", "conversion.zip"])
async def test_a_trial_of_a_conversion_table_prints_what_it_would_add(
    codestile: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    content = in_csv([("A04.71", 2017, "A04.7"), ("H36.811", 2023, "H35.20-H35.23")])
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("FY2026 conversion table.csv", content)
    else:
        path.write_bytes(content)
    edition = ("--release", "FY2026", "--effective", "2025-10-01", "--dry-run")

    code, output, errors = await codestile("load", "conversion", str(path), *edition)

    assert (code, errors) == (0, "")
    assert "PREVIOUSLY_CODED_AS FY2026" in " ".join(output.split())
    assert "5 added" in output
