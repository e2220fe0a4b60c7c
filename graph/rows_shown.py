"""How many rows of a map an operation shows first, known before the map is read.

What a batch of codes needs is then read in one statement, and a batch that only counts reads no
row.
"""

from collections.abc import Iterable, Iterator

from strawberry.types.nodes import SelectedField, Selection

from graph.context import Info
from graph.types.relay import FIRST_DEFAULT, FIRST_MAX

_PAGES = frozenset({"crosswalks", "alternatives", "paths"})
_SCENARIO_ROWS = 50
"""Rows that nearly every code with scenarios has at most; the rest are read apart."""


def rows_shown(info: Info) -> int:
    """The most rows or ways of one code that the selection below a field shows from the first on;
    0 where it shows none."""
    (field,) = info.selected_fields
    return max(_shown(field.selections), default=0)


def _shown(selections: Iterable[Selection]) -> Iterator[int]:
    for selected in selections:
        if not isinstance(selected, SelectedField):
            yield from _shown(selected.selections)
        elif selected.name in _PAGES:
            yield _first_page(selected)
        elif selected.name == "scenarios":
            yield _SCENARIO_ROWS
        elif selected.name != "throughDescendants":
            yield from _shown(selected.selections)


def _first_page(selected: SelectedField) -> int:
    """Rows up to the end of the page, 0 for one that continues another."""
    # A number that the document itself gives is its text here, one of a variable is a number.
    first = str(selected.arguments.get("first", FIRST_DEFAULT))
    if selected.arguments.get("after") is not None or not first.isdecimal():
        return 0
    return min(int(first), FIRST_MAX)
