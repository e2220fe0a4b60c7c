"""How many fields an operation may have to answer, known before it runs.

graphql-core completes a list without giving the event loop a turn, so a nested list is refused by
its size and not by its duration. The estimate counts the fields selected inside lists, times the
items those can hold: `children(first: 100) { edges { node { title children(first: 50) { edges {
node { title } } } } } }` may answer some 100 x (5 + 50 x 3) fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_required_argument,
)

PAGE_MAX = 100
"""Largest `first` of any connection; resolvers refuse more, so more is not counted."""
ASSUMED_LIST_LENGTH = 5
"""Items of a list that need not be given a size or a list, as a breadcrumb or the sections of a
page: few, and not the caller's choice."""
ASSUMED_LENGTHS = {"Translation.scenarios": 2, "Scenario.choiceLists": 2}
"""The same of lists that official files bound: of the 4,900 diagnoses and 215 procedures that have
combinations in General Equivalence Mappings, nine in ten have one scenario of two lists."""


@dataclass(frozen=True, slots=True)
class VariableSize:
    """A size that comes with the variables of the request."""

    name: str
    otherwise: int
    """The size when the variable is absent or null."""


@dataclass(frozen=True, slots=True)
class ListField:
    """One selected list, its size, and the lists selected inside each of its items."""

    size: int | VariableSize
    fields: int
    """Fields selected in each item, those of the lists inside left out."""
    inside: tuple["ListField", ...]


def fields_asked(lists: tuple[ListField, ...], variables: Mapping[str, Any]) -> int:
    """The fields that the items of these lists answer together, with those variables."""
    total = 0
    for field in lists:
        size = field.size
        if isinstance(size, VariableSize):
            size = _given(variables.get(size.name), size.otherwise)
        total += size * (field.fields + fields_asked(field.inside, variables))
    return total


@dataclass(frozen=True, slots=True)
class _Selected:
    """What a selection holds: its own fields, and the lists whose items hold more."""

    fields: int = 0
    lists: tuple[ListField, ...] = ()

    def __add__(self, other: "_Selected") -> "_Selected":
        return _Selected(self.fields + other.fields, self.lists + other.lists)


def _given(value: object, otherwise: int) -> int:
    """The size a variable gives; 1 for a value that coercion is going to refuse."""
    if value is None:
        return otherwise
    if isinstance(value, list):
        return len(value)
    return _page(value) if isinstance(value, int) else 1


def _page(first: int) -> int:
    return min(max(first, 0), PAGE_MAX)


class ListFinder:
    """Finds the lists that one operation of a valid document selects.

    Validity bounds the recursion: graphql-core refuses documents nested deeper than 200 levels,
    fragments expanded, and those with a cycle. Each fragment is walked once for each way it is
    used, and one that selects no list adds nothing however often it is spread.
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
        self._found: dict[tuple[str, bool], _Selected] = {}
        self._defaults = {
            definition.variable.name.value: definition.default_value
            for definition in operation.variable_definitions or ()
        }

    def lists(self) -> tuple[ListField, ...]:
        """The outermost lists, in document order, with those inside them."""
        root = self._schema.get_root_type(self._operation.operation)
        if root is None:
            return ()
        return self._in(self._operation.selection_set, root, False).lists

    def _in(
        self, selection_set: SelectionSetNode, parent: GraphQLCompositeType, is_paged: bool
    ) -> _Selected:
        found = _Selected()
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                found += self._of_field(node, parent, is_paged)
            elif isinstance(node, FragmentSpreadNode):
                found += self._of_fragment(self._fragments[node.name.value], is_paged)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self._composite(condition.name.value) if condition else parent
                found += self._in(node.selection_set, inner, is_paged)
        return found

    def _of_fragment(self, fragment: FragmentDefinitionNode, is_paged: bool) -> _Selected:
        key = (fragment.name.value, is_paged)
        if key not in self._found:
            parent = self._composite(fragment.type_condition.name.value)
            self._found[key] = self._in(fragment.selection_set, parent, is_paged)
        return self._found[key]

    def _of_field(self, node: FieldNode, parent: GraphQLCompositeType, is_paged: bool) -> _Selected:
        one = _Selected(fields=1)
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return one
        field = parent.fields.get(node.name.value)
        if field is None or node.selection_set is None:
            return one
        named = get_named_type(field.type)
        if not is_composite_type(named):
            return one
        inside = self._in(node.selection_set, named, "first" in field.args)
        size = self._size(f"{parent.name}.{node.name.value}", node, field, is_paged)
        if size is None:
            return one + inside
        return _Selected(1, (ListField(size, inside.fields, inside.lists),))

    def _size(
        self, named: str, node: FieldNode, field: GraphQLField, is_paged: bool
    ) -> int | VariableSize | None:
        """The field's own number of items; None when it is no list, or the list of a page.

        A field that must be given a list answers as many items, whatever they are wrapped in.
        """
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        if "first" in field.args:
            return self._sized_by(given.get("first"), _default_page(field))
        for name, argument in field.args.items():
            if is_required_argument(argument) and is_list_type(get_nullable_type(argument.type)):
                return self._sized_by(given.get(name), 0)
        if not is_list_type(get_nullable_type(field.type)) or is_paged:
            return None
        return ASSUMED_LENGTHS.get(named, ASSUMED_LIST_LENGTH)

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
    """The size a literal says; the default when there is none, or null."""
    if isinstance(value, IntValueNode):
        return _page(int(value.value))
    if isinstance(value, ListValueNode):
        return len(value.values)
    return default


def _default_page(field: GraphQLField) -> int:
    """The page a field serves unasked; the largest when it leaves that to its resolver."""
    default = field.args["first"].default_value
    return _page(default) if isinstance(default, int) else PAGE_MAX
