"""Chapters and blocks for a list that has none: those of the release before it.

Blocks change in decades, not in editions: a category keeps its place. For a new one the release
before is asked where its neighbours stand.
"""

from collections.abc import Sequence
from itertools import chain

from db.load.predecessor import Predecessor
from db.load.rows import CodeRow
from schema.codes import CodeKind


def groups_above(categories: Sequence[str], before: Predecessor | None) -> dict[str, str | None]:
    """The block or chapter right above each category, given all in the order of the list.

    A category that the release before has stays where it was. A new one goes into the innermost
    block around one of its neighbours whose range holds it, else into the innermost group that
    both share; None where there is no such group.
    """
    if before is None:
        return dict.fromkeys(categories)
    known = [category in before.rows for category in categories]
    return {
        category: before.rows[category].parent
        if known[place]
        else _new_place(category, before, _neighbours(categories, known, place))
        for place, category in enumerate(categories)
    }


def _neighbours(categories: Sequence[str], known: Sequence[bool], place: int) -> list[str]:
    """The nearest categories on both sides that the release before has."""
    left = (n for n in range(place - 1, -1, -1) if known[n])
    right = (n for n in range(place + 1, len(categories)) if known[n])
    return [categories[n] for side in (left, right) if (n := next(side, None)) is not None]


def _new_place(category: str, before: Predecessor, neighbours: Sequence[str]) -> str | None:
    lines = [list(before.above(neighbour)) for neighbour in neighbours]
    holding = [group for group in chain(*lines) if _holds(group, category)]
    if holding:
        return max(holding, key=lambda group: group.depth).value
    if len(lines) < 2:
        return None
    return next((group.value for group in lines[0] if group in lines[1]), None)


def _holds(group: CodeRow, category: str) -> bool:
    """Whether the range that a block is named by holds a category."""
    if group.kind is not CodeKind.BLOCK:
        return False
    first, _, last = group.value.partition("-")
    return first <= category[: len(first)] <= last
