"""Operations as closures: what graphql-core decides anew for every field, decided once.

For each field, each time, graphql-core's executor collects what is selected, looks up types, and
builds a path and an `info`. For one operation most of that is always the same. A `Program` decides
it when a field is first met and keeps it as closures: one executes a field (fields.py), one
completes its value by the field's type (completing.py, lists.py), one executes the fields of an
object, side by side or in turn (running.py). What differs between two executions is a `Run`.

graphql-core stays the reference, and does all that is not asked once for each field: it coerces
variables and arguments, collects the fields of a selection, coerces leaves, words errors and keeps
their order, and gathers what is waited for. A resolver gets the same source, arguments and `info`,
in the same order and from as many tasks, so a DataLoader gathers what it always did. Metering,
identity and limits come before a program and are no part of it.

What a program does not know (known.py) it names as a `Fallback` before any resolver ran, and
graphql-core executes the operation. tests/graph/test_compile_generated.py holds the two against
each other.
"""

from graph.compile.known import Fallback
from graph.compile.programs import Program

__all__ = ["Fallback", "Program"]
