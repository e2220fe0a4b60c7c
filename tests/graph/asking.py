"""Operations that ask a schema for everything it has: every field, every argument, none listed.

What is added to the schema is asked by being in it; a scalar that nobody said how to fill fails.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Any

from graphql import (
    DefinitionNode,
    DocumentNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    parse,
)

Arguments = Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField]


@dataclass
class Asking:
    """Builds operations whose arguments name one thing, in every way there is to name it."""

    schema: GraphQLSchema
    leaves: Mapping[str, Sequence[str]]
    """By scalar type: what may stand for a value of it, as GraphQL literals."""
    named: Mapping[str, str] = field(default_factory=dict)
    """By name of an argument or input field: what is given for it instead."""
    _fragments: dict[tuple[str, int], tuple[DefinitionNode, ...]] = field(default_factory=dict)

    @property
    def queries(self) -> list[str]:
        """Every root field that reads."""
        return list(self._root("query").fields)

    @property
    def mutations(self) -> list[str]:
        """Every root field that changes."""
        return list(self._root("mutation").fields)

    def operations(self, kind: str, name: str, **named: str) -> Iterator[DocumentNode]:
        """Operations that ask one root field for everything: one for each way to fill what it
        demands, and one for each way to give every argument. `named` adds to what is given."""
        field = self._root(kind).fields[name]
        asking = replace(self, named={**self.named, **named})
        ways = (
            *asking._filled(field.args, is_every=False),
            *asking._filled(field.args, is_every=True),
        )
        # Another name of the same thing need not be asked as deep again.
        for way, times in zip(dict.fromkeys(ways), chain([2], repeat(1)), strict=False):
            asked = f"{name}({way})" if way else name
            everything = self._all(get_named_type(field.type), times)
            spread = " { ...All }" if everything else ""
            operation = parse(f"{kind} {{ {asked}{spread} }}").definitions
            yield DocumentNode(definitions=(*operation, *everything))

    def _all(self, named: GraphQLNamedType, times: int) -> tuple[DefinitionNode, ...]:
        """The fragment `All`: every field, no type standing more often than that on a path. None
        for a type without fields."""
        if is_leaf_type(named):
            return ()
        if (named.name, times) not in self._fragments:
            selection = self._selection(named, (), times)
            fragment = parse(f"fragment All on {named.name} {selection}")
            self._fragments[named.name, times] = fragment.definitions
        return self._fragments[named.name, times]

    def malformed(self, kind: str, name: str, text: str) -> Iterator[str]:
        """Operations that give an argument of a root field a text, whatever its type is."""
        found = self._root(kind).fields[name]
        inner = "" if is_leaf_type(get_named_type(found.type)) else " { __typename }"
        literal = json.dumps(text)
        for argument in found.args:
            for value in (literal, f"[{literal}]", f"{{id: {literal}, value: {literal}}}"):
                yield f"{kind} {{ {name}({argument}: {value}){inner} }}"

    def _root(self, kind: str) -> GraphQLObjectType:
        root = self.schema.query_type if kind == "query" else self.schema.mutation_type
        assert root is not None
        return root

    def _selection(self, named: GraphQLNamedType, above: tuple[str, ...], times: int) -> str:
        if is_leaf_type(named):
            return ""
        members = self._members(named)
        parts = [f"... on {m.name} {{ {self._fields(m, above, times)} }}" for m in members]
        return f"{{ __typename {' '.join(parts)} }}"

    def _members(self, named: GraphQLNamedType) -> list[GraphQLObjectType]:
        if isinstance(named, GraphQLUnionType | GraphQLInterfaceType):
            return list(self.schema.get_possible_types(named))
        assert isinstance(named, GraphQLObjectType)
        return [named]

    def _fields(self, owner: GraphQLObjectType, above: tuple[str, ...], times: int) -> str:
        path = (*above, owner.name)
        asked = []
        for name, found in owner.fields.items():
            named = get_named_type(found.type)
            inner = [] if is_leaf_type(named) else self._members(named)
            if any(path.count(member.name) >= times for member in inner):
                continue
            # Fields of one name and different types cannot meet in one selection.
            given = next(self._filled(found.args, is_every=False))
            arguments = f"({given})" if given else ""
            asked.append(
                f"{owner.name}_{name}: {name}{arguments} {self._selection(named, path, times)}"
            )
        return "__typename " + " ".join(asked)

    def _filled(self, arguments: Arguments, *, is_every: bool) -> Iterator[str]:
        """The arguments in each way that they can be given, of which one is as good as another."""
        ways = {
            name: self._named(name, argument.type, is_every)
            for name, argument in arguments.items()
            if is_every or _is_demanded(argument)
        }
        for number in range(max(map(len, ways.values()), default=1)):
            yield ", ".join(f"{name}: {way[number % len(way)]}" for name, way in ways.items())

    def _named(self, name: str, wanted: Any, is_every: bool) -> Sequence[str]:
        given = self.named.get(name)
        return self._values(wanted, is_every) if given is None else [given]

    def _values(self, wanted: Any, is_every: bool) -> Sequence[str]:
        if isinstance(wanted, GraphQLNonNull):
            return self._values(wanted.of_type, is_every)
        if isinstance(wanted, GraphQLList):
            return [f"[{', '.join(self._values(wanted.of_type, is_every))}]"]
        if isinstance(wanted, GraphQLInputObjectType):
            return [f"{{{given}}}" for given in self._objects(wanted, is_every)]
        if isinstance(wanted, GraphQLEnumType):
            return list(wanted.values)
        assert wanted.name in self.leaves, f"say how to fill {wanted.name}"
        return self.leaves[wanted.name]

    def _objects(self, wanted: GraphQLInputObjectType, is_every: bool) -> list[str]:
        if not _is_one_of(wanted):
            return list(self._filled(wanted.fields, is_every=is_every))
        return [
            f"{name}: {value}"
            for name, found in wanted.fields.items()
            for value in self._named(name, found.type, is_every)
        ]


def _is_demanded(given: GraphQLArgument | GraphQLInputField) -> bool:
    if isinstance(given, GraphQLArgument):
        return is_required_argument(given)
    return is_required_input_field(given)


def _is_one_of(wanted: GraphQLInputObjectType) -> bool:
    return bool(wanted.extensions["strawberry-definition"].is_one_of)
