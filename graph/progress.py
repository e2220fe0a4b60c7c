"""What a load shows: bars on a terminal while it runs, and lines that tell what it did."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

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


def lines_of(reports: Sequence[LoadReport]) -> Iterator[str]:
    """What a load did, a line a release, and a second one for the codes that may be billed."""
    rows = [("release", "rows", "result")]
    for done in reports:
        rows.append((done.release, f"{done.rows:,}", done.skipped_because or _changes(done)))
        if done.billable:
            of = done.billable
            told = f"billable: +{of.added:,} -{of.removed:,}, {of.revised:,} revised"
            rows.append(("", "", told))
    return aligned(rows, right=1)


def aligned(rows: Sequence[Sequence[str]], right: int) -> Iterator[str]:
    """Rows as lines with their columns below each other; the column `right` ends evenly. No line is
    folded or cut, however wide the terminal is: other programs read them too."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if place == right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _changes(done: LoadReport) -> str:
    """What is not nothing of the counts, and the time it took."""
    counts = {
        "added": done.added,
        "changed": done.changed,
        "removed": done.removed,
        "unresolved": done.unresolved,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return f"{told or 'nothing changed'} in {done.seconds:.1f} s"
