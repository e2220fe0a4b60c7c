"""What of a schema will go away, and which of it an operation asks for.

Each thing has its schema coordinate: `Type.field`, `Type.field(argument:)`, `Input.field` or
`Enum.VALUE`. What comes in variables is not looked at: it is another in every request.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from graphql import (
    DefinitionNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    visit,
)

NOTHING: frozenset[str] = frozenset()


@cache
def deprecations(schema: GraphQLSchema) -> Mapping[str, str]:
    """Why each deprecated thing will go away, by its coordinate."""
    found: dict[str, str] = {}
    for named in schema.type_map.values():
        if not named.name.startswith("__"):
            found.update(_deprecated_in(named))
    return found


def _deprecated_in(named: GraphQLNamedType) -> Iterator[tuple[str, str]]:
    if isinstance(named, GraphQLEnumType):
        members: Mapping[str, object] = named.values
    elif isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        members = named.fields
    else:
        return
    for name, member in members.items():
        place = f"{named.name}.{name}"
        if (reason := getattr(member, "deprecation_reason", None)) is not None:
            yield place, reason
        for argument_name, argument in getattr(member, "args", {}).items():
            if argument.deprecation_reason is not None:
                yield f"{place}({argument_name}:)", argument.deprecation_reason


def deprecated_in(schema: GraphQLSchema, document: DocumentNode) -> list[frozenset[str]]:
    """The coordinates of what each operation of a valid document asks for that will go away, in
    the order of the operations."""
    known = deprecations(schema)
    operations, fragments = [], {}
    for definition in document.definitions:
        # Walking is not free, and a schema has mostly nothing that goes away.
        seen = _Seen(schema, known, definition) if known else None
        if isinstance(definition, OperationDefinitionNode):
            operations.append(seen)
        elif isinstance(definition, FragmentDefinitionNode) and seen:
            fragments[definition.name.value] = seen
    return [_with_fragments(seen, fragments) if seen else NOTHING for seen in operations]


class _Seen(Visitor):
    """What one definition asks for itself, and the fragments that it spreads."""

    def __init__(
        self, schema: GraphQLSchema, known: Mapping[str, str], definition: DefinitionNode
    ) -> None:
        super().__init__()
        self.coordinates: set[str] = set()
        self.fragments: set[str] = set()
        self._known = known
        self._types = TypeInfo(schema)
        visit(definition, TypeInfoVisitor(self._types, self))

    def enter_field(self, node: FieldNode, *_: object) -> None:
        owner, name = self._types.get_parent_type(), node.name.value
        self._meet(owner, name)
        for argument in node.arguments or ():
            self._meet(owner, f"{name}({argument.name.value}:)")

    def enter_object_field(self, node: ObjectFieldNode, *_: object) -> None:
        owner = get_named_type(self._types.get_parent_input_type())
        self._meet(owner, node.name.value)

    def enter_enum_value(self, node: EnumValueNode, *_: object) -> None:
        self._meet(get_named_type(self._types.get_input_type()), node.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.fragments.add(node.name.value)

    def _meet(self, owner: GraphQLNamedType | None, name: str) -> None:
        if owner is not None and (place := f"{owner.name}.{name}") in self._known:
            self.coordinates.add(place)


def _with_fragments(operation: _Seen, fragments: Mapping[str, _Seen]) -> frozenset[str]:
    """What an operation asks for together with every fragment that it reaches."""
    found, met, waiting = set(operation.coordinates), set[str](), set(operation.fragments)
    while waiting:
        name = waiting.pop()
        met.add(name)
        found |= fragments[name].coordinates
        waiting |= fragments[name].fragments - met
    return frozenset(found)
