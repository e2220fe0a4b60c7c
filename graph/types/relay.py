"""Relay's conventions: nodes with opaque ids, connections with opaque cursors."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Generic, Self, TypeVar

import strawberry

from graph import ids
from graph.masking import ErrorCode, coded

T = TypeVar("T")

FIRST_DEFAULT = 20
FIRST_MAX = 100

First = Annotated[int, strawberry.argument(description=f"How many to return, 1 to {FIRST_MAX}.")]
After = Annotated[
    str | None, strawberry.argument(description="The cursor to continue after; null starts anew.")
]


@strawberry.interface
class Node:
    """Anything that can be fetched again by its id."""

    id: strawberry.ID
    """Opaque and stable across releases and servers."""


@strawberry.type
class PageInfo:
    """Where this part of a list begins and ends."""

    has_next_page: bool
    """Whether more follow."""
    has_previous_page: bool
    """Whether the part was continued from a cursor."""
    start_cursor: str | None
    """Cursor of the first item; null when there is none."""
    end_cursor: str | None
    """Cursor of the last item: pass it as `after` to continue."""


@strawberry.type
class Edge(Generic[T]):
    """One item of a list and its place."""

    cursor: str
    """The place, to continue after."""
    node: T
    """The item."""


@strawberry.type
class Connection(Generic[T]):
    """A part of a list that may be long."""

    edges: list[Edge[T]]
    """The items of this part, in the order of the list."""
    page_info: PageInfo
    """Where this part begins and ends."""
    total_count: int | None
    """Items in the whole list; null where counting them would cost more than reading them."""

    @classmethod
    def of(
        cls, items: Iterable[tuple[int, T]], *, after: str | None, has_more: bool, total: int
    ) -> Self:
        """A part of a list from (position, item) pairs in the order of the list."""
        placed = ((ids.encode_cursor(position), item) for position, item in items)
        return cls.placed(placed, after=after, has_more=has_more, total=total)

    @classmethod
    def placed(
        cls, items: Iterable[tuple[str, T]], *, after: str | None, has_more: bool, total: int
    ) -> Self:
        """The same from (cursor, item) pairs, of a list that has cursors of its own."""
        edges = [Edge(cursor=cursor, node=item) for cursor, item in items]
        return cls(
            edges=edges,
            page_info=PageInfo(
                has_next_page=has_more,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
            total_count=total,
        )

    @classmethod
    def part(cls, whole: Sequence[T], first: int, after: str | None) -> Self:
        """The part of a list at hand that was asked for, its places counted from 0."""
        start = start_after(after)
        end = start + page_size(first)
        return cls.of(
            list(enumerate(whole))[start:end],
            after=after,
            has_more=end < len(whole),
            total=len(whole),
        )


def page_size(first: int) -> int:
    """`first` if it is in bounds; raises BAD_USER_INPUT otherwise."""
    if not 1 <= first <= FIRST_MAX:
        message = f"first must be between 1 and {FIRST_MAX}, not {first}."
        raise coded(ErrorCode.BAD_USER_INPUT, message)
    return first


def position_after(cursor: str | None) -> int | None:
    """The position a cursor stands for, None for the start; BAD_USER_INPUT on one not ours."""
    if cursor is None:
        return None
    position = ids.decode_cursor(cursor)
    if position is None:
        raise coded(ErrorCode.BAD_USER_INPUT, "after is not a cursor of this list.")
    return position


def start_after(cursor: str | None) -> int:
    """The first place after a cursor in a list counted from 0."""
    position = position_after(cursor)
    return 0 if position is None else position + 1
