"""What one operation may cost: the numbers for each kind of viewer, and the measuring.

Strawberry's own depth and alias limiters walk every spread of a fragment again, so a chain of
fragments that each spread the next one twice costs 2^n steps before it is refused. Here every
selection is looked at once, and fragments are added up in the order of their dependencies.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from graphlib import CycleError, TopologicalSorter

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from schema.people import ViewerKind

VALIDATION_ERRORS_SHOWN = 5
"""Validation stops at this many errors; one is enough to refuse, five to help."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. Counts are taken after fragments are expanded."""

    body_bytes: int
    """Longest body of a POST, or query string of a GET."""
    tokens: int
    """Tokens of the document, comments among them."""
    depth: int
    """Fields above each other, introspection left out."""
    aliases: int
    root_fields: int
    fields: int
    introspections: int
    """Selections of `__schema` and `__type`: each may answer the whole schema."""
    introspection_fields: int
    """Fields below `__schema` and `__type`: the full introspection query has about 250."""
    directives: int
    fragments: int
    """Fragment definitions in the document."""
    operations: int
    """Operations in the document, whichever of them runs."""
    code_pages: int
    """`codePage` selections at the root of one operation."""
    mutations: int
    """Fields at the root of a mutation. One: what a second try of a password costs, and in whose
    name the second change is made, is then never a question."""
    answer_fields: int
    """Fields that the lists of one operation may answer, as estimated before it runs
    (graph/estimate.py): about a hundred thousand take a second."""
    cost: int
    """Points that one operation may cost (graph/estimate.py); a smaller bucket bounds it too."""
    list_items: int
    """Longest list accepted as an argument; resolvers check it."""
    deadline_seconds: float
    """Time one operation may take to execute."""


_GUEST = Limits(
    body_bytes=20_000,
    tokens=1_000,
    depth=10,
    aliases=15,
    root_fields=5,
    fields=200,
    introspections=2,
    introspection_fields=500,
    directives=8,
    fragments=30,
    operations=1,
    code_pages=1,
    mutations=1,
    answer_fields=10_000,
    cost=200,
    list_items=20,
    deadline_seconds=2.0,
)
_REGISTERED = Limits(
    body_bytes=50_000,
    tokens=1_500,
    depth=12,
    aliases=30,
    root_fields=10,
    fields=500,
    introspections=2,
    introspection_fields=500,
    directives=8,
    fragments=50,
    operations=5,
    code_pages=5,
    mutations=1,
    answer_fields=40_000,
    cost=500,
    list_items=50,
    deadline_seconds=5.0,
)
_PARTNER = Limits(
    body_bytes=100_000,
    tokens=3_000,
    depth=15,
    aliases=50,
    root_fields=20,
    fields=1_000,
    introspections=2,
    introspection_fields=500,
    directives=8,
    fragments=50,
    operations=5,
    code_pages=20,
    mutations=1,
    answer_fields=200_000,
    cost=1_000,
    list_items=100,
    deadline_seconds=10.0,
)

LIMITS = {
    ViewerKind.GUEST: _GUEST,
    ViewerKind.REGISTERED: _REGISTERED,
    ViewerKind.SUBSCRIBER: _REGISTERED,
    ViewerKind.PARTNER: _PARTNER,
    ViewerKind.STAFF: _PARTNER,
}
"""The one table of limits. A viewer nobody knows yet is a guest."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of a document: of several operations, the greatest number of each."""

    tokens: int = 0
    depth: int = 0
    aliases: int = 0
    root_fields: int = 0
    fields: int = 0
    introspections: int = 0
    introspection_fields: int = 0
    directives: int = 0
    code_pages: int = 0
    mutations: int = 0
    fragments: int = 0
    operations: int = 0
    visited: int = 0
    """Selections looked at while measuring; equal to those written in the document, however often
    its fragments are spread."""


_LIMITED = {
    "tokens": "tokens",
    "depth": "levels of fields",
    "aliases": "aliases",
    "root_fields": "fields at the root",
    "fields": "fields",
    "introspections": "selections of __schema and __type",
    "introspection_fields": "introspection fields",
    "directives": "directives",
    "code_pages": "codePage selections in one operation",
    "mutations": "fields at the root of a mutation",
    "fragments": "fragments",
    "operations": "operations in one document",
}


def exceeded(measure: Measure, limits: Limits) -> str | None:
    """The sentence that refuses the document, naming the first limit it exceeds; None if none.

    Fields, aliases and directives of a fragment count wherever it is spread.
    """
    for name, noun in _LIMITED.items():
        most = getattr(limits, name)
        if getattr(measure, name) > most:
            return f"The document has more than {most} {noun}."
    return None


