"""Whether the rollups of the archive hold what its events say."""

from datetime import datetime
from typing import NamedTuple

from db.pool import Database
from db.queries import statements


class Difference(NamedTuple):
    """One row of a rollup that is not what the events say; empty texts where a side has none."""

    place: str
    stored: str
    counted: str


ROLLUPS = {
    "usage_hour": "hours_that_differ",
    "usage_code_day": "code_days_that_differ",
    "usage_code_month": "code_months_that_differ",
    "usage_day": "days_that_differ",
    "usage_key_day": "key_days_that_differ",
    "usage_first_touch": "first_touches_that_differ",
    "usage_day_viewer": "day_viewers_that_differ",
    "usage_funnel": "funnels_that_differ",
}
"""The statement that compares each rollup with the events, or with a rollup that is."""


async def rollup_differences(database: Database, rollup: str, since: datetime) -> list[Difference]:
    """Where a rollup of ROLLUPS differs from the events since an instant, 100 rows at most."""
    rows = await database.fetch(statements("rollups")[ROLLUPS[rollup]], since)
    return [Difference(*row.values()) for row in rows]
