"""What a load did, and how it tells how far it is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with what is being loaded, how many rows are written, and how many there are; 0 of 0 while
nobody knows."""

SAME_BYTES = "loaded already"
"""Why a release is skipped that was loaded before from the same bytes."""

_STEP_ROWS = 5_000


@dataclass(frozen=True)
class BillableChanges:
    """What a release of a code system changed in the codes that may be submitted on a claim."""

    added: int
    """Codes that were none before, new ones and headers."""
    removed: int
    """Codes that are none any more: they ended, or became headers."""
    revised: int
    """Codes that were and are billable, with another title, long or short."""


@dataclass(frozen=True)
class LoadReport:
    """What loading one release changed, compared with the one before it."""

    release: str
    """System, kind of map or kind of facts, and label: `ICD10CM FY2026-APR`."""
    added: int
    """Codes or rows that the release before did not have."""
    changed: int
    """Codes whose title, place, notes or billable flag differ, or of which more is told now."""
    removed: int
    """Codes or rows of the release before that this one does not have; they stay in history."""
    unresolved: int
    """Codes that the rows of a map name and no release has, kept as bare identities; of a code
    system the references of its notes to what no release has, kept with their text."""
    rows: int
    """Codes or rows that the release holds, loaded now or before; 0 for one left aside."""
    seconds: float
    skipped_because: str | None = None
    """Why nothing was done: the same bytes, or a release that stands in the way, are loaded
    already. None when the release was loaded."""
    billable: BillableChanges | None = None
    """None for what is not a code system, and where nothing was done."""

    @classmethod
    def skipping(
        cls, release: str, seconds: float, because: str = SAME_BYTES, rows: int = 0
    ) -> "LoadReport":
        """The report of a release for which nothing was done; `rows` are those stored of it."""
        return cls(release, 0, 0, 0, 0, rows, seconds, because)


def told(
    records: Iterable[tuple[Any, ...]], name: str, total: int, progress: Progress
) -> Iterator[tuple[Any, ...]]:
    """The records, telling how many have passed."""
    for count, record in enumerate(records):
        if count % _STEP_ROWS == 0:
            progress(name, count, total)
        yield record
    progress(name, total, total)
