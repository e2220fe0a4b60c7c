"""Documents are read once, refused by the limits of whoever sends them, and bounded in memory."""

import pytest
import strawberry
from graphql import GraphQLError

from graph import documents as module
from graph.documents import Document, Documents, Operation, too_many_fields
from graph.limits import LIMITS
from schema.people import ViewerKind

GUEST, PARTNER = LIMITS[ViewerKind.GUEST], LIMITS[ViewerKind.PARTNER]


@strawberry.input(one_of=True)
class Ref:
    id: strawberry.Maybe[strawberry.ID]
    value: strawberry.Maybe[str]


@strawberry.type
class Edge:
    @strawberry.field
    def node(self) -> "Thing":
        return Thing()


@strawberry.type
class Connection:
    @strawberry.field
    def edges(self) -> list[Edge]:
        return []


@strawberry.type
class Thing:
    name: str = "thing"

    @strawberry.field
    def children(self, first: int = 20) -> Connection:  # noqa: ARG002 - only selected, never run
        return Connection()

    @strawberry.field
    def breadcrumb(self) -> list["Thing"]:
        return []

    @strawberry.field
    def parts(self, kinds: list[str] | None = None) -> list["Thing"]:  # noqa: ARG002
        return []


@strawberry.type
class Wrapped:
    items: list[Thing]


@strawberry.type
class Query:
    @strawberry.field
    def thing(self, ref: Ref | None = None) -> Thing:  # noqa: ARG002
        return Thing()

    @strawberry.field
    def things(self, refs: list[str]) -> list[Thing]:  # noqa: ARG002
        return []

    @strawberry.field
    def wrapped(self, refs: list[str]) -> Wrapped:  # noqa: ARG002
        return Wrapped(items=[])


SCHEMA = strawberry.Schema(Query)


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA)


def read(documents: Documents, text: str, limits=PARTNER) -> Document:
    document = documents.read(text, limits)
    assert isinstance(document, Document), document
    return document


def refused(documents: Documents, text: str, limits=GUEST) -> list[tuple[str, str]]:
    errors = documents.read(text, limits)
    assert isinstance(errors, list)
    return [((error.extensions or {})["code"], error.message) for error in errors]


def only(document: Document) -> Operation:
    operation = document.operation(None)
    assert isinstance(operation, Operation)
    return operation


def items(documents: Documents, text: str, **variables: object) -> int:
    return module.fields_asked(only(read(documents, text)).estimate, variables)


def test_the_same_text_is_validated_once(documents, monkeypatch):
    validated = []
    validate = module.validate
    monkeypatch.setattr(
        module, "validate", lambda *a, **k: validated.append(a) or validate(*a, **k)
    )

    first, second = read(documents, "{ thing { name } }"), read(documents, "{ thing { name } }")

    assert first is second
    assert len(validated) == 1


def test_a_document_kept_for_a_partner_is_still_refused_to_a_guest(documents):
    many = "{ thing { " + " ".join(f"a{i}: name" for i in range(16)) + " } }"
    long = "{ things(refs: [" + '"a" ' * 1_000 + "]) { name } }"
    read(documents, many)
    read(documents, long)

    assert refused(documents, many) == [
        ("OPERATION_LIMIT_EXCEEDED", "The document has more than 15 aliases.")
    ]
    assert refused(documents, long) == [
        ("OPERATION_LIMIT_EXCEEDED", "The document has more than 1000 tokens.")
    ]


@pytest.mark.parametrize("filler", ["name ", "#\n"])
def test_a_document_longer_than_the_token_limit_is_not_parsed_to_its_end(documents, filler):
    text = "{ thing { name " + filler * 6_000 + "} } }}} not GraphQL"

    ((code, message),) = refused(documents, text)

    assert code == "OPERATION_LIMIT_EXCEEDED"
    assert "more than 1000" in message


def test_what_is_no_graphql_is_a_parse_failure(documents):
    ((code, message),) = refused(documents, "{ thing { name }")

    assert (code, message) == (
        "GRAPHQL_PARSE_FAILED",
        "Syntax Error: Expected Name, found <EOF>.",
    )


