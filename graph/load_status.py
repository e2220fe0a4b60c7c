"""What `codestile load` prints: what is loaded, what is stale or missing, and where to get it."""

from collections.abc import Collection, Iterator, Sequence

from graph.progress import aligned
from schema.holdings import Holding, Origin


def lines_of(holdings: Sequence[Holding]) -> Iterator[str]:
    """A line a holding: its newest release, and whether that is the one in force."""
    rows = [("", "edition", "from", "rows", "")]
    for held in holdings:
        begins, count = str(held.effective_from or ""), _count(held)
        rows.append((held.subject, held.label or "", begins, count, held.state))
    return aligned(rows, right=3)


def _count(held: Holding) -> str:
    return "" if held.row_count is None else f"{held.row_count:,}"


def advice(holdings: Sequence[Holding], commands: Collection[str]) -> Iterator[str]:
    """Lines that tell how to bring what is stale or not loaded up to date.

    `commands` are those of `codestile load` that there are: no other is advised.
    """
    wanted: dict[Origin, list[Holding]] = {}
    for held in holdings:
        if held.origin and not held.is_complete:
            wanted.setdefault(held.origin, []).append(held)
    for origin, group in wanted.items():
        yield ", ".join(held.subject for held in group)
        if origin.page:
            yield f"  from {origin.page}"
        is_there = origin.command in commands
        yield f"  by {_command(origin, group[0])}" if is_there else "  no command loads it"


def _command(origin: Origin, held: Holding) -> str:
    if origin.file is None:
        return f"codestile load {origin.command}, once an installed package carries it"
    words = ["codestile load", origin.command, origin.file]
    if held.missing and not origin.names_edition:
        words.append(f"--release {held.missing.label} --effective {held.missing.effective_from}")
    return " ".join(words)
