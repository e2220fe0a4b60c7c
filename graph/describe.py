"""What the code says about itself becomes what the published schema says."""

import ast
import inspect
import sys
from enum import EnumMeta
from functools import cache
from itertools import pairwise

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
)
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition

_FIELDED = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)


def describe(api: strawberry.Schema) -> strawberry.Schema:
    """Give each type, field and enum value its docstring as description, where it has none.

    `strawberry.field(description=...)` would do it field by field, but is typed `Any` and would
    take every resolver out of the type checker's sight.
    """
    for known in api.schema_converter.type_map.values():
        definition, published = known.definition, known.implementation
        if isinstance(definition, StrawberryEnumDefinition) and isinstance(
            published, GraphQLEnumType
        ):
            _describe_enum(definition.wrapped_cls, published)
        elif isinstance(definition, StrawberryObjectDefinition) and isinstance(published, _FIELDED):
            _describe_type(api, definition, published)
    return api


def _describe_enum(python: EnumMeta, published: GraphQLEnumType) -> None:
    published.description = published.description or inspect.getdoc(python)
    meanings = attribute_docstrings(python)
    for name, value in published.values.items():
        value.description = value.description or meanings.get(name)


def _describe_type(
    api: strawberry.Schema,
    definition: StrawberryObjectDefinition,
    published: GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType,
) -> None:
    python = definition.origin
    if published.description is None and "__doc__" in vars(python):
        published.description = inspect.getdoc(python)
    meanings: dict[str, str] = {}
    for base in reversed(python.__mro__[:-1]):
        meanings.update(attribute_docstrings(base))
    for field in definition.fields:
        target = published.fields[api.config.name_converter.get_graphql_name(field)]
        if target.description is not None:
            continue
        if field.base_resolver is not None:
            target.description = inspect.getdoc(field.base_resolver.wrapped_func)
        else:
            target.description = meanings.get(field.python_name)


def attribute_docstrings(python: type) -> dict[str, str]:
    """The string under each attribute of a class of ours, by attribute name."""
    if python.__module__.partition(".")[0] not in ("graph", "schema"):
        return {}
    return _docstrings_in(python.__module__).get(python.__name__, {})


@cache
def _docstrings_in(module: str) -> dict[str, dict[str, str]]:
    """The attribute docstrings of every class of a module, read in one go."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _documented(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _documented(body: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute, text in pairwise(body.body):
        name = _assigned_name(attribute)
        if (
            name
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[name] = inspect.cleandoc(text.value.value)
    return found


def _assigned_name(node: ast.stmt) -> str | None:
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return None
