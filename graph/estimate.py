"""How many fields an operation may have to answer, and what it costs, known before it runs.

graphql-core completes a list without giving the event loop a turn, so a nested list is refused by
its size and not by its duration. The estimate counts the fields selected inside lists, times the
items those can hold: `children(first: 100) { edges { node { title children(first: 50) { edges {
node { title } } } } } }` may answer some 100 x (5 + 50 x 3) fields.

The cost is counted the same way, in points: each field that answers an object weighs 1 unless
graph/weights.py says otherwise, and in a list as many times as there may be items. Of what is
selected for different object types of one answer only the dearest counts: it is one of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
)

from graph.weights import ASSUMED_LENGTHS, PAGE_MAX, assumed_length, slicing_argument, weight_of


@dataclass(frozen=True, slots=True)
class VariableSize:
    """A size that comes with the variables of the request."""

    name: str
    otherwise: int
    """The size when the variable is absent or null."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is selected of one object."""

    fields: int = 0
    """Fields of the object itself and of the objects it answers, those in lists left out."""
    points: float = 0
    """What these cost."""
    lists: tuple["ListField", ...] = ()
    choices: tuple[tuple["Estimate", ...], ...] = ()
    """Of each of these only one is answered, by the type of an object."""

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.fields + other.fields,
            self.points + other.points,
            self.lists + other.lists,
            self.choices + other.choices,
        )

    def either(self, options: Iterable["Estimate"]) -> "Estimate":
        """This, and one of the options; those that select nothing are no choice."""
        selecting = tuple(option for option in options if option != NOTHING)
        return self + Estimate(choices=(selecting,)) if selecting else self


NOTHING = Estimate()


@dataclass(frozen=True, slots=True)
class ListField:
    """One selected list, its size, and what is selected of each of its items."""

    size: int | VariableSize
    each: Estimate

    def items(self, variables: Mapping[str, Any]) -> int:
        """The size with those variables."""
        if isinstance(self.size, VariableSize):
            return _given(variables.get(self.size.name), self.size.otherwise)
        return self.size


def cost_of(estimate: Estimate, variables: Mapping[str, Any]) -> int:
    """The points that an operation costs with those variables, 1 or more."""
    # What adding tenths leaves behind is no point.
    return max(1, ceil(round(_points(estimate, variables), 6)))


def fields_asked(estimate: Estimate, variables: Mapping[str, Any]) -> int:
    """The fields that the items of lists answer together, with those variables."""
    in_lists = sum(
        field.items(variables) * _fields(field.each, variables) for field in estimate.lists
    )
    return in_lists + sum(
        max(fields_asked(option, variables) for option in options) for options in estimate.choices
    )


def _fields(estimate: Estimate, variables: Mapping[str, Any]) -> int:
    in_lists = sum(
        field.items(variables) * _fields(field.each, variables) for field in estimate.lists
    )
    chosen = sum(
        max(_fields(option, variables) for option in options) for options in estimate.choices
    )
    return estimate.fields + in_lists + chosen


def _points(estimate: Estimate, variables: Mapping[str, Any]) -> float:
    in_lists = sum(
        field.items(variables) * _points(field.each, variables) for field in estimate.lists
    )
    chosen = sum(
        max(_points(option, variables) for option in options) for options in estimate.choices
    )
    return estimate.points + in_lists + chosen


def _given(value: object, otherwise: int) -> int:
    """The size a variable gives; 1 for a value that coercion is going to refuse."""
    if value is None:
        return otherwise
    if isinstance(value, list):
        return len(value)
    # JSON's 100.0 is an Int as well; True is none.
    return _page(value) if isinstance(value, int | float) else 1


def _page(first: float) -> int:
    return int(min(max(first, 0), PAGE_MAX))


