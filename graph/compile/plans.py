"""The plan of one operation: its fields as closures, made when they are first met."""

from collections.abc import Awaitable, Coroutine
from types import CoroutineType
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    TypeNameMetaFieldDef,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.compile.fields import field_of
from graph.compile.known import Fallback, conditions_of
from graph.compile.places import Place
from graph.compile.running import Execute, Fields, Run, in_turn, side_by_side

VARIANTS = 8
"""Sets of conditions that a plan keeps closures for: three variables in every combination."""
COERCION_ERRORS = 50
"""Wrong variables after which no other is looked at; graphql-core's own number."""

Answer = ExecutionResult | Awaitable[ExecutionResult]


class Plan:
    """How one operation of a valid document is executed."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        executor_class: type[Executor[Any]] = StrawberryGraphQLCoreExecutionContext,
        *,
        hides_names: bool = False,
    ) -> None:
        """`executor_class` is what would execute it otherwise. `hides_names`: errors suggest no
        names."""
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self.schema = schema
        self.operation = operation
        self.hides_names = hides_names
        self.fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self.referee = _referee(self, fragments)
        self.fields = 0
        """Fields that are kept as closures, of all variants together."""
        is_known = executor_class is StrawberryGraphQLCoreExecutionContext
        self._conditions = conditions_of(operation, fragments) if is_known else Fallback.EXECUTOR
        self._variants: dict[tuple[object, ...], _Variant] = {}

    def execute(self, variables: dict[str, Any], context: object) -> Answer | Fallback:
        """The answer, to be awaited if a resolver is; or why there is none and nothing ran."""
        if isinstance(self._conditions, Fallback):
            return self._conditions
        values = self._coerced(variables)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        conditions = {name: values.coerced.get(name) for name in self._conditions}
        variant = self._variant(conditions)
        if isinstance(variant, Fallback):
            return variant
        return variant.execute(values, context)

    def _coerced(self, variables: dict[str, Any]) -> VariableValues | list[GraphQLError]:
        wanted = self.operation.variable_definitions
        if not wanted:
            return VariableValues({}, {})
        return get_variable_values(
            self.schema, wanted, variables, COERCION_ERRORS, self.hides_names
        )

    def _variant(self, conditions: dict[str, Any]) -> "_Variant | Fallback":
        key = tuple(conditions.values())
        variant = self._variants.get(key)
        if variant is not None:
            return variant
        if not all(isinstance(value, bool) for value in key):
            return Fallback.CONDITION
        if len(self._variants) == VARIANTS:
            return Fallback.VARIANTS
        return self._variants.setdefault(key, _Variant(self, conditions))


class _Variant:
    """The closures of a plan while its conditions are what they are."""

    def __init__(self, plan: Plan, conditions: dict[str, Any]) -> None:
        self._plan = plan
        # Of the variables only these decide what is selected; the others are of one run.
        self._conditions = VariableValues({}, conditions)
        root = plan.schema.get_root_type(plan.operation.operation)
        assert root is not None, "validated: the schema has operations of this kind"
        is_serial = plan.operation.operation is OperationType.MUTATION
        order = in_turn if is_serial else side_by_side
        self._execute = order(self._fields(root, self._selected(root)))
        typename = FieldNode(name=NameNode(value="__typename"))
        self._info = plan.referee.build_resolve_info(
            TypeNameMetaFieldDef, [typename], root, Path(None, "", None)
        )

    def execute(self, variables: VariableValues, context: object) -> Answer:
        """One run, over those variables and for whoever that context stands for."""
        # Strawberry's resolvers are told the plain values of variables.
        info = self._info._replace(variable_values=variables.coerced, context=context)  # type: ignore[arg-type]
        run = Run(self._plan.referee, info[5:], variables)
        try:
            data = self._execute(run, None, None)
        except GraphQLError as error:
            return run.refused(error)
        return _waited(run, data) if type(data) is CoroutineType else run.result(data)

    def _selected(self, root: GraphQLObjectType) -> GroupedFieldSet:
        plan = self._plan
        return collect_fields(
            plan.schema,
            plan.fragments,
            self._conditions,
            root,
            plan.operation,
            plan.hides_names,
        ).grouped_field_set

    def _objects(self, details: list[FieldDetails], type_: GraphQLObjectType) -> Execute:
        """What executes the fields selected on a type at a place, which are collected when the
        first such object is met: a union may have many types, and an answer shows few."""
        execute: Execute | None = None

        def first_met(run: Run, source: Any, path: Path | None) -> Any:
            nonlocal execute
            if execute is None:
                plan = self._plan
                selected = collect_subfields(
                    plan.schema,
                    plan.fragments,
                    self._conditions,
                    plan.operation,
                    type_,
                    details,
                    plan.hides_names,
                ).grouped_field_set
                execute = side_by_side(self._fields(type_, selected))
            return execute(run, source, path)

        return first_met

    def _fields(self, parent: GraphQLObjectType, selected: GroupedFieldSet) -> Fields:
        return [(key, self._field(parent, details)) for key, details in selected.items()]

    def _field(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> Execute:
        plan = self._plan
        nodes = [detail.node for detail in details]
        field = plan.schema.get_field(parent, nodes[0].name.value)
        assert field is not None, "validated: the type has the field"
        plan.fields += 1
        info = plan.referee.build_resolve_info(field, nodes, parent, Path(None, "", None))
        place = Place(details, info, lambda type_: self._objects(details, type_))
        return field_of(field, place, parent, hides_names=plan.hides_names)


async def _waited(run: Run, data: Coroutine[Any, Any, dict[str, Any]]) -> ExecutionResult:
    try:
        return run.result(await data)
    except GraphQLError as error:
        return run.refused(error)


def _referee(
    plan: Plan, fragments: dict[str, FragmentDefinitionNode]
) -> StrawberryGraphQLCoreExecutionContext:
    """graphql-core's executor of the operation, with nobody's variables and context."""
    return StrawberryGraphQLCoreExecutionContext(
        plan.schema,
        fragments,
        plan.fragments,
        None,
        None,
        plan.operation,
        VariableValues({}, {}),
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        is_awaitable=optimized_is_awaitable,
        hide_suggestions=plan.hides_names,
    )
