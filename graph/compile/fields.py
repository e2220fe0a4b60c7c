"""One selected field: ask its resolver, then complete what it gives."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from graphql import GraphQLObjectType, default_field_resolver, is_leaf_type
from graphql.pyutils import Path
from graphql.type import GraphQLField, get_nullable_type

from graph.compile.arguments import arguments_of
from graph.compile.classes import attribute_of, unchanged_class
from graph.compile.completing import slot
from graph.compile.places import Place, Slot
from graph.compile.running import Execute, Run


def field_of(
    field: GraphQLField, place: Place, parent: GraphQLObjectType, *, hides_names: bool
) -> Execute:
    """What executes a field where it stands."""
    node = place.details[0].node
    key = node.alias.value if node.alias else node.name.value
    if node.name.value == "__typename":
        name = parent.name
        return lambda _run, _source, _above: name
    to = slot(field.type, place)
    attribute = attribute_of(field)
    if attribute is None:
        return _resolved(_resolver(field, place, hides_names), to, key, parent.name)
    get = attrgetter(attribute)
    if is_leaf_type(get_nullable_type(field.type)):
        return _leaf(get, unchanged_class(field.type), to, key, parent.name)
    return _resolved(lambda _run, source, _path: get(source), to, key, parent.name)


def _resolver(
    field: GraphQLField, place: Place, hides_names: bool
) -> Callable[[Run, Any, Path], Any]:
    resolve = field.resolve or default_field_resolver
    arguments = arguments_of(field, place.details[0].node, hides_names=hides_names)
    info = place.info
    return lambda run, source, path: resolve(source, info(run, path), **arguments(run))


def _resolved(ask: Callable[[Run, Any, Path], Any], to: Slot, key: str, parent: str) -> Execute:
    def execute(run: Run, source: Any, above: Path | None) -> Any:
        path = Path(above, key, parent)
        try:
            value = ask(run, source, path)
        except Exception as error:
            return to.fail(run, path, error)
        return to.answer(run, path, value)

    return execute


def _leaf(
    get: Callable[[Any], Any], unchanged: type | None, to: Slot, key: str, parent: str
) -> Execute:
    """An attribute that is answered without anything below it: its path is needed only when
    something is wrong."""
    may_be_null = to.may_be_null

    def execute(run: Run, source: Any, above: Path | None) -> Any:
        try:
            value = get(source)
        except Exception as error:
            return to.fail(run, Path(above, key, parent), error)
        if type(value) is unchanged or (value is None and may_be_null):
            return value
        return to.answer(run, Path(above, key, parent), value)

    return execute
