"""Where an answer stands: what its resolver is told of it, and what happens to its errors."""

from collections.abc import Callable
from types import CoroutineType
from typing import Any

from graphql import GraphQLObjectType, located_error
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from graphql.type import GraphQLResolveInfo
from strawberry.execution import optimized_is_awaitable as is_awaitable

from graph.compile.running import Execute, Run

Complete = Callable[[Run, Path, Any], Any]
"""Turns what a resolver gave for a path into what is answered; raises what went wrong."""


class Place:
    """One field of one type, as an operation selects it."""

    __slots__ = ("_head", "_make_info", "details", "objects", "schema", "title")

    def __init__(
        self,
        details: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        objects: Callable[[GraphQLObjectType], Execute],
    ) -> None:
        """`info` is the field's own, on any path and in any run. `objects` gives what executes the
        fields that are selected here on a type."""
        self.details = details
        self.schema = info.schema
        self.objects = objects
        self.title = f"{info.parent_type}.{info.field_name}"
        self._head = info[:4]
        self._make_info = type(info)._make

    def info(self, run: Run, path: Path) -> GraphQLResolveInfo[Any]:
        """What a resolver is told: of this field, also where the path is of an item in it."""
        while type(path.key) is int and path.prev is not None:
            path = path.prev
        return self._make_info((*self._head, path, *run.told))


class Slot:
    """Where one value of a place goes: that of the field, or that of each item of a list in it."""

    __slots__ = ("_complete", "_is_required", "_nodes")

    def __init__(self, complete: Complete, place: Place, *, is_required: bool) -> None:
        """`is_required`: null may not stand here."""
        self._complete = complete
        self._is_required = is_required
        self._nodes = [detail.node for detail in place.details]

    def answer(self, run: Run, path: Path, value: Any) -> Any:
        """What is answered for a value, waited for where it has to be."""
        try:
            if is_awaitable(value):
                return self._later(run, path, value)
            done = self._complete(run, path, value)
        except Exception as error:
            return self.fail(run, path, error)
        return self._guarded(run, path, done) if type(done) is CoroutineType else done

    def fail(self, run: Run, path: Path, error: Exception) -> None:
        """Take the error down, and answer null; raise it where null may not stand."""
        located = located_error(error, self._nodes, path.as_list())
        if self._is_required:
            raise located
        run.errors.add(located, path)

    async def _later(self, run: Run, path: Path, value: Any) -> Any:
        try:
            done = self._complete(run, path, await value)
            return await done if type(done) is CoroutineType else done
        except Exception as error:
            return self.fail(run, path, error)

    async def _guarded(self, run: Run, path: Path, done: Any) -> Any:
        try:
            return await done
        except Exception as error:
            return self.fail(run, path, error)
