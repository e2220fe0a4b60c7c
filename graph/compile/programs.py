"""The program of one operation: a variant for each set of conditions that it met."""

from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.compile.known import Fallback, conditions_of
from graph.compile.variants import Answer, Variant

VARIANTS = 8
"""Variants that a program keeps: three conditions in every combination."""
COERCION_ERRORS = 50
"""Wrong variables after which no other is looked at; graphql-core's own number."""


class Program:
    """How one operation of a valid document is executed."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        executor_class: type[Executor[Any]] = StrawberryGraphQLCoreExecutionContext,
        *,
        hides_names: bool = False,
        left_first: int = 1,
    ) -> None:
        """`executor_class` is what would execute it otherwise, and does so the first times, as many
        as `left_first`. `hides_names`: errors suggest no names."""
        self._left_first = left_first
        self._schema = schema
        self._operation = operation
        self._hides_names = hides_names
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._conditions = (
            conditions_of(operation, self._fragments)
            if executor_class is StrawberryGraphQLCoreExecutionContext
            else Fallback.EXECUTOR
        )
        self._variants: dict[tuple[object, ...], Variant] = {}

    @property
    def variants(self) -> int:
        """Variants that are kept."""
        return len(self._variants)

    @property
    def fields(self) -> int:
        """Fields that are kept as closures, of all variants together."""
        return sum(variant.fields for variant in self._variants.values())

    def execute(self, variables: dict[str, Any], context: object) -> Answer | Fallback:
        """The answer, to be awaited if a resolver is; or why there is none and nothing ran."""
        if isinstance(self._conditions, Fallback):
            return self._conditions
        if self._left_first:
            self._left_first -= 1
            return Fallback.FIRST
        values = self._coerced(variables)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        variant = self._variant({name: values.coerced.get(name) for name in self._conditions})
        return variant if isinstance(variant, Fallback) else variant.execute(values, context)

    def _coerced(self, variables: dict[str, Any]) -> VariableValues | list[GraphQLError]:
        wanted = self._operation.variable_definitions
        if not wanted:
            return VariableValues({}, {})
        return get_variable_values(
            self._schema, wanted, variables, COERCION_ERRORS, self._hides_names
        )

    def _variant(self, conditions: dict[str, Any]) -> Variant | Fallback:
        key = tuple(conditions.values())
        variant = self._variants.get(key)
        if variant is not None:
            return variant
        if not all(isinstance(value, bool) for value in key):
            return Fallback.CONDITION
        if len(self._variants) == VARIANTS:
            return Fallback.VARIANTS
        return self._variants.setdefault(key, Variant(self._referee(conditions)))

    def _referee(self, conditions: dict[str, Any]) -> StrawberryGraphQLCoreExecutionContext:
        return StrawberryGraphQLCoreExecutionContext(
            self._schema,
            self._fragments,
            {name: FragmentDetails(node) for name, node in self._fragments.items()},
            None,
            None,
            self._operation,
            VariableValues({}, conditions),
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            hide_suggestions=self._hides_names,
        )