class Estimator:
    """Finds what one operation of a valid document selects.

    Validity bounds the recursion: graphql-core refuses documents nested deeper than 200 levels,
    fragments expanded, and those with a cycle. Each fragment is walked once for each way it is
    used, and what is selected is bounded by the limit on expanded fields.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._operation = operation
        self._found: dict[tuple[str, bool], Estimate] = {}
        self._defaults = {
            definition.variable.name.value: definition.default_value
            for definition in operation.variable_definitions or ()
        }

    def estimate(self) -> Estimate:
        """What the operation selects at its root, with everything below."""
        root = self._schema.get_root_type(self._operation.operation)
        if root is None:
            return NOTHING
        return self._in(self._operation.selection_set, root, False)

    def _in(
        self, selection_set: SelectionSetNode, parent: GraphQLCompositeType, is_paged: bool
    ) -> Estimate:
        shared = NOTHING
        by_type: dict[str, Estimate] = {}
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                shared += self._of_field(node, parent, is_paged)
                continue
            assert isinstance(node, FragmentSpreadNode | InlineFragmentNode), "no other kind"
            condition, found = self._of_fragment(node, parent, is_paged)
            if is_abstract_type(parent) and isinstance(condition, GraphQLObjectType):
                by_type[condition.name] = by_type.get(condition.name, NOTHING) + found
            else:
                shared += found
        return shared.either(by_type.values())

    def _of_fragment(
        self,
        node: FragmentSpreadNode | InlineFragmentNode,
        parent: GraphQLCompositeType,
        is_paged: bool,
    ) -> tuple[GraphQLCompositeType, Estimate]:
        """The type that a fragment is on, and what it selects."""
        if isinstance(node, InlineFragmentNode):
            named = node.type_condition
            condition = self._composite(named.name.value) if named else parent
            return condition, self._in(node.selection_set, condition, is_paged)
        fragment = self._fragments[node.name.value]
        condition = self._composite(fragment.type_condition.name.value)
        key = (node.name.value, is_paged)
        if key not in self._found:
            self._found[key] = self._in(fragment.selection_set, condition, is_paged)
        return condition, self._found[key]

    def _of_field(self, node: FieldNode, parent: GraphQLCompositeType, is_paged: bool) -> Estimate:
        name = node.name.value
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return Estimate(fields=1)
        field = parent.fields.get(name)
        if field is None:
            return Estimate(fields=1)
        named = get_named_type(field.type)
        weight = weight_of(parent.name, name, named)
        if node.selection_set is None or not is_composite_type(named):
            return Estimate(fields=1, points=weight)
        size = self._size(f"{parent.name}.{name}", node, field, is_paged)
        is_wrapped = size is not None and not is_list_type(get_nullable_type(field.type))
        inside = self._in(node.selection_set, named, is_wrapped)
        if size is None:
            return Estimate(fields=1, points=weight) + inside
        if is_wrapped:  # a page or a batch is an object of its own
            return Estimate(fields=1, points=weight, lists=(ListField(size, inside),))
        each = inside + Estimate(points=weight)
        return Estimate(fields=1, lists=(ListField(size, each),))

    def _size(
        self, coordinate: str, node: FieldNode, field: GraphQLField, is_paged: bool
    ) -> int | VariableSize | None:
        """The field's own number of items; None when it is no list, or the list of a page or of
        a batch, whose size is that of the field above it.

        A field that must be given a list answers as many items, whatever they are wrapped in.
        """
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        slicing = slicing_argument(coordinate, field)
        if slicing is not None:
            default = _default_page(field) if slicing == "first" else 0
            return self._sized_by(given.get(slicing), default)
        answered = get_nullable_type(field.type)
        is_own = not is_paged or coordinate in ASSUMED_LENGTHS
        return assumed_length(coordinate) if is_own and is_list_type(answered) else None

    def _sized_by(self, value: ValueNode | None, default: int) -> int | VariableSize:
        if isinstance(value, VariableNode):
            name = value.name.value
            return VariableSize(name, _literal(self._defaults.get(name), default))
        return _literal(value, default)

    def _composite(self, name: str) -> GraphQLCompositeType:
        named = self._schema.type_map[name]
        assert is_composite_type(named), "validated: fragments are on composite types"
        return named


def _literal(value: ValueNode | None, default: int) -> int:
    """The size a literal says; the default when there is none, or null. What stands for a list
    without its brackets is a list of one."""
    if value is None or isinstance(value, NullValueNode):
        return default
    if isinstance(value, IntValueNode):
        return _page(int(value.value))
    return len(value.values) if isinstance(value, ListValueNode) else 1


def _default_page(field: GraphQLField) -> int:
    """The page a field serves unasked; the largest when it leaves that to its resolver."""
    default = field.args["first"].default_value
    return _page(default) if isinstance(default, int) else PAGE_MAX