def test_a_selection_nested_too_deeply_is_refused(documents):
    ((code, message),) = refused(documents, "{ thing" * 300 + " }" * 300)

    assert code == "OPERATION_LIMIT_EXCEEDED"
    assert message == "Syntax Error: Document is nested too deeply. Parsing aborted."


def test_very_many_fields_of_one_name_are_given_up(documents):
    ((code, message),) = refused(documents, "{ thing { " + "name " * 990 + "} }", PARTNER)

    assert (code, message) == ("OPERATION_LIMIT_EXCEEDED", "Validation aborted.")


def test_fragments_in_a_circle_never_reach_validation(documents, monkeypatch):
    monkeypatch.setattr(module, "validate", None)

    ((code, _),) = refused(documents, "{ thing { ...A } } fragment A on Thing { ...A }")

    assert code == "GRAPHQL_VALIDATION_FAILED"


def test_five_validation_errors_are_reported_at_most(documents):
    found = refused(documents, "{ thing { " + " ".join(f"x{i}" for i in range(50)) + " } }")

    assert [code for code, _ in found] == ["GRAPHQL_VALIDATION_FAILED"] * 5


def test_refused_documents_are_not_kept(documents):
    refused(documents, "{ nothing }")
    refused(documents, "{")

    assert len(documents._kept) == 0


def test_the_longest_unused_documents_are_forgotten():
    a, b, c, d = (f"{{ thing {{ {name}: name }} }}" for name in "abcd")
    one = module.size_of(a, read(Documents(SCHEMA), a))
    documents = Documents(SCHEMA, kept_bytes=one * 2)
    kept = {text: read(documents, text) for text in (a, b)}
    read(documents, a)
    read(documents, c)

    assert read(documents, a) is kept[a]
    assert b not in documents._kept
    assert documents._bytes == one * 2
    read(documents, d)
    assert list(documents._kept) == [a, d]


def test_long_comments_push_documents_out_by_their_length():
    """Comments are no tokens, and would fill the memory if only tokens were counted."""
    documents = Documents(SCHEMA, compiles=False, kept_bytes=100_000)

    for number in range(100):
        read(documents, f"{{ thing {{ name }} }} #{number} {'x' * 15_000}")

    assert len(documents._kept) == 5
    assert documents._bytes < 100_000


def test_programs_count_as_they_grow_and_push_documents_out():
    texts = [f"{{ a{number}: thing {{ name breadcrumb {{ name }} }} }}" for number in range(3)]
    bare = module.size_of(texts[0], read(Documents(SCHEMA), texts[0]))
    documents = Documents(SCHEMA, kept_bytes=4 * bare - 1)
    for text in texts:
        read(documents, text)
    assert documents._bytes == 3 * bare

    (operation,) = read(documents, texts[1]).operations
    assert operation.program is not None
    for _ in range(2):  # the first time is graphql-core's
        operation.program.execute({}, None)
    grown = read(documents, texts[1])

    assert operation.program.fields == 3  # the breadcrumb was empty, so nothing in it was met
    compiled = module._BYTES_A_PROGRAM + 3 * module._BYTES_A_COMPILED_FIELD
    assert module.size_of(texts[1], grown) == bare + compiled
    assert list(documents._kept) == [texts[2], texts[1]]
    assert documents._bytes == 2 * bare + compiled


def test_no_programs_are_made_where_documents_are_not_compiled():
    (operation,) = read(Documents(SCHEMA, compiles=False), "{ thing { name } }").operations

    assert operation.program is None


@pytest.mark.parametrize(
    "text",
    [
        "{ thing(ref: { id: $x }) { name } }",
        'fragment F on Query { thing(ref: { id: "1", value: "2" }) { name } } { ...F }',
        "{ thing(ref: {}) { name } }",
        "query ($x: ID) { thing(ref: { id: $x }) { name } }",
        "{ thing(ref: { id: null }) { name } }",
        "{ things(refs: " + "9" * 5_000 + ") { name } }",
        "{ thing { children(first: " + "9" * 5_000 + ") { edges { node { name } } } } }",
    ],
)
def test_a_bad_argument_is_a_validation_error(documents, text):
    assert {code for code, _ in refused(documents, text)} == {"GRAPHQL_VALIDATION_FAILED"}


