"""Reads of what is loaded and what is missing."""

from datetime import date

from db.codes import Row
from db.origins import origins
from db.pool import Database
from db.queries import statements
from schema.holdings import Holding, MissingRelease

_SQL = statements("holdings")


async def holdings(
    database: Database, on: date, begun_by: date | None = None
) -> tuple[Holding, ...]:
    """Every code system in its order, then every map and kind of facts by its name, with the
    newest loaded release and whether another one should be in force on the day. Releases that begin
    after `begun_by` are left out of sight; None for none, so that one loaded ahead is told."""
    found = [_holding(row) for row in await database.fetch(_SQL["holdings"], on, begun_by)]
    loaded = {holding.subject for holding in found}
    absent = [_absent(subject) for subject in origins() if subject not in loaded]
    return (*found, *absent)


def _holding(row: Row) -> Holding:
    missing = row["missing_label"] and MissingRelease(
        label=row["missing_label"], effective_from=row["missing_from"]
    )
    return Holding(
        subject=row["subject"],
        label=row["label"],
        effective_from=row["effective_from"],
        row_count=row["row_count"],
        missing=missing,
        origin=origins().get(row["subject"]),
    )


def _absent(subject: str) -> Holding:
    return Holding(
        subject=subject,
        label=None,
        effective_from=None,
        row_count=None,
        missing=None,
        origin=origins()[subject],
    )
