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
    for origin, group in groupby(wanted, key=lambda pair: pair[0]):
        yield ", ".join(held.subject for _, held in group)
        if origin.page:
            yield f"  from {origin.page}"
        yield f"  by {_command(origin)}" if origin.command in commands else "  no command loads it"


def _command(origin: Origin) -> str:
    return " ".join(("codestile load", origin.command, *filter(None, [origin.file])))
