"""The documents of the project and of its clients are compiled, and answered as by graphql-core.

They are found where they stand: the examples of GraphiQL, the pages that letters link to, the
papers, the tests, and an operation for each root field that asks for everything.
"""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Visitor,
    get_named_type,
    is_required_input_field,
    parse,
    type_from_ast,
    validate,
    visit,
)

from graph.api import api
from graph.compile import Fallback
from graph.documents import Documents, core_schema
from tests.graph.asking import Asking
from tests.graph.executed import by_program, by_reference, program_of, sweeping
from tests.graph.faulty import spoiled

ROOT = Path(__file__).resolve().parents[2]
Found = list[tuple[str, DocumentNode, OperationDefinitionNode]]
"""(file, document of one operation, the operation)"""

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
SCHEMA = core_schema(api())
Documents(api())  # marks the inputs of which one field may be given


def texts() -> Iterator[tuple[str, str]]:
    """(file, what may be a document) of the whole project, what tests programs left out."""
    for path in sorted(ROOT.glob("graph/web/queries/*.graphql")):
        yield _name(path), path.read_text()
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]:
        for shown in re.findall(r"(?ms)^```graphql\n(.*?)^```", path.read_text()):
            yield _name(path), shown
    for path in sorted(ROOT.glob("graph/web/letters/*.js")):
        for shown in re.findall(r"`([^`]+)`", path.read_text()):
            yield _name(path), shown
    for path in sorted(ROOT.glob("tests/**/*.py")):
        if path.name.startswith("test_compile"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{" in node.value:
                yield _name(path), node.value


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def everything() -> Iterator[tuple[str, DocumentNode]]:
    """An operation for each root field, which gives it every argument and asks for all it has."""
    asking = Asking(
        SCHEMA,
        {
            "ID": ['"x"'],
            "String": ['"x"'],
            "Int": ["1"],
            "Boolean": ["true"],
            "Date": ['"2026-01-01"'],
            "DateTime": ['"2026-01-01T00:00:00Z"'],
        },
    )
    for kind, names in (("query", asking.queries), ("mutation", asking.mutations)):
        for name in names:
            *_, document = asking.operations(kind, name)
            yield f"everything of {name}", document


@pytest.fixture(scope="module")
def documents() -> Found:
    """All that our schema can answer."""
    parsed = dict.fromkeys(texts())
    valid = [(name, document) for name, text in parsed for document in _valid(text)]
    return [
        (name, one, operation)
        for name, document in (*valid, *everything())
        for one, operation in _apart(document)
    ]


def _valid(text: str) -> list[DocumentNode]:
    try:
        document = parse(text)
    except GraphQLError:
        return []
    return [] if validate(SCHEMA, document) else [document]


def _apart(document: DocumentNode) -> Iterator[tuple[DocumentNode, OperationDefinitionNode]]:
    """Each operation in a document without the others."""
    fragments = [n for n in document.definitions if not isinstance(n, OperationDefinitionNode)]
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            yield DocumentNode(definitions=(node, *fragments)), node


class _Typenames(Visitor):
    """Asks every selection for `__typename` besides, as clients with a cache do."""

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode:
        typename = FieldNode(name=NameNode(value="__typename"), arguments=(), directives=())
        return SelectionSetNode(selections=(*node.selections, typename))


def filled(operation: OperationDefinitionNode) -> dict[str, Any]:
    """A value for each variable that needs one."""
    return {
        node.variable.name.value: _value(type_from_ast(SCHEMA, node.type))
        for node in operation.variable_definitions or ()
        if node.default_value is None
    }


def _value(type_: Any) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _value(type_.of_type)
    if isinstance(type_, GraphQLList):
        return [_value(type_.of_type)]
    named = get_named_type(type_)
    if isinstance(named, GraphQLEnumType):
        return next(iter(named.values))
    if isinstance(named, GraphQLInputObjectType):
        fields = {n: f for n, f in named.fields.items() if is_required_input_field(f)}
        fields = fields or dict(list(named.fields.items())[:1])
        return {name: _value(field.type) for name, field in fields.items()}
    return {"Int": 1, "Boolean": True, "Date": "2026-01-01"}.get(named.name, "2026-01-01T00:00:00Z")


def test_nine_of_ten_documents_are_compiled_and_the_others_ask_for_the_schema(
    documents: Found,
) -> None:
    left: dict[Fallback, list[str]] = {}
    with spoiled(SCHEMA), asyncio.Runner() as runner, sweeping() as sweep:
        for name, document, operation in documents:
            sweep()
            program = program_of(SCHEMA, document)
            answer = runner.run(by_program(program, filled(operation)))
            if isinstance(answer, Fallback):
                left.setdefault(answer, []).append(name)

    assert list(left) == [Fallback.INTROSPECTION], left
    others = left[Fallback.INTROSPECTION]
    assert all(name.startswith("tests/") for name in others), others
    assert len(documents) >= 100
    assert len(others) <= len(documents) / 10


@pytest.mark.parametrize("with_typenames", [False, True], ids=["as it is", "with typenames"])
def test_every_document_gets_the_same_answer_both_ways(
    documents: Found, with_typenames: bool
) -> None:
    compared = 0
    with spoiled(SCHEMA) as faults, asyncio.Runner() as runner, sweeping() as sweep:
        for name, written, operation in documents:
            sweep()
            document = visit(written, _Typenames()) if with_typenames else written
            program = program_of(SCHEMA, document)
            variables = filled(operation)
            for seed, often in enumerate([0, 0.05]):
                faults.begin(seed, often)
                expected = runner.run(by_reference(SCHEMA, document, variables))
                told, faults.calls = faults.calls, []
                answer = runner.run(by_program(program, variables))
                if isinstance(answer, Fallback):
                    break
                assert answer == expected, name
                assert faults.calls == told, name
                compared += 1

    assert compared >= 180
