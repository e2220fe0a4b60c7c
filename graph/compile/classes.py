"""What Strawberry's own types say beforehand, so that nothing need be asked of each value.

Strawberry finds the type of a value by its class, a plain attribute by its name and an enum value
by its member; here that is looked up once. Whatever is not exactly so - a value that was cast, a
type with a test of its own, a generic one - is left to the function that graphql-core would call.
"""

from enum import EnumMeta
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    get_nullable_type,
)
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.cast import get_strawberry_type_cast
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion

_DEFINITION = "strawberry-definition"
_UNCHANGED = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}


def attribute_of(field: GraphQLField) -> str | None:
    """The attribute that a field reads and answers; None when it does anything else."""
    definition = field.extensions.get(_DEFINITION)
    if (
        isinstance(definition, StrawberryField)
        and type(definition).get_result is StrawberryField.get_result
        and definition.default_resolver is getattr
        # Strawberry's name for the resolver of a field that has none, nor anything around it.
        and getattr(field.resolve, "__name__", None) == "_get_basic_result"
    ):
        return definition.python_name
    return None


def unchanged_class(type_: GraphQLOutputType) -> type | None:
    """The class whose instances are answered as they are; None when the type has none."""
    nullable = get_nullable_type(type_)
    return next((kept for leaf, kept in _UNCHANGED.items() if leaf is nullable), None)


def names_of(type_: GraphQLLeafType) -> tuple[type | None, dict[Any, str]]:
    """The Python enum behind an enum type, and what is answered for each of its members; None and
    nothing for another leaf."""
    members: Any = getattr(type_, "wrapped_cls", None)
    if not isinstance(members, EnumMeta):
        return None, {}
    every: list[Any] = list(members)
    return members, {member: type_.coerce_output_value(member) for member in every}


def class_of(type_: GraphQLObjectType) -> type | None:
    """The class whose instances are values of the type, with no more to be asked; None when there
    is more."""
    definition = type_.extensions.get(_DEFINITION)
    if not isinstance(definition, StrawberryObjectDefinition):
        return None
    if definition.is_type_of is not None or definition.is_graphql_generic:
        return None
    declared = definition.origin
    is_of_class = getattr(declared, "__strawberry_definition__", None) is definition
    return declared if is_of_class else None


def types_by_class(
    type_: GraphQLAbstractType, schema: GraphQLSchema
) -> dict[type, GraphQLObjectType]:
    """The type of the instances of each class, as far as the class decides."""
    definition = type_.extensions.get(_DEFINITION)
    if type(definition) is not StrawberryUnion and not (
        isinstance(definition, StrawberryObjectDefinition) and definition.resolve_type is None
    ):
        return {}
    possible = ((class_of(found), found) for found in schema.get_possible_types(type_))
    return {declared: found for declared, found in possible if declared is not None}


def is_cast(value: Any) -> bool:
    """Whether `strawberry.cast` gave the value another type than its class."""
    return get_strawberry_type_cast(value) is not None
