"""The addresses beside /graphql, and GraphiQL with its example queries."""

import socket
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query

from graph.serve import bound

ROOT = Path(__file__).parents[2]
QUERIES = sorted((ROOT / "graph/web/queries").glob("*.graphql"))


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: file.stem)
async def test_example_query_is_answered_to_a_guest(browser: Any, file: Path) -> None:
    data = await browser.ask(file.read_text(encoding="utf-8"))

    assert all(data.values())


async def test_graphiql_may_ask_for_the_whole_schema_as_a_guest(browser: Any) -> None:
    query = get_introspection_query(descriptions=True, input_value_deprecation=True)

    data = await browser.ask(query)

    assert "CodePage" in [named["name"] for named in data["__schema"]["types"]]


async def test_graphiql_loads_nothing_from_elsewhere(browser: Any) -> None:
    page = await browser.client.get("/graphiql/")

    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "http://" not in page.text
    assert "https://" not in page.text
    for name in ("app.js", "app.css"):
        assert (await browser.client.get(f"/graphiql/{name}")).status_code == 200
    listed = await browser.client.get("/graphiql/queries/index.json")
    assert len(listed.json()) == len(QUERIES)
    assert not browser.client.cookies


async def test_root_leads_to_graphiql(browser: Any) -> None:
    response = await browser.client.get("/")

    assert (response.status_code, response.headers["location"]) == (307, "/graphiql/")


async def test_graphiql_and_introspection_can_be_turned_off(
    start_server: Any, new_browser: Any
) -> None:
    async with start_server(CODESTILE_GRAPHIQL="false", CODESTILE_INTROSPECTION="false") as server:
        client = new_browser(server).client
        page, root = await client.get("/graphiql/"), await client.get("/")
        asked = await client.post("/graphql", json={"query": "{__schema {types {name}}}"})

    assert (page.status_code, root.status_code) == (404, 404)
    assert asked.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "data" not in asked.json()


async def test_schema_is_served_as_published_and_answered_with_304_when_known(
    browser: Any,
) -> None:
    first = await browser.client.get("/schema.graphql")
    again = await browser.client.get(
        "/schema.graphql", headers={"If-None-Match": first.headers["etag"]}
    )

    assert first.text == (ROOT / "schema/schema.graphql").read_text(encoding="utf-8")
    assert (again.status_code, again.text) == (304, "")


async def test_health_and_readiness_are_told(browser: Any) -> None:
    health, ready = await browser.client.get("/healthz"), await browser.client.get("/readyz")

    assert (health.status_code, health.text) == (200, "ok\n")
    assert (ready.status_code, ready.json()) == (200, {"catalogue": "ok", "meter": "ok"})


async def test_answers_do_not_name_the_server_software(browser: Any) -> None:
    response = await browser.client.get("/healthz")

    assert "server" not in response.headers


def test_connections_are_not_delayed_for_small_answers() -> None:
    """asyncio sets TCP_NODELAY only on sockets of this protocol; without, an answer in two writes
    waits 40 ms."""
    with bound("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
