"""The arguments of a field: coerced once where nothing in them can change."""

from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any
from uuid import UUID

from graphql import FieldNode, ListValueNode, ObjectValueNode, ValueNode, VariableNode
from graphql.execution.values import get_argument_values
from graphql.type import GraphQLField

from graph.compile.running import Run

_FROZEN = (NoneType, str, int, float, bytes, Enum, date, time, timedelta, Decimal, UUID)

Arguments = dict[str, Any]


def arguments_of(
    field: GraphQLField, node: FieldNode, *, hides_names: bool
) -> Callable[[Run], Arguments]:
    """What gives the arguments of a field for one run, to whoever may change them; raises
    GraphQLError where graphql-core does."""
    if not field.args:
        return lambda _run: {}

    def coerced(run: Run) -> Arguments:
        return get_argument_values(field, node, run.variables, None, hides_names)

    if any(_has_variable(argument.value) for argument in node.arguments or ()):
        return _once_a_run(coerced)
    try:
        always = get_argument_values(field, node, None, None, hides_names)
    except Exception:
        # A scalar that changed its mind since the document was valid: each run hears it anew.
        return coerced
    return (lambda _run: _copied(always)) if _is_frozen(always) else coerced


def _once_a_run(coerced: Callable[[Run], Arguments]) -> Callable[[Run], Arguments]:
    """The same, coerced once for all items of a list."""
    key = object()

    def kept(run: Run) -> Arguments:
        known = run.arguments.get(key)
        if known is None:
            known = coerced(run)
            if not _is_frozen(known):
                return known
            run.arguments[key] = known
        return _copied(known)

    return kept


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(_has_variable, value.values))
    if isinstance(value, ObjectValueNode):
        return any(_has_variable(field.value) for field in value.fields)
    return isinstance(value, VariableNode)


def _is_frozen(value: Any) -> bool:
    """Whether a copy of its lists and dicts is as good as coercing it again."""
    if isinstance(value, dict):
        return all(map(_is_frozen, value.values()))
    if isinstance(value, list):
        return all(map(_is_frozen, value))
    return isinstance(value, _FROZEN)


def _copied(values: Arguments) -> Arguments:
    return {name: _copy(value) for name, value in values.items()}


def _copy(value: Any) -> Any:
    if type(value) is dict:
        return _copied(value)
    return [_copy(item) for item in value] if type(value) is list else value
