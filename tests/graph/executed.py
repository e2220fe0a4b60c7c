"""One operation executed both ways: by its program, and by graphql-core."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    execute,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.compile import Fallback, Program


@dataclass
class Told:
    """What one way answered, in a form in which all that matters is compared."""

    data: Any
    errors: list[tuple[Any, ...]]

    @classmethod
    def of(cls, result: ExecutionResult) -> "Told":
        """The order of keys and of errors matters."""
        errors = [
            (
                error.message,
                error.path,
                error.locations,
                error.extensions,
                error.nodes,
                type(error.original_error),
                str(error.original_error),
            )
            for error in result.errors or ()
        ]
        return cls(_ordered(result.data), errors)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _ordered(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return (type(value), value)


def program_of(schema: GraphQLSchema, document: DocumentNode) -> Program:
    """The program of the only operation of a document, from its first execution on."""
    (operation,) = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    return Program(schema, document, operation, left_first=0)


async def by_program(
    program: Program, variables: dict[str, Any], context: object = None
) -> Told | Fallback:
    """What a program answers, once nothing of it runs any more."""
    before = asyncio.all_tasks()
    result = program.execute(variables, context)
    if isinstance(result, Fallback):
        return result
    return await _settled(result, before)


async def by_reference(
    schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any], context: object = None
) -> Told:
    """The same of graphql-core, with the executor that Strawberry's schemas name."""
    before = asyncio.all_tasks()
    result = execute(
        schema,
        document,
        context_value=context,
        variable_values=variables,
        executor_class=StrawberryGraphQLCoreExecutionContext,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # returns a plain bool
    )
    return await _settled(result, before)


async def _settled(result: Any, before: set[asyncio.Task[Any]]) -> Told:
    """What was told, once no task runs that was not there before: others use the loop too."""
    told = Told.of(await result if isawaitable(result) else result)
    while others := asyncio.all_tasks() - before:
        await asyncio.wait(others)
    return told


@contextmanager
def sweeping() -> Iterator[Callable[[], int]]:
    """Gives what collects garbage, which is collected at no other time.

    An error cancels what was to be awaited beside it, and Python warns of a coroutine that never
    began. In the middle of making a named tuple it cannot even warn: there are no builtins.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield gc.collect
    finally:
        gc.enable()
        gc.unfreeze()
        gc.collect()


def core(schema: strawberry.Schema) -> GraphQLSchema:
    """graphql-core's schema below Strawberry's."""
    return schema._schema
