"""What of a schema will go away is found once a document, and counted per key and day."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from enum import Enum
from typing import Any

import httpx2
import pytest
import strawberry
from graphql import build_schema, parse

from db.pool import Database
from graph import deprecated_use as module
from graph.deprecated_use import DeprecatedUse
from graph.deprecation import deprecated_in, deprecations
from graph.documents import Document, Documents
from graph.http import GraphQLView
from graph.identity import Visit
from graph.limits import LIMITS
from graph.people.keys import read_key
from schema.errors import StoreUnavailable
from schema.people import ViewerKind
from tests.graph.partners import Clock, Person, Site, add_account, site_on


@strawberry.enum
class Shade(Enum):
    NEW = strawberry.enum_value("new")
    OLD = strawberry.enum_value("old", deprecation_reason="Use NEW. Removal on 2027-07-01.")


@strawberry.input
class Wish:
    shade: Shade = Shade.NEW
    size: int | None = strawberry.field(default=None, deprecation_reason="Not read any more.")


@strawberry.type
class Thing:
    name: str = "thing"
    title: str = strawberry.field(default="t", deprecation_reason="Use name.")

    @strawberry.field
    def inner(self) -> "Thing":
        return Thing()


@strawberry.type
class Query:
    @strawberry.field
    def thing(self, wish: Wish | None = None) -> Thing:  # noqa: ARG002
        return Thing()

    @strawberry.field(deprecation_reason="Use thing.")
    def old_thing(self) -> Thing:
        return Thing()


SCHEMA = strawberry.Schema(Query)
CORE = SCHEMA._schema


def found(text: str) -> list[set[str]]:
    """What each operation of a document asks for that will go away."""
    return [set(coordinates) for coordinates in deprecated_in(CORE, parse(text))]


def test_reasons_are_known_by_coordinate() -> None:
    assert deprecations(CORE) == {
        "Query.oldThing": "Use thing.",
        "Thing.title": "Use name.",
        "Wish.size": "Not read any more.",
        "Shade.OLD": "Use NEW. Removal on 2027-07-01.",
    }


@pytest.mark.parametrize(
    ("text", "coordinates"),
    [
        ("{ thing { name inner { name } } __typename }", set()),
        ("{ thing { t: title title } }", {"Thing.title"}),
        ("{ thing { inner { ... on Thing { ... { title } } } } }", {"Thing.title"}),
        ("{ oldThing { name } }", {"Query.oldThing"}),
        ("{ thing(wish: {size: 1}) { name } }", {"Wish.size"}),
        ("{ thing(wish: {shade: OLD}) { name } }", {"Shade.OLD"}),
        ("query($w: Wish = {shade: OLD}) { thing(wish: $w) { name } }", {"Shade.OLD"}),
        ("query($w: Wish) { thing(wish: $w) { name } }", set()),
        ('{ __type(name: "Thing") { name } __schema { queryType { name } } }', set()),
        ("{ thing { name @include(if: true) } }", set()),
    ],
)
def test_what_goes_away_is_found_wherever_it_is_asked_for(text: str, coordinates: Any) -> None:
    assert found(text) == [coordinates]


def test_each_operation_has_what_it_and_its_fragments_ask_for() -> None:
    text = """
      query A { thing { ...One } }
      query B { thing { name } }
      query C { thing(wish: {size: 2}) { ...Two } }
      fragment One on Thing { inner { ...Two } }
      fragment Two on Thing { title }
    """

    assert found(text) == [{"Thing.title"}, set(), {"Thing.title", "Wish.size"}]


def test_deprecated_argument_has_its_own_coordinate() -> None:
    schema = build_schema(
        'type Query { code(asOf: Int @deprecated(reason: "Use on."), on: Int): Int }'
    )

    assert deprecations(schema) == {"Query.code(asOf:)": "Use on."}
    assert deprecated_in(schema, parse("{ code(asOf: 1, on: 2) }")) == [{"Query.code(asOf:)"}]
    assert deprecated_in(schema, parse("{ code(on: 2) }")) == [set()]


def test_document_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from graph import documents

    looked: list[object] = []
    look = documents.deprecated_in
    monkeypatch.setattr(
        documents, "deprecated_in", lambda *given: looked.append(given) or look(*given)
    )
    kept = Documents(SCHEMA)

    read = [kept.read("{ thing { title } }", LIMITS[ViewerKind.PARTNER]) for _ in range(3)]

    assert isinstance(read[0], Document)
    assert read[0].operations[0].deprecated == {"Thing.title"}
    assert len(looked) == 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def site(database: Database, redis_url: str, clock: Clock) -> AsyncIterator[Site]:
    async with site_on(database, redis_url, clock) as opened:
        yield opened


@pytest.fixture
async def partner(database: Database) -> Person:
    return await add_account(database)


async def written(database: Database) -> dict[tuple[str, str, date], int]:
    rows = await database.fetch("SELECT key_id, field, day, uses FROM deprecated_use")
    return {(row["key_id"], row["field"], row["day"]): row["uses"] for row in rows}


def id_of(key: str) -> str:
    parts = read_key(key)
    assert parts is not None
    return parts[0]


async def test_uses_of_keys_are_counted_and_those_of_people_are_not(
    site: Site, partner: Person, database: Database, clock: Clock
) -> None:
    """Over a schema of the test's own: the published one has nothing that goes away."""
    _, key = await site.new_key(partner)
    uses = DeprecatedUse(database, clock)

    async def identify(request: Any) -> Visit:
        authorization = request.headers.get("authorization", "")
        held = await site.services.keys.holder(authorization.removeprefix("Bearer "))
        account_key = held[1] if held else None
        return Visit(viewer=None, may_charge=True, key=account_key)

    view = GraphQLView(
        SCHEMA, identify=identify, make_context=lambda call: call, note_deprecated=uses.note
    )
    transport = httpx2.ASGITransport(app=view)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:

        async def ask(query: str, bearer: str | None) -> None:
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
            answer = await client.post("/graphql", json={"query": query}, headers=headers)
            assert answer.status_code == 200
            assert "errors" not in answer.json(), answer.json()

        for _ in range(3):
            await ask("{ thing { title again: title } }", key)
        await ask("{ thing { name } }", key)
        await ask("{ thing { title } }", None)
        clock.advance(days=1)
        await ask("{ oldThing { title } }", key)

    assert await written(database) == {}
    await uses.flush()
    await uses.flush()

    assert await written(database) == {
        (id_of(key), "Thing.title", date(2026, 11, 23)): 3,
        (id_of(key), "Thing.title", date(2026, 11, 24)): 1,
        (id_of(key), "Query.oldThing", date(2026, 11, 24)): 1,
    }


