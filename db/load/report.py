"""What a load did, and how it tells how far it is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with what is being loaded, how many rows are written, and how many there are; 0 of 0 while
nobody knows."""

_STEP_ROWS = 5_000


@dataclass(frozen=True)
class LoadReport:
    """What loading one release changed, compared with the one before it."""

    release: str
    """System or kind of map, and label: `ICD10CM FY2026-APR`."""
    added: int
    """Codes or rows that the release before did not have."""
    changed: int
    """Codes whose title, place, notes or billable flag differ."""
    removed: int
    """Codes or rows of the release before that this one does not have; they stay in history."""
    unresolved: int
    """Codes that the rows of a map name and no release has; kept as bare identities."""
    rows: int
    """Codes or rows that the file holds."""
    seconds: float
    skipped: bool
    """Whether these very bytes were loaded before, so that nothing was done."""

    @classmethod
    def skipping(cls, release: str, seconds: float) -> "LoadReport":
        """The report of a release that is stored already."""
        return cls(release, 0, 0, 0, 0, 0, seconds, skipped=True)


def told(
    records: Iterable[tuple[Any, ...]], name: str, total: int, progress: Progress
) -> Iterator[tuple[Any, ...]]:
    """The records, telling how many have passed."""
    for count, record in enumerate(records):
        if count % _STEP_ROWS == 0:
            progress(name, count, total)
        yield record
    progress(name, total, total)
