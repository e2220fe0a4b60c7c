"""The closures of one operation while the conditions in it are what they are."""

from collections.abc import Awaitable, Coroutine
from types import CoroutineType
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    NameNode,
    OperationType,
    TypeNameMetaFieldDef,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import (
    FieldDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from graph.compile.fields import field_of
from graph.compile.places import Place
from graph.compile.running import Execute, Fields, Run, in_turn, side_by_side

Answer = ExecutionResult | Awaitable[ExecutionResult]
_SOMEWHERE = Path(None, "", None)


class Variant:
    """Executes an operation; each field is compiled when it is first met."""

    def __init__(self, referee: Executor[Any]) -> None:
        """`referee` is graphql-core's executor of the operation, with nobody's context, and of
        variables only those that decide what is selected."""
        self.fields = 0
        """Fields that are kept as closures."""
        self._referee = referee
        operation = referee.operation.operation
        root = referee.schema.get_root_type(operation)
        assert root is not None, "validated: the schema has operations of this kind"
        order = in_turn if operation is OperationType.MUTATION else side_by_side
        self._execute = order(self._compiled(root, self._selected(root)))
        typename = FieldNode(name=NameNode(value="__typename"))
        self._info = referee.build_resolve_info(TypeNameMetaFieldDef, [typename], root, _SOMEWHERE)

    def execute(self, variables: VariableValues, context: object) -> Answer:
        """One run, over those variables and for whoever that context stands for."""
        # Strawberry's resolvers are told the plain values of variables.
        info = self._info._replace(variable_values=variables.coerced, context=context)  # type: ignore[arg-type]
        run = Run(self._referee, info[5:], variables)
        try:
            data = self._execute(run, None, None)
        except GraphQLError as error:
            return run.refused(error)
        return _waited(run, data) if type(data) is CoroutineType else run.result(data)

    def _selected(self, root: GraphQLObjectType) -> GroupedFieldSet:
        by = self._referee
        return collect_fields(
            by.schema, by.fragments, by.variable_values, root, by.operation, by.hide_suggestions
        ).grouped_field_set

    def _selected_at(
        self, details: list[FieldDetails], type_: GraphQLObjectType
    ) -> GroupedFieldSet:
        by = self._referee
        return collect_subfields(
            by.schema,
            by.fragments,
            by.variable_values,
            by.operation,
            type_,
            details,
            by.hide_suggestions,
        ).grouped_field_set

    def _objects(self, details: list[FieldDetails], type_: GraphQLObjectType) -> Execute:
        """What executes the fields selected on a type at a place, made for the first such object:
        a union may have many types, and an answer shows few."""
        execute: Execute | None = None

        def first_made(run: Run, source: Any, path: Path | None) -> Any:
            nonlocal execute
            if execute is None:
                selected = self._selected_at(details, type_)
                execute = side_by_side(self._compiled(type_, selected))
            return execute(run, source, path)

        return first_made

    def _compiled(self, parent: GraphQLObjectType, selected: GroupedFieldSet) -> Fields:
        return [(key, self._field(parent, details)) for key, details in selected.items()]

    def _field(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> Execute:
        by = self._referee
        nodes = [detail.node for detail in details]
        field = by.schema.get_field(parent, nodes[0].name.value)
        assert field is not None, "validated: the type has the field"
        self.fields += 1
        info = by.build_resolve_info(field, nodes, parent, _SOMEWHERE)
        place = Place(details, info, lambda type_: self._objects(details, type_))
        return field_of(field, place, parent, hides_names=by.hide_suggestions)


async def _waited(run: Run, data: Coroutine[Any, Any, dict[str, Any]]) -> ExecutionResult:
    try:
        return run.result(await data)
    except GraphQLError as error:
        return run.refused(error)
