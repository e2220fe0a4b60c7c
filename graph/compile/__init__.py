"""Operations as closures: what graphql-core decides anew for every field, decided once.

graphql-core's executor looks up the type of each value, collects the fields selected on it, and
builds a path and an `info` for each field, each time. For one operation most of that is always the
same. A `Plan` decides it when a field is first met, and keeps it as closures: one executes a field
(fields.py), one completes its value by the field's type (completing.py), one executes the fields
of an object, side by side or in turn (running.py). What differs between two executions is a `Run`.

graphql-core stays the reference and does all that is not asked once for each field: it coerces
variables and arguments, collects the fields of a selection, coerces leaves, words errors and keeps
their order, and gathers what is waited for. A resolver sees the same source, arguments and `info`,
in the same order and from as many tasks, so a DataLoader gathers what it always did. Metering,
identity and limits come before a plan and are no part of it.

What a plan does not know (known.py) it names as a `Fallback`, before any resolver ran; graphql-core
executes the operation then. tests/graph/compile holds both against each other.
"""

from graph.compile.known import Fallback
from graph.compile.plans import Plan

__all__ = ["Fallback", "Plan"]
