"""Measuring a document: exact numbers, each selection looked at once, refusals."""

from dataclasses import fields

import pytest
from graphql import get_introspection_query, parse

from graph.limits import LIMITS, Limits, Measure, exceeded, measure
from schema.people import ViewerKind

GUEST = LIMITS[ViewerKind.GUEST]


def measured(text: str) -> Measure:
    found = measure(parse(text))
    assert found is not None
    return found


def bomb(links: int) -> str:
    """A chain of fragments, each spreading the next one twice."""
    chain = [f"fragment f{i} on T {{ ...f{i + 1} ...f{i + 1} }}" for i in range(links)]
    return "\n".join(["{ a { ...f0 } }", *chain, f"fragment f{links} on T {{ x y: x }}"])


def test_a_plain_query_is_measured_exactly():
    text = """
    query Q($v: Boolean! @d) @d {
      a: codePage { b { c @skip(if: $v) ... { d: e } ...F } }
      codePage { ...F }
      f
    }
    fragment F on T @d { g { h: i } }
    """

    assert measured(text) == Measure(
        tokens=parse(text).token_count,
        depth=4,
        aliases=4,
        root_fields=3,
        fields=10,
        directives=5,
        code_pages=2,
        fragments=1,
        operations=1,
        visited=11,
    )


def test_code_pages_are_counted_through_fragments_and_only_at_the_root():
    text = "{ ...A a { codePage } } fragment A on Query { codePage ...B ... { x: codePage } } "
    text += "fragment B on Query { y: codePage @skip(if: true) }"

    found = measured(text)

    assert found.code_pages == 3
    assert found.root_fields == 4


def test_of_several_operations_the_greatest_number_of_each_counts():
    found = measured("query A { a { b { c } } } query B { a b c d }")

    assert (found.depth, found.root_fields, found.fields, found.operations) == (3, 4, 4, 2)


@pytest.mark.parametrize("links", [1, 20, 60, 2_000])
def test_a_fragment_bomb_is_measured_by_looking_at_each_selection_once(links):
    found = measured(bomb(links))

    assert found.visited == 2 + 2 * links + 2
    assert found.fields == 1 + 2 * 2**links
    assert found.aliases == 2**links


def test_the_bomb_of_sixty_links_is_refused_to_everybody():
    refusals = {kind: exceeded(measured(bomb(60)), limits) for kind, limits in LIMITS.items()}

    assert all(refusals.values())
    assert refusals[ViewerKind.GUEST] == "The document has more than 15 aliases."


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on T { ...A }",
        "{ ...A } fragment A on T { x { ...B } } fragment B on T { ...A }",
        "{ x } fragment A on T { ...B } fragment B on T { ...A }",
    ],
)
def test_fragments_in_a_circle_have_no_measure(text):
    assert measure(parse(text)) is None


def test_a_spread_of_a_fragment_nobody_defined_counts_as_nothing():
    assert measured("{ a ...Nowhere }").fields == 1


def test_ten_thousand_aliases_are_counted():
    text = "{" + " ".join(f"a{i}: x" for i in range(10_000)) + "}"

    found = measured(text)

    assert (found.aliases, found.visited) == (10_000, 10_000)


def test_a_chain_of_two_thousand_fragments_does_not_exhaust_the_stack():
    chain = " ".join(f"fragment f{i} on T {{ x {{ ...f{i + 1} }} }}" for i in range(2_000))

    found = measured(f"{{ ...f0 }} {chain} fragment f2000 on T {{ y }}")

    assert (found.depth, found.fields, found.fragments) == (2_001, 2_001, 2_001)


def test_the_full_introspection_query_is_within_a_guests_limits():
    text = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )

    found = measured(text)

    assert (found.depth, found.fields, found.root_fields) == (0, 0, 1)
    assert found.introspection_fields <= 300
    assert exceeded(found, GUEST) is None


def test_a_fragment_bomb_below_introspection_is_refused():
    text = bomb(20).replace("{ a {", "{ __schema {").replace("y: x", "y")

    assert exceeded(measured(text), GUEST) == "The document has more than 500 introspection fields."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokens", "{ x(y: [" + " 1" * 992 + "]) }"),
        ("depth", "{ x" * 11 + "}" * 11),
        ("aliases", "{ x {" + " ".join(f"a{i}: x" for i in range(16)) + "} }"),
        ("root_fields", "{ a b c d e f }"),
        ("fields", "{ x { " + "x " * 200 + "} }"),
        ("directives", "{ x " + "@d " * 9 + "}"),
        ("introspections", "{ a: __typename __schema { x } __schema { y } __type { z } }"),
        ("code_pages", "{ codePage { x } codePage { y } }"),
        ("fragments", "{ x }" + "".join(f" fragment f{i} on T {{ x }}" for i in range(31))),
        ("operations", "query A { x } query B { x }"),
    ],
)
def test_one_above_a_guests_limit_is_refused_and_at_the_limit_is_not(name, text):
    found = measured(text)
    most = getattr(GUEST, name)
    roomy = LIMITS[ViewerKind.PARTNER]
    at_limit = Limits(
        **{f.name: getattr(roomy, f.name) for f in fields(Limits) if f.name != name},
        **{name: getattr(found, name)},
    )

    assert getattr(found, name) == most + 1
    assert f"more than {most} " in (exceeded(found, GUEST) or "")
    assert exceeded(found, at_limit) is None


def test_the_table_of_limits():
    shown = {
        kind: (v.body_bytes, v.tokens, v.aliases, v.code_pages, v.answer_fields, v.deadline_seconds)
        for kind, v in LIMITS.items()
    }

    registered = (50_000, 1_500, 30, 5, 40_000, 5.0)
    partner = (100_000, 3_000, 50, 20, 200_000, 10.0)
    assert shown == {
        ViewerKind.GUEST: (20_000, 1_000, 15, 1, 10_000, 2.0),
        ViewerKind.REGISTERED: registered,
        ViewerKind.SUBSCRIBER: registered,
        ViewerKind.PARTNER: partner,
        ViewerKind.STAFF: partner,
    }
