"""Where an answer stands: what its resolver is told of it, and what happens to its errors."""

from collections.abc import Callable
from types import CoroutineType
from typing import Any

from graphql import GraphQLObjectType, Undefined, located_error
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from graphql.type import GraphQLResolveInfo
from strawberry.execution import optimized_is_awaitable as is_awaitable

from graph.compile.running import Execute, Run

Complete = Callable[[Run, Path, Any], Any]
"""Answers a value for a path; raises what is wrong with it. Is given no null and answers none."""


class Place:
    """One field of one type, as an operation selects it."""

    __slots__ = ("_head", "_kind", "details", "nodes", "objects", "schema")

    def __init__(
        self,
        details: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        objects: Callable[[GraphQLObjectType], Execute],
    ) -> None:
        """`info` is the field's own, on any path and in any run. `objects` gives what executes the
        fields that are selected here on a type."""
        self._head = info[:4]
        self._kind: Any = type(info)
        self.details = details
        self.nodes = info.field_nodes
        self.objects = objects
        self.schema = info.schema

    @property
    def title(self) -> str:
        """The field as `Type.field`."""
        name, _, _, parent = self._head
        return f"{parent}.{name}"

    def info(self, run: Run, path: Path) -> GraphQLResolveInfo[Any]:
        """What a resolver is told: of this field, also where the path is of an item in it."""
        while type(path.key) is int and path.prev is not None:
            path = path.prev
        info: GraphQLResolveInfo[Any] = self._kind._make((*self._head, path, *run.told))
        return info


class Slot:
    """Where one value of a place goes: that of the field, or that of each item of a list in it."""

    __slots__ = ("_complete", "_place", "may_be_null")

    def __init__(self, complete: Complete, place: Place, *, may_be_null: bool) -> None:
        self._complete = complete
        self._place = place
        self.may_be_null = may_be_null

    def answer(self, run: Run, path: Path, value: Any) -> Any:
        """What is answered for a value, waited for where it has to be."""
        try:
            if is_awaitable(value):
                return self._later(run, path, value)
            done = self._completed(run, path, value)
        except Exception as error:
            return self.fail(run, path, error)
        return self._guarded(run, path, done) if type(done) is CoroutineType else done

    def fail(self, run: Run, path: Path, error: Exception) -> None:
        """Take the error down, and answer null; raise it where null may not stand."""
        located = located_error(error, self._place.nodes, path.as_list())
        if not self.may_be_null:
            raise located
        run.errors.add(located, path)

    def _completed(self, run: Run, path: Path, value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        if value is not None and value is not Undefined:
            return self._complete(run, path, value)
        if not self.may_be_null:
            raise TypeError(f"Cannot return null for non-nullable field {self._place.title}.")
        return None

    async def _later(self, run: Run, path: Path, value: Any) -> Any:
        try:
            done = self._completed(run, path, await value)
            return await done if type(done) is CoroutineType else done
        except Exception as error:
            return self.fail(run, path, error)

    async def _guarded(self, run: Run, path: Path, done: Any) -> Any:
        try:
            return await done
        except Exception as error:
            return self.fail(run, path, error)
