"""What executing an operation costs by its program, beside graphql-core.

The catalogue, the ledger and the resolvers are the real ones. What the loaders were told is kept
from the first execution on, so that nobody is measured waiting for a store; what the resolvers
themselves cost is in all figures.
"""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest
from graphql import ExecutionResult
from strawberry.dataloader import DataLoader

from db.pool import Database
from graph.api import api
from graph.compile import Fallback
from graph.context import Context, Services
from graph.documents import Document, Documents
from graph.executing import Executing
from graph.identity import Visit
from graph.limits import LIMITS
from schema.people import Viewer, ViewerKind
from tests.graph.conftest import services_on, viewer_of

QUERIES = Path(__file__).resolve().parents[2] / "graph/web/queries"
ROUNDS = 7
EXECUTIONS = 100
GATES = {"open-a-page": 4.0, "look-up-codes": 1.5}
"""How many times as long graphql-core takes at least."""


@dataclass
class Asking:
    """Somebody who asks again and again, and whose stores are asked once."""

    services: Services
    viewer: Viewer = field(default_factory=lambda: viewer_of(ViewerKind.REGISTERED))
    request_key: str = field(default_factory=lambda: secrets.token_hex(8))
    _told: dict[tuple[str, Hashable], Any] = field(default_factory=dict)

    def context(self) -> Context:
        """One more request."""
        visit = Visit(viewer=self.viewer, may_charge=True)
        limits = LIMITS[ViewerKind.PARTNER]
        context = Context(self.services, visit, self.request_key, self.services.now(), limits)
        for name, loader in vars(context.loaders).items():
            if isinstance(loader, DataLoader):
                assert loader.load_fn is not None
                loader.load_fn = self._remembered(name, loader.load_fn)
        return context

    def _remembered(
        self, name: str, load: Callable[[list[Any]], Awaitable[Sequence[Any]]]
    ) -> Callable[[list[Any]], Awaitable[Sequence[Any]]]:
        async def answer(asked: list[Any]) -> Sequence[Any]:
            missing = [item for item in asked if (name, item) not in self._told]
            if missing:
                found = await load(missing)
                self._told |= {(name, item): one for item, one in zip(missing, found, strict=True)}
            return [self._told[name, item] for item in asked]

        return answer


@pytest.fixture
async def asking(catalogue: Database, redis_url: str) -> AsyncIterator[Asking]:
    """Somebody on the whole catalogue and an empty ledger."""
    async with services_on(catalogue, redis_url) as services:
        yield Asking(services)


async def executed(document: Document, context: Context) -> ExecutionResult:
    (operation,) = document.operations
    result = Executing(api()).answer(document, operation, {}, context)
    return await result if isawaitable(result) else result


async def cost(documents: Iterator[Document], asking: Asking) -> float:
    """Microseconds of this process for one execution."""
    asked = [(next(documents), asking.context()) for _ in range(EXECUTIONS)]
    began = time.process_time()
    for document, context in asked:
        await executed(document, context)
    return (time.process_time() - began) / EXECUTIONS * 1e6


def read(text: str, *, compiles: bool) -> Document:
    document = Documents(api(), compiles=compiles).read(text, LIMITS[ViewerKind.PARTNER])
    assert isinstance(document, Document)
    return document


def again(document: Document) -> Iterator[Document]:
    while True:
        yield document


def anew(text: str) -> Iterator[Document]:
    while True:
        document = read(text, compiles=True)
        (operation,) = document.operations
        assert operation.program is not None
        assert operation.program.execute({}, None) is Fallback.FIRST
        yield document


@pytest.mark.bench
@pytest.mark.parametrize("name", GATES)
async def test_a_program_takes_a_part_of_the_time(name: str, asking: Asking) -> None:
    text = (QUERIES / f"{name}.graphql").read_text()
    by_program, by_reference = read(text, compiles=True), read(text, compiles=False)
    await executed(by_program, asking.context())
    answers = [await executed(way, asking.context()) for way in (by_program, by_reference)]
    ways = {
        "program": again(by_program),
        "being compiled": anew(text),
        "graphql-core": again(by_reference),
    }

    rounds = [{way: await cost(ways[way], asking) for way in ways} for _ in range(ROUNDS)]

    best = {way: min(costs[way] for costs in rounds) for way in ways}
    ratio = best["graphql-core"] / best["program"]
    shown = ", ".join(f"{way} {microseconds:,.0f} µs" for way, microseconds in best.items())
    print(f"\n{name}: {shown}; {ratio:.1f} times")
    assert answers[0].errors is None
    assert answers[0].data == answers[1].data
    assert ratio >= GATES[name]
