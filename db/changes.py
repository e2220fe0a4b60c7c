"""Reads of what the releases of a system changed, in one statement."""

import json
from collections.abc import Sequence
from datetime import date

from db.codes import Row, code_of, release_of
from db.pool import Database
from db.queries import statements
from schema.changes import Change, ChangeCounts, Changes, Place, Saying
from schema.codes import CodeSystemKey, Release

_SQL = statements("changes")


async def changes(
    database: Database,
    system: CodeSystemKey,
    since: date,
    until: date,
    first: int,
    after: Place | None,
) -> Changes | None:
    """What changed after the day `since` until the day `until`, that day included.

    A page of `first` changes behind the place `after`, None for the start. None where no release
    of the system had begun by `since`: then nobody can tell what changed.
    """
    place = (None, None, None) if after is None else (after.changed_on, after.seq, after.code_id)
    rows = await database.fetch(_SQL["changes"], system, since, until, first, *place)
    return _changes(system, rows, until) if rows[0]["is_loaded"] else None


def _changes(system: CodeSystemKey, rows: Sequence[Row], until: date) -> Changes:
    told = rows[0]
    present = [row for row in rows if row["id"] is not None]
    return Changes(
        release_before=_release(told, "release_before"),
        release_after=_release(told, "release_after"),
        counts=ChangeCounts(
            added=told["added"],
            ended=told["ended"],
            revised=told["total_count"] - told["added"] - told["ended"],
            billable_added=told["billable_added"],
            billable_ended=told["billable_ended"],
            billable_retitled=told["billable_retitled"],
        ),
        items=tuple(_change(system, row, until) for row in present),
        has_next_page=bool(present) and told["left_count"] > len(present),
    )


def _release(row: Row, column: str) -> Release | None:
    return release_of(json.loads(row[column])) if row[column] else None


def _change(system: CodeSystemKey, row: Row, until: date) -> Change:
    return Change(
        code=code_of(row, until),
        changed_on=row["changed_on"],
        before=_saying(system, row["before"]),
        after=_saying(system, row["after"]),
        place=Place(changed_on=row["changed_on"], seq=row["seq"], code_id=row["id"]),
    )


def _saying(system: CodeSystemKey, body: str | None) -> Saying | None:
    return Saying.of(system, json.loads(body)) if body else None
