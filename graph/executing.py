"""Executes operations: by their programs, and by graphql-core what those do not know."""

from collections.abc import Awaitable
from typing import Any

import strawberry
from graphql import ExecutionResult, execute
from strawberry.execution import optimized_is_awaitable

from graph.compile import Fallback
from graph.documents import Document, Operation, core_schema

COMPILED = "compiled"
"""The way of an operation that its program executed."""
INTERPRETED = "off"
"""The way of one that has no program, as none are made."""

Answer = ExecutionResult | Awaitable[ExecutionResult]


class Executing:
    """Executes the operations of one schema, and counts how."""

    def __init__(self, schema: strawberry.Schema, *, hides_names: bool = False) -> None:
        """`hides_names`: errors suggest no names."""
        self._schema = core_schema(schema)
        self._executor_class = schema.execution_context_class
        self._hides_names = hides_names
        self.counts = dict.fromkeys((COMPILED, INTERPRETED, *Fallback), 0)
        """Operations so far, by the way they went: COMPILED, or why graphql-core executed them."""

    def answer(
        self, document: Document, operation: Operation, variables: dict[str, Any], context: object
    ) -> Answer:
        """The answer of a document's operation, to be awaited if it is no result yet."""
        result: Answer | Fallback | None = None
        if operation.program is not None:
            result = operation.program.execute(variables, context)
        if result is None or isinstance(result, Fallback):
            self.counts[result or INTERPRETED] += 1
            return self._interpreted(document, operation, variables, context)
        self.counts[COMPILED] += 1
        return result

    def _interpreted(
        self, document: Document, operation: Operation, variables: dict[str, Any], context: object
    ) -> Answer:
        return execute(
            self._schema,
            document.node,
            context_value=context,
            variable_values=variables,
            operation_name=operation.name,
            executor_class=self._executor_class,
            hide_suggestions=self._hides_names,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # returns a plain bool
        )