def measure(document: DocumentNode) -> Measure | None:
    """The size of the document, in time linear in its length; None if fragments form a cycle.

    Needs no valid document: what a spread names and nobody defines counts as nothing.
    """
    definitions = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    tallies = {name: _tally(node) for name, node in definitions.items()}
    if not _expand_fragments(tallies):
        return None
    totals = [_tally(operation) for operation in operations]
    for operation, total in zip(operations, totals, strict=True):
        total.expand(tallies)
        if operation.operation is OperationType.MUTATION:
            total.mutations = total.root_fields
    return Measure(
        **{name: max((getattr(t, name) for t in totals), default=0) for name in _COUNTED},
        tokens=document.token_count,
        fragments=len(definitions),
        operations=len(operations),
        visited=sum(t.visited for t in (*tallies.values(), *totals)),
    )


@dataclass(frozen=True, slots=True)
class _Spread:
    """A use of a fragment, and where it stands in the definition that uses it."""

    name: str
    depth: int
    is_at_root: bool
    is_introspection: bool


class _Tally:
    """The numbers of one operation or fragment, at first without the fragments it spreads."""

    def __init__(self) -> None:
        self.depth = 0
        self.aliases = 0
        self.root_fields = 0
        self.fields = 0
        self.introspections = 0
        self.introspection_fields = 0
        self.directives = 0
        self.code_pages = 0
        self.mutations = 0
        self.visited = 0
        self.spreads: list[_Spread] = []

    def expand(self, fragments: dict[str, "_Tally"]) -> None:
        """Add what each spread brings; the fragments must be expanded already."""
        for spread in self.spreads:
            if (fragment := fragments.get(spread.name)) is not None:
                self._add(fragment, spread)

    def _add(self, fragment: "_Tally", spread: _Spread) -> None:
        self.aliases += fragment.aliases
        self.directives += fragment.directives
        self.introspections += fragment.introspections
        self.introspection_fields += fragment.introspection_fields
        if spread.is_introspection:
            self.introspection_fields += fragment.fields
            return
        self.fields += fragment.fields
        self.depth = max(self.depth, spread.depth + fragment.depth)
        if spread.is_at_root:
            self.root_fields += fragment.root_fields
            self.code_pages += fragment.code_pages


_COUNTED = tuple(
    f.name for f in fields(Measure) if f.name in vars(_Tally()) and f.name != "visited"
)
_INTROSPECTION = frozenset({"__schema", "__type"})


def _tally(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Tally:
    """The definition's own numbers; walks with a stack, so that nesting cannot exhaust Python's."""
    tally = _Tally()
    tally.directives = len(definition.directives or ())
    for variable in definition.variable_definitions or ():
        tally.directives += len(variable.directives or ())
    stack: list[tuple[SelectionSetNode, int, bool, bool]]
    stack = [(definition.selection_set, 0, True, False)]
    while stack:
        selection_set, depth, is_at_root, is_introspection = stack.pop()
        for node in selection_set.selections:
            tally.visited += 1
            tally.directives += len(node.directives or ())
            if isinstance(node, FragmentSpreadNode):
                spread = _Spread(node.name.value, depth, is_at_root, is_introspection)
                tally.spreads.append(spread)
                continue
            if isinstance(node, InlineFragmentNode):
                stack.append((node.selection_set, depth, is_at_root, is_introspection))
                continue
            assert isinstance(node, FieldNode), "the third and last kind of selection"
            name = node.name.value
            is_meta = is_introspection or name in _INTROSPECTION
            tally.aliases += node.alias is not None
            tally.root_fields += is_at_root
            tally.code_pages += is_at_root and name == "codePage"
            tally.introspections += name in _INTROSPECTION
            tally.introspection_fields += is_meta
            if not is_meta:
                tally.fields += 1
                tally.depth = max(tally.depth, depth + 1)
            if node.selection_set is not None:
                stack.append((node.selection_set, depth + 1, False, is_meta))
    return tally


def _expand_fragments(tallies: dict[str, _Tally]) -> bool:
    """Expand every fragment, the inner ones first; False if they form a cycle."""
    uses: dict[str, Iterable[str]] = {
        name: {s.name for s in tally.spreads if s.name in tallies}
        for name, tally in tallies.items()
    }
    try:
        for name in TopologicalSorter(uses).static_order():
            tallies[name].expand(tallies)
    except CycleError:
        return False
    return True