async def test_counts_are_written_while_it_runs_and_at_its_end(
    site: Site, partner: Person, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.02)
    key = id_of((await site.new_key(partner))[1])
    uses, today = DeprecatedUse(database, clock), clock.at.date()

    async with uses.flushing():
        uses.note(key, ["Thing.title"])
        async with asyncio.timeout(30):
            while not await written(database):
                await asyncio.sleep(0.02)
        monkeypatch.setattr(module, "FLUSH_SECONDS", 3600.0)
        await asyncio.sleep(0.1)
        uses.note(key, ["Thing.title"])

    assert await written(database) == {(key, "Thing.title", today): 2}


async def test_counts_of_keys_that_are_no_more_are_left_out(
    site: Site, partner: Person, database: Database, clock: Clock
) -> None:
    key = id_of((await site.new_key(partner))[1])
    uses = DeprecatedUse(database, clock)
    uses.note(key, ["Thing.title"])
    uses.note("A" * 12, ["Thing.title"])

    await uses.flush()

    assert await written(database) == {(key, "Thing.title", clock.at.date()): 1}


async def test_counts_wait_while_the_database_is_away_and_are_bounded(
    site: Site, partner: Person, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = id_of((await site.new_key(partner))[1])
    uses, today = DeprecatedUse(database, clock, most=2), clock.at.date()

    async def away(*_: object) -> None:
        raise StoreUnavailable("postgres", "it is away")

    with monkeypatch.context() as absent:
        absent.setattr(module, "add_deprecated_uses", away)
        uses.note(key, ["Thing.a"])
        uses.note(key, ["Thing.b"])
        await uses.flush()
        uses.note(key, ["Thing.c"])
        uses.note(key, ["Thing.a"])
        await uses.flush()
    assert await written(database) == {}

    await uses.flush()

    assert await written(database) == {(key, "Thing.a", today): 2, (key, "Thing.b", today): 1}


async def test_two_servers_write_at_once(
    site: Site, partner: Person, database: Database, clock: Clock
) -> None:
    keys = [id_of((await site.new_key(partner))[1]) for _ in range(5)]
    servers = [DeprecatedUse(database, clock) for _ in range(4)]
    for number, server in enumerate(servers):
        for key in keys if number % 2 else reversed(keys):
            server.note(key, ["Thing.title", "Query.oldThing"])

    await asyncio.gather(*(server.flush() for server in servers))

    assert set((await written(database)).values()) == {4}
    assert len(await written(database)) == 10
