"""One execution of a program, and the ways to execute several fields."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import CoroutineType
from typing import Any

from graphql import ExecutionResult, GraphQLError
from graphql.execution import Executor
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel

# Everything that a closure here answers is either ready or a coroutine of ours to be awaited.


class Run:
    """What differs between two executions of one program."""

    __slots__ = ("arguments", "errors", "referee", "told", "variables")

    def __init__(
        self, referee: Executor[Any], told: tuple[Any, ...], variables: VariableValues
    ) -> None:
        self.referee = referee
        """graphql-core's executor of the operation, asked for what is rare."""
        self.told = told
        """The part of `info` behind the path, which is the same for all fields."""
        self.variables = variables
        self.arguments: dict[Any, dict[str, Any]] = {}
        """Arguments that hold variables, coerced already, by the field they belong to."""
        self.errors = CollectedErrors()

    def result(self, data: dict[str, Any] | None) -> ExecutionResult:
        """The answer, with the errors so far."""
        return ExecutionResult(data, self.errors.errors or None)

    def refused(self, error: GraphQLError) -> ExecutionResult:
        """The answer when an error took the place of all data."""
        self.errors.add(error, None)
        return self.result(None)

    def forsake(self, waiting: list[Awaitable[Any]]) -> None:
        """Let those end unseen: an error took the place where their answers were to stand."""
        if waiting:
            self.referee.settle_in_background(waiting)


Execute = Callable[[Run, Any, Path | None], Any]
"""Answers a field, or the fields of an object, of (run, source, path of the object)."""
Fields = Sequence[tuple[str, Execute]]
"""Fields by the keys they are answered under, in the order of the answer."""
Rest = Iterator[tuple[str, Execute]]


def side_by_side(fields: Fields) -> Execute:
    """Begins every field, then waits for those that need it."""

    def execute(run: Run, source: Any, path: Path | None) -> Any:
        data: dict[str, Any] = {}
        waiting: list[str] = []
        try:
            for key, field in fields:
                value = data[key] = field(run, source, path)
                if type(value) is CoroutineType:
                    waiting.append(key)
        except Exception:
            run.forsake([data[key] for key in waiting])
            raise
        return _all_of(data, waiting) if waiting else data

    return execute


def in_turn(fields: Fields) -> Execute:
    """Begins each field when the one before it has ended, as the root of a mutation demands."""

    def execute(run: Run, source: Any, path: Path | None) -> Any:
        data: dict[str, Any] = {}
        rest = iter(fields)
        for key, field in rest:
            value = data[key] = field(run, source, path)
            if type(value) is CoroutineType:
                return waited(run, source, path, data, key, rest)
        return data

    async def waited(
        run: Run, source: Any, path: Path | None, data: dict[str, Any], key: str, rest: Rest
    ) -> dict[str, Any]:
        data[key] = await data[key]
        for later, field in rest:
            value = field(run, source, path)
            data[later] = await value if type(value) is CoroutineType else value
        return data

    return execute


async def _all_of(data: dict[str, Any], waiting: list[str]) -> dict[str, Any]:
    if len(waiting) == 1:
        data[waiting[0]] = await data[waiting[0]]
    else:
        ready = await gather_with_cancel(*(data[key] for key in waiting))
        data.update(zip(waiting, ready, strict=True))
    return data
