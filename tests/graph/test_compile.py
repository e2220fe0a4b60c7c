"""Programs: what they answer, what they ask for, and what they leave to graphql-core."""

import asyncio
import gc
from typing import Annotated, Any

import pytest
import strawberry
from graphql import ExecutionResult, parse
from strawberry.dataloader import DataLoader

from graph.compile import Fallback, Program
from graph.compile.programs import VARIANTS
from tests.graph.executed import by_program, by_reference, core, program_of


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    weight: float | None = None
    veins: list[list[int]] = strawberry.field(default_factory=lambda: [[1, 2], []])

    @strawberry.field
    async def twin(self, info: strawberry.Info[Any, None]) -> "Leaf":
        return await info.context.leaves.load(self.name)


@strawberry.type
class Stone(Named):
    grams: int = 5

    @strawberry.field
    def broken(self) -> int:
        raise ValueError("it broke")

    @strawberry.field
    async def lost(self) -> int | None:
        await asyncio.sleep(0)
        raise ValueError("it is lost")


Thing = Annotated[Leaf | Stone, strawberry.union("Thing")]


@strawberry.type
class Query:
    @strawberry.field
    def things(self, first: int = 2) -> list[Thing]:
        return [Stone(name="s") if number % 2 else Leaf(name="l") for number in range(first)]

    @strawberry.field
    def named(self) -> list[Named | None] | None:
        return [Leaf(name="l"), None, Stone(name="s")]

    @strawberry.field
    def stranger(self) -> Thing | None:
        return Query()  # type: ignore[return-value]

    @strawberry.field
    def where(self, info: strawberry.Info[Any, None], at: str = "here") -> str:
        path = ".".join(map(str, info.path.as_list()))
        chosen = [field.name for field in info.selected_fields]
        return f"{at} {path} {info.field_name} {chosen} {info.variable_values}"

    @strawberry.field
    async def stuck(self, info: strawberry.Info[Any, None]) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            info.context.log.append("cancelled")
            raise
        return "never"


@strawberry.type
class Mutation:
    @strawberry.field
    async def step(
        self, info: strawberry.Info[Any, None], turns: int, *, fails: bool = False
    ) -> str:
        info.context.log.append(f"{info.path.key} begins")
        for _ in range(turns):
            await asyncio.sleep(0)
        info.context.log.append(f"{info.path.key} ends")
        if fails:
            raise ValueError("no")
        return "done"


SCHEMA = strawberry.Schema(Query, Mutation)


class Context:
    def __init__(self) -> None:
        self.log: list[Any] = []
        self.leaves: DataLoader[str, Leaf] = DataLoader(self._leaves)

    async def _leaves(self, names: list[str]) -> list[Leaf]:
        self.log.append(names)
        return [Leaf(name=f"twin of {name}") for name in names]


