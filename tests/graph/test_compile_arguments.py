"""Variables and arguments are coerced as graphql-core does, and bad ones refused in its words."""

import asyncio
from typing import Any

import pytest
from graphql import GraphQLResolveInfo, build_schema, parse
from hypothesis import example, given
from hypothesis import strategies as st

from graph.compile import Program
from tests.graph.executed import Told, by_program, by_reference, program_of

SCHEMA = build_schema("""
enum Kind { BIG SMALL }
input Size { high: Int! wide: Int = 3 kind: Kind = BIG more: Size }
input One @oneOf { value: String size: Size ids: [ID!] }
type Query {
  told(
    number: Int, sure: Int! = 4, share: Float, text: String = "none", is: Boolean, id: ID
    kinds: [Kind!] = [BIG], grid: [[Int]], size: Size = { high: 1 }, sizes: [Size!], one: One
  ): String
}
""")
assert SCHEMA.query_type is not None
told = SCHEMA.query_type.fields["told"]
told.resolve = lambda _source, _info, **arguments: repr(arguments)

WANTED = {
    "number": "Int",
    "sure": "Int! = 9",
    "share": "Float",
    "text": "String",
    "is": "Boolean",
    "id": "ID",
    "kinds": "[Kind!] = [SMALL]",
    "grid": "[[Int]]",
    "size": "Size",
    "sizes": "[Size!]",
    "one": "One",
}
DOCUMENT = parse(
    f"query ({', '.join(f'${name}: {type_}' for name, type_ in WANTED.items())})"
    f"{{ told({', '.join(f'{name}: ${name}' for name in WANTED)}) }}"
)
NESTED = parse(
    "query ($high: Int!, $wide: Int, $kind: Kind, $id: ID!) {"
    " told(size: { high: $high, wide: $wide, kind: $kind }, grid: [[1, $wide], null],"
    " one: { ids: [$id] }) }"
)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.floats(),
    st.sampled_from(["BIG", "SMALL", "TINY", "", "7", "text"]),
)
sizes = st.fixed_dictionaries(
    {"high": st.integers(-5, 5)},
    optional={"wide": leaves, "kind": st.sampled_from(["BIG", "TINY"]), "more": st.none()},
)
anything = st.recursive(
    leaves | sizes,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["high", "wide", "kind", "more", "value", "size", "ids", "hihg"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
fitting = {
    "number": st.integers(-5, 5),
    "sure": st.integers(-5, 5),
    "share": st.floats(-1, 1),
    "text": st.text(max_size=3),
    "is": st.booleans(),
    "id": st.integers(-5, 5) | st.text(max_size=3),
    "kinds": st.sampled_from(["BIG", ["SMALL", "BIG"], []]),
    "grid": st.lists(st.lists(st.integers(0, 3) | st.none(), max_size=2) | st.none(), max_size=2),
    "size": sizes,
    "sizes": sizes | st.lists(sizes, max_size=2),
    "one": st.sampled_from([{"value": "x"}, {"ids": 5}, {"size": {"high": 1}}]),
}
given_so = st.fixed_dictionaries(
    {}, optional={name: fits | fits | anything for name, fits in fitting.items()}
)


def both(document: Any, variables: dict[str, Any]) -> tuple[Any, Told]:
    async def ways() -> tuple[Any, Told]:
        program = program_of(SCHEMA, document)
        return await by_program(program, variables), await by_reference(SCHEMA, document, variables)

    return asyncio.run(ways())


@given(given_so)
@example({})
@example({"one": {"value": None}})
@example({"one": {"value": "a", "ids": []}})
@example({"sure": None})
@example({"size": {"hihg": 1}})
def test_any_variables_are_coerced_or_refused_as_by_graphql_core(variables: dict[str, Any]) -> None:
    answer, expected = both(DOCUMENT, variables)

    assert answer == expected


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["high", "wide", "kind", "id"], leaves | anything)
    )
)
@example({"high": 1, "id": "x"})
@example({"high": 1, "wide": None, "kind": None, "id": 5})
def test_variables_inside_of_arguments_are_as_well(variables: dict[str, Any]) -> None:
    answer, expected = both(NESTED, variables)

    assert answer == expected


def test_no_more_than_fifty_bad_variables_are_told() -> None:
    many = parse("query (" + "".join(f"$v{n}: Int!" for n in range(60)) + ") { told }")

    answer, expected = both(many, {})

    assert len(answer.errors) == 51
    assert answer == expected


def test_names_are_suggested_unless_they_are_hidden() -> None:
    (operation,) = DOCUMENT.definitions
    variables = {"size": {"high": 1, "wied": 2}}

    shown, hidden = (
        Program(SCHEMA, DOCUMENT, operation, hides_names=hides, left_first=0).execute(
            variables, None
        )  # type: ignore[arg-type]
        for hides in (False, True)
    )

    assert "Did you mean 'wide'" in shown.errors[0].message  # type: ignore[union-attr]
    assert "Did you mean" not in hidden.errors[0].message  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["told(kinds: [BIG])", "told(kinds: $kinds)", "told"])
def test_what_a_resolver_does_to_its_arguments_nobody_else_sees(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(_source: Any, _info: GraphQLResolveInfo[Any], **arguments: Any) -> str:
        seen = repr(arguments["kinds"])
        if how != "told":  # a default is graphql-core's own, and shared by it
            arguments["kinds"].append("more")
        return seen

    monkeypatch.setattr(told, "resolve", changing)
    document = parse(f"query ($kinds: [Kind!] = [BIG]) {{ first: {how} second: {how} }}")
    program = program_of(SCHEMA, document)

    answers = [program.execute({}, None).data for _ in range(2)]  # type: ignore[union-attr]

    assert answers == [{"first": "['BIG']", "second": "['BIG']"}] * 2
