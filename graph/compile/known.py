"""What a program can answer, and by what reason it leaves the rest to graphql-core."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    VariableNode,
)

_CONDITIONS = frozenset({GraphQLIncludeDirective.name, GraphQLSkipDirective.name})
_INTROSPECTION = frozenset({"__schema", "__type"})

Fragments = Mapping[str, FragmentDefinitionNode]


class Fallback(StrEnum):
    """Why graphql-core executes an operation."""

    FIRST = "first"
    """It was not asked for often enough yet to be compiled: strangers ask most things once."""
    EXECUTOR = "executor"
    """The schema has an executor of its own."""
    OPERATION = "operation"
    """It is a subscription."""
    INTROSPECTION = "introspection"
    """It asks for `__schema` or `__type`, whose resolvers need graphql-core's own objects."""
    DIRECTIVE = "directive"
    """It bears another directive than @skip and @include."""
    CONDITION = "condition"
    """A variable of a condition is null, which is an error wherever the condition stands."""
    VARIANTS = "variants"
    """Its conditions were met in more ways than are kept."""


def conditions_of(
    operation: OperationDefinitionNode, fragments: Fragments
) -> frozenset[str] | Fallback:
    """The variables that decide which fields of a valid operation are selected, or why it is not
    for a program."""
    if operation.operation is OperationType.SUBSCRIPTION:
        return Fallback.OPERATION
    if operation.directives or any(v.directives for v in operation.variable_definitions or ()):
        return Fallback.DIRECTIVE
    conditions: set[str] = set()
    for node in _selections(operation, fragments):
        if isinstance(node, FieldNode) and node.name.value in _INTROSPECTION:
            return Fallback.INTROSPECTION
        for directive in node.directives or ():
            if directive.name.value not in _CONDITIONS:
                return Fallback.DIRECTIVE
            conditions.update(_variables(directive))
    return frozenset(conditions)


def _selections(
    operation: OperationDefinitionNode, fragments: Fragments
) -> Iterator[SelectionNode | FragmentDefinitionNode]:
    """Everything written in the operation and in the fragments it reaches, each once."""
    reached: set[str] = set()
    waiting = [operation.selection_set]
    while waiting:
        for node in waiting.pop().selections:
            yield node
            if isinstance(node, FragmentSpreadNode):
                fragment = fragments[node.name.value]
                if node.name.value not in reached:
                    reached.add(node.name.value)
                    yield fragment
                    waiting.append(fragment.selection_set)
            elif (inside := getattr(node, "selection_set", None)) is not None:
                waiting.append(inside)


def _variables(condition: DirectiveNode) -> Iterator[str]:
    for argument in condition.arguments or ():
        if isinstance(argument.value, VariableNode):
            yield argument.value.name.value
