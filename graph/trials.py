"""Operations that only ask what they would cost, by `rateLimit(dryRun: true)` at their root."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

_FIELD, _ARGUMENT = "rateLimit", "dryRun"


class Trial:
    """An operation that may ask only what it would cost, depending on its variables."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
    ) -> None:
        self._schema = schema
        self._fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self._operation = operation
        sources = (operation, *fragments.values())
        self._askers = [node for source in sources for node in _askers(source.selection_set)]

    def fields(self, variables: Mapping[str, Any]) -> Collection[FieldNode]:
        """The fields that ask for the cost alone, wherever at the root they are selected; empty
        where the operation is to be answered."""
        if not self._askers:
            return ()
        wanted = self._operation.variable_definitions or ()
        values = get_variable_values(self._schema, wanted, dict(variables))
        # Wrong variables are told about, and executing anything else cannot begin.
        return self._askers if isinstance(values, list) else list(self._selected(values))

    def _selected(self, values: VariableValues) -> Iterator[FieldNode]:
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None, "validated"
        selected = collect_fields(self._schema, self._fragments, values, root, self._operation)
        for details in selected.grouped_field_set.values():
            nodes = [field.node for field in details]
            if nodes[0].name.value == _FIELD and self._asks(nodes[0], values):
                yield from nodes

    def _asks(self, node: FieldNode, values: VariableValues) -> bool:
        assert self._schema.query_type is not None
        try:
            given = get_argument_values(self._schema.query_type.fields[_FIELD], node, values)
        except GraphQLError:  # null for what must not be: the field's own error
            return False
        return given.get(_ARGUMENT) is True


def _askers(selection_set: SelectionSetNode) -> Iterator[FieldNode]:
    """The fields right in a selection set that name the argument."""
    for node in selection_set.selections:
        if isinstance(node, InlineFragmentNode):
            yield from _askers(node.selection_set)
        elif isinstance(node, FieldNode) and _may_ask(node):
            yield node


def _may_ask(node: FieldNode) -> bool:
    given = (argument.name.value for argument in node.arguments or ())
    return node.name.value == _FIELD and _ARGUMENT in given
