"""How long the whole default load takes on a fresh database."""

import time

import pytest

from db.load import load_default

LIMIT_SECONDS = 20.0


@pytest.mark.bench
async def test_the_default_load_takes_at_most_twenty_seconds(database_url: str) -> None:
    started = time.perf_counter()

    reports = await load_default(database_url)

    seconds = time.perf_counter() - started
    for report in reports:
        print(f"{report.release:24} {report.rows:7,} rows {report.seconds:6.2f} s")
    print(f"{'all':24} {sum(report.rows for report in reports):7,} rows {seconds:6.2f} s")
    assert seconds <= LIMIT_SECONDS
