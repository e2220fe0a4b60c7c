"""From what a resolver gave to what is answered, by the type of the field: the section "Value
completion" of the specification."""

from collections.abc import Awaitable
from functools import lru_cache
from types import CoroutineType
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    default_type_resolver,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.executor import invalid_return_type_error
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable as is_awaitable

from graph.compile.classes import class_of, is_cast, names_of, types_by_class
from graph.compile.lists import list_of
from graph.compile.places import Complete, Place, Slot
from graph.compile.running import Run


def slot(type_: GraphQLOutputType, place: Place) -> Slot:
    """Where values of a type go at a place."""
    kind = get_nullable_type(type_)
    if isinstance(kind, GraphQLList):
        complete = list_of(slot(kind.of_type, place), place)
    elif is_leaf_type(kind):
        complete = _leaf(kind)
    elif is_abstract_type(kind):
        complete = _abstract(kind, place)
    else:
        assert is_object_type(kind), "the last kind of output type"
        complete = _object(kind, place)
    return Slot(complete, place, may_be_null=kind is type_)


@lru_cache(256)
def _leaf(type_: GraphQLLeafType) -> Complete:
    members, names = names_of(type_)

    def completed(_run: Run, _path: Path, value: Any) -> Any:
        if type(value) is members and value in names:
            return names[value]
        return Executor.complete_leaf_value(type_, value)

    return completed


def _object(type_: GraphQLObjectType, place: Place) -> Complete:
    execute = place.objects(type_)
    is_type_of = type_.is_type_of
    if is_type_of is None:
        return lambda run, path, value: execute(run, value, path)
    declared = class_of(type_)

    def completed(run: Run, path: Path, value: Any) -> Any:
        if type(value) is not declared or is_cast(value):
            is_one: Any = is_type_of(value, place.info(run, path))
            if is_awaitable(is_one):
                return judged(run, path, value, is_one)
            if not is_one:
                raise invalid_return_type_error(type_, value, place.details)
        return execute(run, value, path)

    async def judged(run: Run, path: Path, value: Any, is_one: Awaitable[bool]) -> Any:
        if not await is_one:
            raise invalid_return_type_error(type_, value, place.details)
        done = execute(run, value, path)
        return await done if type(done) is CoroutineType else done

    return completed


def _abstract(type_: GraphQLAbstractType, place: Place) -> Complete:
    resolve_type = type_.resolve_type or default_type_resolver
    by_class = types_by_class(type_, place.schema)
    by_type: dict[GraphQLObjectType, Complete] = {}

    def completed(run: Run, path: Path, value: Any) -> Any:
        found = by_class.get(type(value))
        if found is not None and not is_cast(value):
            return of(found)(run, path, value)
        info = place.info(run, path)
        named: Any = resolve_type(value, info, type_)
        if is_awaitable(named):
            return resolved(run, path, value, named)
        return named_so(run, path, value, named)

    async def resolved(run: Run, path: Path, value: Any, named: Awaitable[Any]) -> Any:
        done = named_so(run, path, value, await named)
        return await done if type(done) is CoroutineType else done

    def named_so(run: Run, path: Path, value: Any, named: Any) -> Any:
        info = place.info(run, path)
        found = run.referee.ensure_valid_runtime_type(named, type_, place.details, info, value)
        return of(found)(run, path, value)

    def of(found: GraphQLObjectType) -> Complete:
        complete = by_type.get(found)
        if complete is None:
            complete = by_type[found] = _object(found, place)
        return complete

    return completed
