"""Generated operations get the same answer from a program as from graphql-core: data, and errors in
their order, word for word; and the resolvers are told the same in the same order.

The fields fail in every way that tests/graph/faulty.py knows. No error's place depends on time: a
value comes after a number of turns of the event loop, not after seconds.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, nodes, queries

from graph.api import api
from graph.compile import Fallback
from graph.documents import Documents, core_schema
from tests.graph.executed import by_program, by_reference, program_of, sweeping
from tests.graph.faulty import Faults, spoil, spoiled
from tests.graph.varied import varied

PUBLISHED = Path("schema/schema.graphql")
SMALL = """
interface Named { name: String! }
interface Kept implements Named { name: String! at: Float }
type Box implements Kept & Named {
  name: String! at: Float grid: [[Int!]!]! holes: [[Int]] rows(by: [[Int!]] = [[1]]): [[Thing!]]!
  flags: [Boolean!] inner: Box self: Box! kind: Kind kinds: [Kind!]!
}
type Bag implements Named {
  name: String! things: [Thing] all: [Thing!]! many: [[Thing]!] size: Int!
}
union Thing = Box | Bag
enum Kind { BIG SMALL }
input Size { high: Int! wide: Int = 3 kind: Kind = BIG more: Size all: [Size!] }
input One @oneOf { value: String size: Size ids: [ID!] }
type Query {
  thing(size: Size = { high: 1 }): Thing things(one: One, kinds: [Kind!] = [BIG]): [Thing!]
  named(first: Int = 2, ids: [ID]): [Named]! kept: Kept sure: Box!
  count(of: Float, is: Boolean!): Int!
}
type Mutation { put(size: Size!): Box! take(one: One!): Named pair: [Thing!]! }
"""
# What an error makes superfluous is cancelled before it began, in either way.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")

VARIATIONS = 6
"""Ways in which each generated operation is rewritten."""


@pytest.fixture(params=["published", "strawberry", "small"])
def world(request: pytest.FixtureRequest) -> Iterator[tuple[GraphQLSchema, Faults]]:
    """A schema that fails: the published one, ours over its own classes, one with what ours has
    not, as lists of lists."""
    if request.param == "strawberry":
        schema = core_schema(api())
        Documents(api())
        with spoiled(schema) as faults:
            yield schema, faults
    else:
        text = SMALL if request.param == "small" else PUBLISHED.read_text()
        schema = build_schema(text)
        yield schema, spoil(schema)


def operations_of(schema: GraphQLSchema) -> st.SearchStrategy[Any]:
    dates = st.sampled_from(["2026-01-01", "2027-12-31"]).map(nodes.String)
    given_so: dict[str, Any] = {
        "custom_scalars": {"Date": dates, "DateTime": dates},
        "allow_x00": False,
    }
    return queries(schema, **given_so) | mutations(schema, **given_so)


def executed(world: tuple[GraphQLSchema, Faults], cases: int) -> Counter[str]:
    """Both ways of that many generated operations, each rewritten some times; what came of it."""
    schema, faults = world
    # As the schema is published: generating needs no classes.
    asked = schema if schema.query_type and "thing" in schema.query_type.fields else None
    came: Counter[str] = Counter()
    with asyncio.Runner() as runner, sweeping() as sweep:

        @settings(
            max_examples=cases,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(operations_of(asked or build_schema(PUBLISHED.read_text())), st.integers(0, 2**60))
        def same_both_ways(text: Any, seed: int) -> None:
            sweep()
            for number in range(VARIATIONS):
                rng = Random(f"{seed} {number}")
                written, variables = varied(schema, parse(text), rng)
                document = parse(written)
                if validate(schema, document):
                    came["invalid"] += 1
                    continue
                faults.begin(rng.randrange(2**60), rng.choice([0, 0.02, 0.1, 0.3]))
                program = program_of(schema, document)
                expected = runner.run(by_reference(schema, document, variables))
                told = faults.calls
                for _ in range(2):  # a field is compiled when it is first met
                    faults.calls = []
                    answer = runner.run(by_program(program, variables))
                    if isinstance(answer, Fallback):
                        came[answer] += 1
                        assert answer is Fallback.CONDITION
                        assert faults.calls == []
                        break
                    assert answer.errors == expected.errors
                    assert answer.data == expected.data
                    assert faults.calls == told
                    came["with errors"] += bool(expected.errors)
                else:
                    came["compared"] += 1

        same_both_ways()
    return came


def test_generated_operations_get_the_same_answer_both_ways(
    world: tuple[GraphQLSchema, Faults],
) -> None:
    came = executed(world, 25)

    assert came["compared"] >= 100
    assert came["with errors"] >= 25


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_generated_operations_get_the_same_answer_both_ways(
    world: tuple[GraphQLSchema, Faults],
) -> None:
    came = executed(world, 450)

    assert came["compared"] >= 2_000
    assert came["invalid"] <= came["compared"] / 20