def test_a_one_of_reference_in_a_fragment_before_its_operation_is_valid(documents):
    text = "fragment F on Query { thing(ref: { id: $x }) { name } } query ($x: ID!) { ...F }"

    assert only(read(documents, text)).name is None


def test_an_operation_is_chosen_by_name(documents):
    document = read(documents, "query A { thing { name } } query B { thing { name } }")

    chosen = document.operation("B")

    assert isinstance(chosen, Operation)
    assert chosen.name == "B"
    for name in (None, "C"):
        error = document.operation(name)
        assert isinstance(error, GraphQLError)
        assert error.extensions == {"code": "BAD_USER_INPUT"}


PAGES = "children(first: %s) { edges { node { %s } } }"


@pytest.mark.parametrize(
    ("inside", "variables", "expected"),
    [
        ("name", {}, 0),
        (PAGES % (100, "name"), {}, 100 * 3),
        (PAGES % (100, PAGES % (50, "name")), {}, 100 * (3 + 50 * 3)),
        ("children { edges { node { name } } }", {}, 20 * 3),
        (PAGES % (-5, "name"), {}, 0),
        (PAGES % (5_000, "name"), {}, 100 * 3),
        (PAGES % ("$n", "name"), {"n": 7}, 7 * 3),
        (PAGES % ("$n", "name"), {"n": 10**30}, 100 * 3),
        (PAGES % ("$n", "name"), {"n": "x"}, 1 * 3),
        (PAGES % ("$n", "name"), {"n": None}, 20 * 3),
        (PAGES % ("$n", "name"), {}, 20 * 3),
        (PAGES % ("$m", "name"), {}, 30 * 3),
        ("breadcrumb { breadcrumb { name } }", {}, 5 + 25),
        ("a: breadcrumb { name } ... on Thing { b: breadcrumb { name } }", {}, 10),
        ("...F b: breadcrumb { ...F }", {}, 3 * 3 + 5 * (1 + 3 * 3)),
    ],
)
def test_fields_in_lists_are_estimated_before_anything_runs(documents, inside, variables, expected):
    declared = [f"${n}: Int{d}" for n, d in (("n", ""), ("m", " = 30")) if f"${n}" in inside]
    text = f"query {'(' + ', '.join(declared) + ')' if declared else ''} {{ thing {{ {inside} }} }}"
    if "...F" in inside:
        text += " fragment F on Thing { " + PAGES % (3, "name") + " }"

    assert items(documents, text, **variables) == expected


def test_a_list_argument_counts_by_its_length(documents):
    literal = '{ things(refs: ["a", "b"]) { breadcrumb { name } } }'
    variable = "query ($r: [String!]!) { things(refs: $r) { name } }"

    assert items(documents, literal) == 2 + 2 * 5
    assert items(documents, variable, r=["a"] * 40) == 40


def test_a_list_that_may_be_left_out_does_not_hide_what_is_inside(documents):
    text = "{ thing { parts { " + PAGES % (50, "name") + " } } }"
    named = '{ thing { parts(kinds: ["a"]) { ' + PAGES % (50, "name") + " } } }"

    assert items(documents, text) == items(documents, named) == 5 * (1 + 50 * 3)


def test_a_field_that_must_be_given_a_list_counts_whatever_wraps_its_answers(documents):
    """The list inside is the answer to the batch: it is not counted once more."""
    text = '{ wrapped(refs: ["a", "b"]) { items { name } } }'

    assert items(documents, text) == 2 + 2


def test_an_empty_fragment_bomb_is_estimated_at_nothing(documents):
    chain = " ".join(f"fragment f{i} on Thing {{ ...f{i + 1} ...f{i + 1} }}" for i in range(29))
    text = f"{{ thing {{ ...f0 }} }} {chain} fragment f29 on Thing {{ }}"

    assert items(documents, text) == 0


def test_nested_pages_are_refused_to_a_guest_and_allowed_to_a_partner(documents):
    text = "{ thing { " + PAGES % (100, PAGES % (50, "name")) + " } }"
    operation = only(read(documents, text, GUEST))

    error = too_many_fields(operation, {}, GUEST)

    assert error is not None
    assert error.extensions == {"code": "OPERATION_LIMIT_EXCEEDED"}
    assert too_many_fields(operation, {}, PARTNER) is None
