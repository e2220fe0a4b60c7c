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
    wanted: dict[tuple[Origin, bool], list[Holding]] = {}
    for held in holdings:
        if held.origin and not held.is_complete:
            wanted.setdefault((held.origin, held.label is not None), []).append(held)
    for (origin, is_loaded), group in wanted.items():
        yield ", ".join(held.subject for held in group)
        if origin.page:
            yield f"  from {origin.page}"
        yield f"  {_way(origin, commands, group[0], is_loaded=is_loaded)}"


def _way(origin: Origin, commands: Collection[str], held: Holding, *, is_loaded: bool) -> str:
    if origin.command not in commands:
        return "no command loads it"
    if origin.file is None and is_loaded:
        return "by a version of Codestile with a newer package: no command reads the file"
    words = ["by codestile load", origin.command, *filter(None, [origin.file])]
    if origin.file and held.missing and not origin.names_edition:
        words.append(f"--release {held.missing.label} --effective {held.missing.effective_from}")
    return " ".join(words)
