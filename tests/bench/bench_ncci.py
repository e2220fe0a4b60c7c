"""How long a quarter of pair edits takes to load: 1.7 million generated ones in the real layout."""

import resource
import time
from datetime import date
from itertools import islice, product
from pathlib import Path

import pytest

from db.load.edits import pair_step
from db.load.rows import PairRow
from db.load.transaction import load
from db.pool import open_database
from schema.edits import EditSetting
from tests.official.ncci import DEFINITION, MISUSE, lines

PAIRS, PARTS = 1_700_000, 4
LIMIT_SECONDS = 60.0
STARTS = date(2026, 10, 1)
_SINCE = [date(1996 + year, 1 + 3 * quarter, 1) for year in range(30) for quarter in range(4)]


def _rows(part: int) -> "islice[PairRow]":
    """A part's share of the pairs: each of some thousand codes with many of all others."""
    ones = [f"{number:05}" for number in range(10_000 + part, 100_000, 16 * PARTS)]
    twos = [f"{number:05}" for number in range(10_000, 100_000, 71)]
    pairs = enumerate(product(ones, twos))
    made = (
        PairRow(
            *pair,
            _SINCE[number % 120],
            _SINCE[number * 7 % 120] if number % 3 == 0 else None,
            9 if number % 50 == 0 else number % 2,
            MISUSE if number % 4 else DEFINITION,
        )
        for number, pair in pairs
    )
    return islice(made, PAIRS // PARTS)


@pytest.mark.bench
async def test_a_quarter_of_pair_edits_loads_in_a_minute(database_url: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"ccipra-v324r0-f{part}.TXT" for part in range(1, PARTS + 1)]
    for part, path in enumerate(paths):
        with path.open("wb") as file:
            file.writelines(lines(_rows(part)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()

    step = pair_step(paths, EditSetting.PRACTITIONER, "2026Q4", STARTS)
    (report,) = await load(database_url, [step])

    seconds = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    size = sum(path.stat().st_size for path in paths) // 2**20
    async with open_database(database_url) as database:
        (kept,) = await database.fetch("SELECT pg_total_relation_size('pair_edit') / 2^20")
    print(
        f"{report.rows:,} pairs, {size} MB: {seconds:.1f} s, {grown} MB more, {kept[0]:.0f} MB kept"
    )
    assert report.rows == PAIRS
    assert seconds <= LIMIT_SECONDS
