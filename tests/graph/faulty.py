"""Resolvers that fail in every way there is, the same way again for the same seed and path.

What a field answers is drawn from the seed and its path: values as they should be and as they
should not, errors raised and errors given, now or some turns of the event loop later.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from enum import Enum
from random import Random
from typing import Any

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    is_leaf_type,
)
from graphql.type import GraphQLResolveInfo

from graph.compile.classes import attribute_of

LEAVES: dict[str, tuple[Any, ...]] = {
    "Int": (0, 7, 3.0, "12", True, 2**40, "x"),
    "Float": (0.5, 7, "1.5", True, float("nan")),
    "String": ("", "text", 5, 2.5, True, b"bytes"),
    "ID": ("id", 5, 2.0, True),
    "Boolean": (True, False, 1, 0.0, "yes"),
}
"""Values of the built-in scalars, some of which they cannot serialize. The first is a good one."""


class Later:
    """A value that comes some turns later, or an error that does. Nobody minds if it is never
    awaited, as is so of what an error made superfluous."""

    def __init__(self, value: Any, turns: int) -> None:
        self._value = value
        self._turns = turns

    def __await__(self) -> Iterator[Any]:
        for _ in range(self._turns):
            yield from asyncio.sleep(0).__await__()
        if isinstance(self._value, _Raised):
            raise self._value.error
        return self._value


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error


class Thing:
    """A value of an object type of a schema that has no classes for its types."""

    def __init__(self, name: str, said: Any) -> None:
        self.__typename = name
        self.name = name
        self.said = said
        """What is said of its type by whoever is asked: mostly the same."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Faults:
    """Answers for every field of a schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.seed = 0
        self.often = 0.0
        """How often a value is not as it should be."""
        self.calls: list[Any] = []
        """What everybody was told who was asked for a value or its type, in that order."""

    def begin(self, seed: int, often: float) -> None:
        """Answer by that seed from here on."""
        self.seed, self.often, self.calls = seed, often, []

    def resolve(self, _source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        """As a resolver."""
        path = info.path.as_list()
        self.calls.append(
            (path, _keys(info), copy.deepcopy(arguments), dict(info.variable_values), *info[:4])  # type: ignore[call-overload]
        )
        rng = Random(f"{self.seed} {path}")
        value = self._value(info.return_type, rng, 0)
        if rng.random() < 0.3:
            return _coroutine(Later(value, rng.randrange(3)))
        if rng.random() < 0.1:
            return Later(value, rng.randrange(3))
        if isinstance(value, _Raised):
            raise value.error
        return value

    def type_of(self, value: Any, info: GraphQLResolveInfo[Any], _type: Any) -> Any:
        """As the `resolve_type` of an abstract type."""
        self.calls.append((info.path.as_list(), _keys(info), *info[:4]))
        return value.said

    def is_type_of(self, type_: GraphQLObjectType) -> Callable[[Any, Any], Any]:
        """As the `is_type_of` of an object type."""

        def is_one(value: Any, info: GraphQLResolveInfo[Any]) -> Any:
            self.calls.append((info.path.as_list(), type_.name))
            is_it = isinstance(value, Thing) and value.name == type_.name
            return Later(is_it, 1) if self.seed % 3 == 0 else is_it

        return is_one

    def _value(self, type_: Any, rng: Random, depth: int) -> Any:
        if rng.random() < self.often:
            return self._fault(rng)
        if isinstance(type_, GraphQLNonNull):
            return self._value(type_.of_type, rng, depth)
        if isinstance(type_, GraphQLList):
            return self._list(type_.of_type, rng, depth)
        if is_leaf_type(type_):
            return self._leaf(type_, rng)
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            return self._object(rng.choice(self._schema.get_possible_types(type_)), rng, depth)
        return self._object(type_, rng, depth)

    def _fault(self, rng: Random) -> Any:
        said = {"code": "BAD_USER_INPUT", "more": [1]}
        return rng.choice(
            [
                None,
                Undefined,
                ValueError("given"),
                _Raised(ValueError("raised")),
                _Raised(GraphQLError("said", extensions=said)),
                _Raised(GraphQLError("elsewhere", path=["another", 1])),
                "no such value",
                -1.5,
                [None],
                {"a": 1},
                Thing("Nothing", rng.choice([None, 5, "Nothing", "String", "Query"])),
                *([None] * 4),
            ]
        )

    def _list(self, item_type: Any, rng: Random, depth: int) -> Any:
        items = [self._value(item_type, rng, depth + 1) for _ in range(rng.choice([0, 1, 2, 3]))]
        items = [_given(item, rng) for item in items]
        match rng.randrange(12):
            case 0:
                return tuple(items)
            case 1:
                return (item for item in items)
            case 2:
                return _failing(items, rng.randrange(3))
            case 3:
                return _one_by_one(items, rng.randrange(5))
            case _:
                return items

    def _leaf(self, type_: Any, rng: Random) -> Any:
        if isinstance(type_, GraphQLEnumType):
            every = [value.value for value in type_.values.values()]
            members = getattr(type_, "wrapped_cls", None)
            known: list[Enum] = list(members) if members else every
            return rng.choice(known + every)
        values = LEAVES.get(type_.name, (date(2026, 1, 1),))
        return rng.choice(values) if rng.random() < self.often else values[0]

    def _object(self, type_: GraphQLObjectType, rng: Random, depth: int) -> Any:
        definition = type_.extensions.get("strawberry-definition")
        if definition is None:
            lies = [None, 5, "Nothing", "Query", Later(type_.name, 1), Later("Query", 0)]
            said = rng.choice(lies) if rng.random() < self.often else type_.name
            return Thing(type_.name, said)
        made = object.__new__(_class_of(definition.origin, rng))
        for field in type_.fields.values():
            name = attribute_of(field)
            if name is not None and rng.random() > self.often / 4:
                value = _given(self._value(field.type, rng, depth + 1), rng)
                made.__dict__[name] = value if depth < 4 else _shallow(field.type)
        if rng.random() < self.often / 4:
            other = rng.choice(list(self._schema.type_map.values()))
            origin = getattr(other.extensions.get("strawberry-definition"), "origin", None)
            return strawberry.cast(origin or type_, made)
        return made


def _class_of(origin: type, rng: Random) -> type:
    return type(origin.__name__, (origin,), {}) if rng.random() < 0.03 else origin


def _shallow(type_: Any) -> Any:
    return [] if isinstance(getattr(type_, "of_type", type_), GraphQLList) else None


def _given(value: Any, rng: Random) -> Any:
    """The same where nothing can be raised: in a list, or as an attribute."""
    if isinstance(value, _Raised) or rng.random() < 0.1:
        return Later(value, rng.randrange(3))
    return value


def _keys(info: GraphQLResolveInfo[Any]) -> list[Any]:
    path, types = info.path, []
    while path is not None:
        types.append(path.typename)
        path = path.prev  # type: ignore[assignment]
    return [type(info), types, info.context, info.root_value, info.operation, info.fragments]


async def _coroutine(value: Later) -> Any:
    return await value


def _failing(items: list[Any], after: int) -> Iterator[Any]:
    yield from items[:after]
    if after < len(items):
        raise ValueError("no more")


async def _one_by_one(items: list[Any], after: int) -> AsyncIterator[Any]:
    for place, item in enumerate(items):
        await asyncio.sleep(0)
        if place == after:
            raise ValueError("no more")
        yield item


def spoil(schema: GraphQLSchema) -> Faults:
    """Give every field of a schema without resolvers one that fails, and half of its types a say
    in what they are."""
    faults = Faults(schema)
    for place, named in enumerate(schema.type_map.values()):
        if named.name.startswith("__"):
            continue
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType) and place % 2:
            named.resolve_type = faults.type_of
        if isinstance(named, GraphQLObjectType):
            if place % 2:
                named.is_type_of = faults.is_type_of(named)
            for field in named.fields.values():
                field.resolve = faults.resolve
    return faults


@contextmanager
def spoiled(schema: GraphQLSchema) -> Iterator[Faults]:
    """The same for a while, of a schema by Strawberry: its attributes stay attributes, of objects
    of its classes that hold anything."""
    faults = Faults(schema)
    asked = [field for field in _fields(schema) if attribute_of(field) is None]
    kept = [field.resolve for field in asked]
    try:
        for field in asked:
            field.resolve = faults.resolve
        yield faults
    finally:
        for field, resolve in zip(asked, kept, strict=True):
            field.resolve = resolve


def _fields(schema: GraphQLSchema) -> Iterator[GraphQLField]:
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType) and not named.name.startswith("__"):
            yield from named.fields.values()
