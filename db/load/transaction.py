"""One load, one transaction: a refused file leaves nothing behind, and loads never mix."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from db.load.report import LoadReport, Progress
from db.load.stored import Connection
from db.pool import one_connection
from db.queries import statements

Step = Callable[[Connection, Progress], Awaitable[LoadReport | Sequence[LoadReport]]]
"""The load of one release, or of several that come together, to be run inside a transaction."""


def quiet(_name: str, _done: int, _total: int) -> None:
    """The progress nobody watches."""


async def load(
    url: str, steps: Iterable[Step], progress: Progress = quiet, *, is_trial: bool = False
) -> list[LoadReport]:
    """Run loads one after the other, each in a transaction of its own; a report for each release.

    Of a trial nothing is kept: its loads see what those before them did, and are undone together.
    Another process that loads is waited for. What was loaded is told to every server as it is
    committed (db/notices.py). Raises FileRefused or StoreUnavailable; the loads before the failed
    one stay, unless it is a trial.
    """
    async with one_connection(url) as connection:
        if is_trial:
            return await _tried(connection, steps, progress)
        reports = await _loaded(connection, steps, progress)
        if not all(report.skipped_because for report in reports):
            # Plans of the next second should know the new sizes; autovacuum comes a minute later.
            await connection.execute(
                "ANALYZE code, code_version, code_note, edge, group_member, note_reference, "
                "pair_edit, add_on, relative_value"
            )
        return reports


async def _tried(
    connection: Connection, steps: Iterable[Step], progress: Progress
) -> list[LoadReport]:
    around = connection.transaction()
    await around.start()
    try:
        # Transactions inside this one are savepoints: kept for the next load, gone with this one.
        return await _loaded(connection, steps, progress)
    finally:
        await around.rollback()


async def _loaded(
    connection: Connection, steps: Iterable[Step], progress: Progress
) -> list[LoadReport]:
    return [report for step in steps for report in await _load_one(connection, step, progress)]


async def _load_one(connection: Connection, step: Step, progress: Progress) -> Sequence[LoadReport]:
    async with connection.transaction():
        # A role may have a limit that is meant for readers.
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(statements("load")["hold_loading"])
        done = await step(connection, progress)
        reports = [done] if isinstance(done, LoadReport) else done
        if loaded := [report.release for report in reports if not report.skipped_because]:
            await connection.execute(statements("load")["tell_changed"], loaded)
        return reports