async def answer(text: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the program answers, which is what graphql-core answers."""
    document, given = parse(text), variables or {}
    program = program_of(core(SCHEMA), document)
    told = await by_program(program, given, Context())
    assert told == await by_reference(core(SCHEMA), document, given, Context())
    result = program.execute(given, Context())
    assert not isinstance(result, Fallback)
    return (result if isinstance(result, ExecutionResult) else await result).formatted  # type: ignore[return-value]


async def test_fragments_on_unions_and_interfaces_apply_by_the_type_of_each_value() -> None:
    text = """
    { things { __typename ...Both ... on Stone { grams } ... on Leaf { veins } } named { ...Both } }
    fragment Both on Named { name ... on Leaf { weight } }
    """

    assert await answer(text) == {
        "data": {
            "things": [
                {"__typename": "Leaf", "name": "l", "weight": None, "veins": [[1, 2], []]},
                {"__typename": "Stone", "name": "s", "grams": 5},
            ],
            "named": [{"name": "l", "weight": None}, None, {"name": "s"}],
        }
    }


async def test_fields_asked_twice_are_merged_and_aliases_are_not() -> None:
    text = "{ things { name } more: things(first: 1) { name } things { ... on Stone { grams } } }"

    assert await answer(text) == {
        "data": {
            "things": [{"name": "l"}, {"name": "s", "grams": 5}],
            "more": [{"name": "l"}],
        }
    }


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_conditions_by_variables_choose_the_fields_of_each_run(is_wanted: bool) -> None:
    text = """query ($is: Boolean!) {
        things(first: 1) @include(if: $is) { name @skip(if: false) }
        ... @skip(if: $is) { named { name } }
    }"""

    expected = (
        {"things": [{"name": "l"}]}
        if is_wanted
        else {"named": [{"name": "l"}, None, {"name": "s"}]}
    )
    assert await answer(text, {"is": is_wanted}) == {"data": expected}


async def test_one_program_answers_every_run_by_its_own_variables() -> None:
    document = parse(
        "query ($n: Int!, $is: Boolean!) { things(first: $n) { name @skip(if: $is) } }"
    )
    program = program_of(core(SCHEMA), document)

    runs = [(1, True), (2, False), (1, False), (2, True)]
    answers = [program.execute({"n": n, "is": skips}, None) for n, skips in runs]

    assert [run.data for run in answers if isinstance(run, ExecutionResult)] == [
        {"things": [{}]},
        {"things": [{"name": "l"}, {"name": "s"}]},
        {"things": [{"name": "l"}]},
        {"things": [{}, {}]},
    ]


async def test_an_error_where_null_may_not_stand_takes_the_nearest_place_where_it_may() -> None:
    text = "{ named { ... on Stone { name broken } } }"

    assert await answer(text) == {
        "data": {"named": [{}, None, None]},
        "errors": [
            {
                "message": "it broke",
                "locations": [{"line": 1, "column": 31}],
                "path": ["named", 2, "broken"],
            }
        ],
    }


async def test_an_error_that_may_be_null_leaves_its_neighbours_alone() -> None:
    told = await answer("{ things { name ... on Stone { lost } } }")

    assert told["data"] == {"things": [{"name": "l"}, {"name": "s", "lost": None}]}
    assert [error["path"] for error in told["errors"]] == [["things", 1, "lost"]]


async def test_nothing_is_answered_when_no_place_may_be_null() -> None:
    told = await answer("{ things { ... on Stone { broken } } }")

    assert told["data"] is None
    assert [error["message"] for error in told["errors"]] == ["it broke"]


async def test_a_value_of_a_type_that_a_union_has_not_is_refused_in_the_same_words() -> None:
    told = await answer("{ stranger { ... on Leaf { name } } }")

    assert told["data"] == {"stranger": None}
    assert 'The type "' in told["errors"][0]["message"]


async def test_a_resolver_is_told_where_it_is_and_what_was_asked() -> None:
    text = 'query ($at: String = "there", $more: Int) { a: where b: where(at: $at) }'

    assert await answer(text, {"more": 1}) == {
        "data": {
            "a": "here a where ['where'] {'at': 'there', 'more': 1}",
            "b": "there b where ['where'] {'at': 'there', 'more': 1}",
        }
    }


async def test_a_loader_gathers_what_the_items_of_a_list_ask() -> None:
    context = Context()
    document = parse("""{
        a: things(first: 1) { ... on Leaf { twin { name } } }
        named { ... on Leaf { twin { name twin { name } } } }
    }""")

    await by_program(program_of(core(SCHEMA), document), {}, context)

    assert context.log == [["l"], ["twin of l"]]


async def test_fields_of_a_mutation_run_in_turn_though_one_fails() -> None:
    context = Context()
    document = parse(
        "mutation { a: step(turns: 3) b: step(turns: 0, fails: true) c: step(turns: 1) }"
    )
    text = "mutation { a: step(turns: 3) c: step(turns: 1) }"
    well = program_of(core(SCHEMA), parse(text))

    told = await by_program(program_of(core(SCHEMA), document), {}, context)

    assert context.log == ["a begins", "a ends", "b begins", "b ends"]
    assert told == await by_reference(core(SCHEMA), document, {}, Context())
    later = Context()
    await by_program(well, {}, later)
    assert later.log == ["a begins", "a ends", "c begins", "c ends"]


async def test_whoever_waits_no_longer_ends_the_resolvers() -> None:
    context = Context()
    running = program_of(core(SCHEMA), parse("{ stuck where }")).execute({}, context)
    assert not isinstance(running, ExecutionResult | Fallback)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await running

    assert context.log == ["cancelled"]


@pytest.mark.parametrize(
    ("text", "variables", "why"),
    [
        ("{ __schema { queryType { name } } }", {}, Fallback.INTROSPECTION),
        (
            '{ ...F } fragment F on Query { t: __type(name: "Leaf") { name } }',
            {},
            Fallback.INTROSPECTION,
        ),
        ("{ things @far { name } }", {}, Fallback.DIRECTIVE),
        ("query @far { things { name } }", {}, Fallback.DIRECTIVE),
        ("query ($n: Int @far) { things(first: $n) { name } }", {}, Fallback.DIRECTIVE),
        ("{ ...F @defer } fragment F on Query { named { name } }", {}, Fallback.DIRECTIVE),
        ("subscription { things { name } }", {}, Fallback.OPERATION),
        (
            "query ($is: Boolean = true) { named @skip(if: $is) { name } }",
            {"is": None},
            Fallback.CONDITION,
        ),
    ],
)
async def test_what_a_program_does_not_know_it_names_and_leaves(
    text: str, variables: dict[str, Any], why: Fallback
) -> None:
    assert await by_program(program_of(core(SCHEMA), parse(text)), variables) is why


def test_a_schema_with_an_executor_of_its_own_is_left_to_it() -> None:
    class Own(SCHEMA.execution_context_class):  # type: ignore[misc, name-defined]
        pass

    document = parse("{ named { name } }")

    program = Program(core(SCHEMA), document, document.definitions[0], Own)  # type: ignore[arg-type]

    assert program.execute({}, None) is Fallback.EXECUTOR


def test_an_operation_is_compiled_when_it_is_asked_for_again() -> None:
    document = parse("{ named { name } }")
    program = Program(core(SCHEMA), document, document.definitions[0])  # type: ignore[arg-type]

    answers = [program.execute({}, None) for _ in range(3)]

    assert answers[0] is Fallback.FIRST
    assert [isinstance(answer, ExecutionResult) for answer in answers] == [False, True, True]
    assert program.fields == 3


def test_a_program_is_kept_for_so_many_conditions_and_no_more() -> None:
    names = [f"$v{number}" for number in range(4)]
    wanted = " ".join(f"a{name[1:]}: named @skip(if: {name}) {{ name }}" for name in names)
    head = ", ".join(f"{name}: Boolean!" for name in names)
    program = program_of(core(SCHEMA), parse(f"query ({head}) {{ {wanted} }}"))

    answers = [
        program.execute({f"v{bit}": bool(number >> bit & 1) for bit in range(4)}, None)
        for number in range(16)
    ]

    assert [answer is Fallback.VARIANTS for answer in answers] == [False] * VARIANTS + [True] * 8


def test_a_program_keeps_nothing_of_the_runs_that_it_made() -> None:
    class Kept(Context):
        pass

    program = program_of(
        core(SCHEMA), parse("query ($at: String!) { where(at: $at) things { name } }")
    )

    program.execute({"at": "a" * 1_000}, Kept())

    gc.collect()
    assert not [found for found in gc.get_objects() if isinstance(found, Kept)]
