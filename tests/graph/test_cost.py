"""What operations cost, counted from the schema before they run, and published in it."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema, value_from_ast_untyped

from graph.api import api
from graph.documents import Document, Documents
from graph.estimate import cost_of
from graph.limits import LIMITS
from graph.points import NEIGHBOURS
from graph.sdl import printed
from graph.weights import ASSUMED_LENGTHS, FIELD_WEIGHTS, ROWS, TYPE_WEIGHTS, UNSIZED
from schema.people import ViewerKind
from tests.stories.conftest import PAGE

DOCUMENT = Path(__file__).parents[2] / "docs" / "points.md"


def cost(text: str, **variables: Any) -> int:
    document = Documents(api()).read(text, LIMITS[ViewerKind.PARTNER])
    assert isinstance(document, Document), document
    [operation] = document.operations
    return cost_of(operation.estimate, variables)


def of_code(selection: str) -> str:
    """A query for one code."""
    return f'{{ code(ref: {{value: "I10"}}) {{ {selection} }} }}'


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("{ __typename }", 1),
        ("{ __schema { types { name fields { name } } } }", 1),
        ("{ viewer { kind } }", 1),
        (of_code("... on Code { title value }"), 1),
        (of_code("... on Code { system { key } }"), 1 + 1),
        (of_code("... on Code { breadcrumb { title } }"), 1 + 5),
        # Several fragments on one type are all answered.
        (of_code("... on Code { system { key } } ... on Code { parent { title } }"), 1 + 1 + 1),
        # Of several types the dearest is counted: five candidates, not the one code with two.
        (
            of_code(
                "... on Code { system { key } parent { title } } "
                "... on CodeCandidates { candidates { title } }"
            ),
            1 + 5,
        ),
    ],
)
def test_objects_are_counted(text: str, points: int) -> None:
    assert cost(text) == points


def test_what_is_asked_twice_is_counted_twice() -> None:
    asked = 'code(ref: {value: "I10"}) { __typename }'

    assert cost(f"{{ a: {asked} b: {asked} }}") == 2


CHILDREN = "query ($n: Int = 20) " + of_code(
    "... on Code { children(first: $n) { "
    "totalCount pageInfo { endCursor } edges { cursor node { title } } } }"
)


@pytest.mark.parametrize(
    ("variables", "points"),
    [
        ({}, 2 + 20),
        ({"n": 7}, 2 + 7),
        ({"n": 7.0}, 2 + 7),
        ({"n": None}, 2 + 20),
        ({"n": 5_000}, 2 + 100),
        ({"n": -(10**400)}, 2),
        ({"n": 1e300}, 2 + 100),
    ],
)
def test_a_page_is_counted_by_its_first(variables: dict[str, Any], points: int) -> None:
    """The code and its connection, then one for each node; edges and page info are free."""
    assert cost(CHILDREN, **variables) == points


def test_pages_in_pages_multiply() -> None:
    page = "children(first: %s) { edges { node { %s } } }"
    nested = page % (10, page % (3, "title"))

    assert cost(of_code(f"... on Code {{ {nested} }}")) == 1 + 1 + 10 * (1 + 1 + 3)


@pytest.mark.parametrize(
    "text",
    [
        """{ codes(refs: {value: "I10"}) { result { ... on Code { title } } } }""",
        """query ($refs: [CodeRef!]! = {value: "I10"}) {
             codes(refs: $refs) { result { ... on Code { title } } } }""",
        """{ codes(refs: [{value: "I10"}]) { result { ... on Code { title } } } }""",
        """{ nodes(ids: "an id") { ... on Code { parent { title } } } }""",
    ],
)
def test_one_that_stands_for_a_list_is_counted_as_a_list_of_it(text: str) -> None:
    assert cost(text) == 1 + 1


@pytest.mark.parametrize(("count", "points"), [(1, 1 + 2 + 1), (100, 1 + 100 * (2 + 1))])
def test_a_batch_is_counted_by_its_list_and_rows_by_twentieths(count: int, points: int) -> None:
    """Each source is an object with a connection; twenty rows make a point."""
    text = """query ($sources: [CodeKeyInput!]!) { crosswalks(sources: $sources) {
      ... on Translations { items {
        crosswalks { edges { node { relationship target { title } } } } } } } }"""

    assert cost(text, sources=[{"system": "ICD10CM", "value": "I10"}] * count) == points


@pytest.mark.parametrize(
    ("text", "points"),
    [
        # Twenty findings a code, a twentieth each.
        (
            """query ($codes: [CodeKeyInput!]!) { excludesConflicts(codes: $codes) {
                 ... on ExcludesCheck { findings { note giver { title } } } } }""",
            1 + 3 * 20 * 0.05,
        ),
        # What hangs on each secondary diagnosis is read as often as there may be any.
        (
            """query ($codes: [String!]!) {
                 drgCandidates(principalDiagnosis: "I10", secondaryDiagnoses: $codes) {
                   ... on DrgCandidates { secondaryDiagnoses { code { parent { title } } } } } }""",
            1 + 100 * (0.05 + 1),
        ),
    ],
)
def test_lists_that_grow_with_what_is_asked_are_counted_as_long_as_they_get(
    text: str, points: int
) -> None:
    assert cost(text, codes=[{"system": "ICD10CM", "value": "I10"}] * 3) == points


def test_a_page_of_a_code_costs_the_same_whatever_it_answers() -> None:
    """10 for the page; of the two answers that hold it the one with the refusal is dearer by its
    allowance and page."""
    assert cost(PAGE) == 20


def test_every_weight_is_of_something_in_the_schema() -> None:
    types = api()._schema.type_map
    for coordinate in (*FIELD_WEIGHTS, *ASSUMED_LENGTHS, *UNSIZED):
        owner, field = coordinate.split(".")
        published = types[owner]
        assert isinstance(published, GraphQLObjectType)
        assert field in published.fields
    assert set(TYPE_WEIGHTS) <= set(types)
    assert set(TYPE_WEIGHTS) >= ROWS


def applied(coordinate: str) -> dict[str, Any]:
    """The directives on a field or a type of the printed schema, with their arguments."""
    schema = build_schema(printed())
    owner, _, field = coordinate.partition(".")
    published: Any = schema.type_map[owner]
    node = published.fields[field].ast_node if field else published.ast_node
    return {
        directive.name.value: {
            argument.name.value: value_from_ast_untyped(argument.value)
            for argument in directive.arguments
        }
        for directive in node.directives or ()
    }


@pytest.mark.parametrize(
    ("coordinate", "directives"),
    [
        ("Query.codePage", {"cost": {"weight": "10"}}),
        ("Mutation.logIn", {"cost": {"weight": "10"}}),
        ("Mutation.createApiKey", {"cost": {"weight": "10"}}),
        ("CodeEdge", {"cost": {"weight": "0"}}),
        ("Crosswalk", {"cost": {"weight": "0.05"}}),
        ("Crosswalk.target", {"cost": {"weight": "0"}}),
        ("Code.breadcrumb", {"listSize": {"assumedSize": 5}}),
        ("Code.title", {}),
        ("Query.code", {}),
        ("CodeConnection.edges", {}),
        (
            "Query.codes",
            {"listSize": {"slicingArguments": ["refs"], "requireOneSlicingArgument": False}},
        ),
        (
            "Query.crosswalks",
            {
                "listSize": {
                    "slicingArguments": ["sources"],
                    "sizedFields": ["items"],
                    "requireOneSlicingArgument": False,
                }
            },
        ),
        (
            "Query.excludesConflicts",
            {
                "listSize": {
                    "slicingArguments": ["codes"],
                    "sizedFields": ["codes", "findings"],
                    "requireOneSlicingArgument": False,
                }
            },
        ),
        (
            "Code.children",
            {
                "listSize": {
                    "slicingArguments": ["first"],
                    "sizedFields": ["edges"],
                    "requireOneSlicingArgument": False,
                }
            },
        ),
    ],
)
def test_the_schema_says_what_things_cost(coordinate: str, directives: dict[str, Any]) -> None:
    assert applied(coordinate) == directives


def test_the_examples_of_the_document_cost_what_it_says() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    children, how_dear = re.findall(r"```graphql\n(.+?)```", text, re.DOTALL)

    assert cost(children) == 52
    assert "costs 52 points." in text
    assert cost(how_dear) == 10


def test_the_document_has_the_numbers_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|", text, re.MULTILINE)
    told = {who: tuple(int(n.replace(",", "")) for n in numbers) for who, *numbers in rows}

    assert {who: numbers[0] for who, numbers in told.items()} == {
        "nobody yet": LIMITS[ViewerKind.GUEST].cost,
        "guest": LIMITS[ViewerKind.GUEST].cost,
        "registered, subscriber": LIMITS[ViewerKind.SUBSCRIBER].cost,
        "partner, staff": LIMITS[ViewerKind.STAFF].cost,
    }
    assert LIMITS[ViewerKind.REGISTERED].cost == LIMITS[ViewerKind.SUBSCRIBER].cost
    assert LIMITS[ViewerKind.PARTNER].cost == LIMITS[ViewerKind.STAFF].cost
    guest, nobody = told["guest"], told["nobody yet"]
    assert nobody[1:] == (guest[1] * NEIGHBOURS, guest[2] * NEIGHBOURS)
