"""Progress of a load: bars on a terminal, nothing elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from db.load import LoadReport
from db.load import Progress as Report


@contextmanager
def showing_progress() -> Iterator[Report]:
    """A callback that draws a bar for each release, until the end of the context."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    known: dict[str, TaskID] = {}

    def report(name: str, done: int, total: int) -> None:
        if name not in known:
            known[name] = bars.add_task(name, total=total)
        bars.update(known[name], completed=done, total=total)

    with bars:
        yield report


def table_of(reports: Sequence[LoadReport]) -> Table:
    """What a load did, a line a release, within 80 columns."""
    table = Table("release", "rows", "result", box=None)
    for done in reports:
        table.add_row(done.release, str(done.rows), done.skipped_because or _changes(done))
    return table


def _changes(done: LoadReport) -> str:
    counts = f"{done.added} added, {done.changed} changed, {done.removed} removed"
    unresolved = f", {done.unresolved} unresolved" if done.unresolved else ""
    told = f"{counts}{unresolved} in {done.seconds:.1f} s"
    if done.billable is None:
        return told
    of = done.billable
    return f"{told}\nbillable: +{of.added} -{of.removed}, {of.revised} revised"
