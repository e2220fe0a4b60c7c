"""What `codestile load` prints: what is loaded, what is stale or missing, and where to get it."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from rich.table import Table

from schema.holdings import Holding, Origin


def table_of(holdings: Sequence[Holding]) -> Table:
    """A line a holding: its newest release, and whether that is the one in force."""
    table = Table("", "edition", "from", "rows", "", box=None)
    for held in holdings:
        begins = str(held.effective_from or "")
        table.add_row(held.subject, held.label, begins, _count(held), held.state)
    return table


def _count(held: Holding) -> str:
    return "" if held.row_count is None else f"{held.row_count:,}"


def advice(holdings: Sequence[Holding], commands: Collection[str]) -> Iterator[str]:
    """Lines that tell how to bring what is stale or not loaded up to date.

    `commands` are those of `codestile load` that there are: no other is advised.
    """
    wanted = [(held.origin, held) for held in holdings if held.origin and not held.is_complete]
    for (origin, is_loaded), group in groupby(wanted, key=_way):
        yield ", ".join(held.subject for _, held in group)
        if origin.page:
            yield f"  from {origin.page}"
        yield f"  {_how(origin, commands, is_loaded=is_loaded)}"


def _way(wanted: tuple[Origin, Holding]) -> tuple[Origin, bool]:
    origin, held = wanted
    return origin, held.label is not None


def _how(origin: Origin, commands: Collection[str], *, is_loaded: bool) -> str:
    if origin.command == "default" and is_loaded:
        return "by a version of Codestile with a newer package: no command reads the file"
    if origin.command not in commands:
        return "no command loads it"
    return " ".join(("by codestile load", origin.command, *filter(None, [origin.file])))
