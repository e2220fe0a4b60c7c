"""GraphQL over HTTP: statuses, types, sizes, odd bodies, foreign pages, masked errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import httpx2
import pytest
import strawberry
import structlog
from graphql import GraphQLError, get_introspection_query

from graph import request as request_module
from graph.compile import Fallback
from graph.http import Call, GraphQLView
from graph.identity import Minted, Visit
from graph.limits import LIMITS
from graph.turns import Turns
from schema.errors import StoreUnavailable
from schema.people import Assignment, Viewer, ViewerKind

NEW = "application/graphql-response+json"
SECRET_DSN = "postgresql://codestile:hunter2@db/codestile"


def a_viewer(kind: ViewerKind) -> Viewer:
    plan = Assignment(plan_key=kind.lower(), plan_version=1, number=1)
    return Viewer(id="g" + "A" * 22, kind=kind, shard=1, assignment=plan, network=None)


@strawberry.type
class Thing:
    name: str = "a thing"

    @strawberry.field
    def children(self, first: int = 20) -> list["Thing"]:
        return [Thing() for _ in range(first)]

    @strawberry.field
    def count(self) -> int:
        return SECRET_DSN  # type: ignore[return-value]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "hello"

    @strawberry.field
    def thing(self) -> Thing:
        return Thing()

    @strawberry.field
    def echo(self, text: str, times: int = 1, on: date | None = None) -> str | None:
        return text * times if on is None else None

    @strawberry.field
    def fails(self) -> str | None:
        raise ValueError(f"could not connect to {SECRET_DSN}")

    @strawberry.field
    def fails_badly(self) -> str:
        raise ValueError(f"could not connect to {SECRET_DSN}")

    @strawberry.field
    def away(self) -> str | None:
        raise StoreUnavailable("valkey", f"no answer from {SECRET_DSN}", retry_after_seconds=7)

    @strawberry.field
    def picky(self) -> str | None:
        raise GraphQLError("first is too large", extensions={"code": "BAD_USER_INPUT"})

    @strawberry.field
    async def slow(self, info: strawberry.Info[Any, None]) -> str | None:
        info.context.happened.append("begun slow")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            info.context.happened.append("cancelled")
            raise
        return "late"

    @strawberry.field
    async def key(self, info: strawberry.Info[Any, None]) -> str | None:
        return info.context.call.idempotency_key

    @strawberry.field
    async def charge(self, info: strawberry.Info[Any, None]) -> str:
        visit = info.context.call.visit
        if not visit.may_charge:
            return "preview"
        return (await visit.to_charge()).id


@strawberry.type
class Mutation:
    @strawberry.field
    def act(self, info: strawberry.Info[Any, None]) -> str:
        info.context.happened.append("acted")
        return "done"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1


SCHEMA = strawberry.Schema(Query, Mutation, Subscription)


class Context:
    def __init__(self, call: Call, happened: list[str]) -> None:
        self.call = call
        self.happened = happened


class Served:
    """A view over the small schema, its client, and what happened behind it."""

    def __init__(self, kind: ViewerKind | None = None, **options: Any) -> None:
        self.happened: list[str] = []
        self.kind = kind
        self.view = GraphQLView(
            SCHEMA,
            identify=self._identify,
            make_context=lambda call: Context(call, self.happened),
            **options,
        )
        transport = httpx2.ASGITransport(app=self.view)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://codestile.test")

    def has_begun(self, field: str) -> bool:
        return f"begun {field}" in self.happened

    async def _identify(self, request: Any) -> Visit:
        viewer = a_viewer(self.kind) if self.kind else None
        may_charge = "sec-purpose" not in request.headers
        return Visit(viewer, may_charge, mint=self._mint)

    async def _mint(self) -> Minted:
        headers = (("Codestile-Viewer", "v1.token"), ("Set-Cookie", "codestile_guest=v1.token"))
        return Minted(a_viewer(ViewerKind.GUEST), "v1.token", headers)

    async def post(
        self, query: Any, /, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        return await self.client.post(
            "/graphql", json={"query": query, **more}, headers=dict(headers or {})
        )

    async def send(self, body: bytes, **headers: str) -> Any:
        named = {"content-type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.client.post("/graphql", content=body, headers=named)

    async def get(self, headers: Mapping[str, str] | None = None, **params: str) -> Any:
        return await self.client.get("/graphql", params=params, headers=dict(headers or {}))


@pytest.fixture
def served() -> Served:
    return Served()


def code_of(response: Any) -> str:
    (error,) = response.json()["errors"]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    return str(error["extensions"]["code"])


async def test_a_query_is_answered_by_post_and_by_get(served):
    by_post = await served.post("{ hello }")
    by_get = await served.get(query="{ hello }")

    for response in (by_post, by_get):
        assert response.status_code == 200
        assert response.json() == {"data": {"hello": "hello"}}
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.headers["cache-control"] == "private, no-store"
        assert response.headers["vary"].startswith("Accept, Origin, Sec-Fetch-Site")
        assert len(response.headers["x-request-id"]) == 24
    assert by_post.headers["x-request-id"] != by_get.headers["x-request-id"]


async def test_variables_and_operation_name_are_read_from_the_query_string(served):
    response = await served.get(
        query="query A { hello } query B($t: String!) { echo(text: $t) }",
        variables='{"t": "é"}',
        operationName="B",
        extensions="{}",
    )

    # A guest may send one operation a document; the parameters were understood before that.
    assert code_of(response) == "OPERATION_LIMIT_EXCEEDED"
    member = Served(ViewerKind.REGISTERED)
    response = await member.get(**dict(response.request.url.params))
    assert response.json() == {"data": {"echo": "é"}}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (NEW, NEW),
        (f"{NEW}, application/json", NEW),
        (f"application/json, {NEW}", NEW),
        (f"{NEW};q=0.5, application/json", "application/json"),
        (f"{NEW};q=0.9, application/json;q=0.8", NEW),
        (f"{NEW}, */*", NEW),
        ("application/json, */*;q=0.5", "application/json"),
        ("application/json;q=0, */*", NEW),
        (f"{NEW}, application/graphql+json, application/json, text/event-stream", NEW),
        ("text/html, */*;q=0.1", "application/json"),
        (f"{NEW}; charset=utf-8", NEW),
        ("APPLICATION/JSON", "application/json"),
    ],
)
async def test_the_type_of_the_answer_is_negotiated(served, accept, expected):
    response = await served.post("{ hello }", {"accept": accept})

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", f"{NEW};q=x", "*/*;q=0", "nonsense"]
)
async def test_a_client_that_takes_no_type_of_ours_gets_406(served, accept):
    response = await served.post("mutation { act }", {"accept": accept})

    assert (response.status_code, code_of(response)) == (406, "BAD_REQUEST")
    assert served.happened == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "QUERY"])
async def test_other_methods_get_405(served, method):
    response = await served.client.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_a_mutation_by_get_gets_405_and_does_nothing(served):
    response = await served.get(query="mutation { act }")

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert served.happened == []
    assert (await served.post("mutation { act }")).json() == {"data": {"act": "done"}}


async def test_a_subscription_is_refused(served):
    response = await served.post("subscription { ticks }")

    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
    ],
)
async def test_a_body_that_says_it_is_no_json_gets_415(served, content_type):
    response = await served.send(b'{"query": "mutation { act }"}', content_type=content_type)

    assert (response.status_code, response.headers["accept-post"]) == (415, "application/json")
    assert served.happened == []


async def test_a_compressed_body_gets_415(served):
    response = await served.send(b"\x1f\x8b", content_encoding="gzip")

    assert response.status_code == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "Application/JSON"])
async def test_json_by_another_spelling_is_json(served, content_type):
    response = await served.send(b'{"query": "{ hello }"}', content_type=content_type)

    assert response.json() == {"data": {"hello": "hello"}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"123",
        b'"x"',
        b"true",
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"{",
        b"{}",
        b"[" * 19_000,
        b'{"query": "{ hello }", "variables": ' + b"[" * 9_000 + b"]" * 9_000 + b"}",
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        b'{"query": "{ hello }", "variables": {"x": "\\udc00"}}',
        b"\xff\xfe{\x00}\x00",
        b'{"query": NaN}',
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ""}',
        b'{"query": ["{ hello }"]}',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "variables": "x"}',
        b'{"query": "{ hello }", "extensions": 1}',
        b'{"query": "{ hello }", "operationName": 1}',
    ],
)
async def test_an_odd_body_gets_400(served, body):
    response = await served.send(body, accept="application/json")

    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"query": ""},
        {"query": "{ hello }", "variables": "{"},
        {"query": "{ hello }", "variables": "[]"},
        {"query": "{ hello }", "extensions": "5"},
    ],
)
async def test_an_odd_query_string_gets_400(served, params):
    response = await served.get(**params)

    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


async def test_a_hundred_thousand_brackets_of_a_partner_get_400():
    response = await Served(ViewerKind.PARTNER).send(b"[" * 100_000)

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        (None, 20_000),
        (ViewerKind.REGISTERED, 50_000),
        (ViewerKind.SUBSCRIBER, 50_000),
        (ViewerKind.PARTNER, 100_000),
    ],
)
async def test_the_longest_body_depends_on_who_asks(kind, most):
    served = Served(kind)
    body = b'{"query": "{ hello }"}'

    assert (await served.send(body.ljust(most))).status_code == 200
    response = await served.send(body.ljust(most + 1))
    assert (response.status_code, code_of(response)) == (413, "BAD_REQUEST")
    assert response.headers["connection"] == "close"


async def test_an_endless_body_is_not_read_for_ever(served, monkeypatch):
    monkeypatch.setattr(request_module, "_DISCARDED_BYTES", 50_000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000
            yield b" " * 1_000

    response = await served.client.post(
        "/graphql", content=endless(), headers={"content-type": "application/json"}
    )

    assert response.status_code == 413
    assert sent == 51_000


async def test_a_body_that_does_not_arrive_gets_408(served, monkeypatch):
    monkeypatch.setattr(request_module, "_BODY_SECONDS", 0.01)

    async def stuck() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    response = await served.client.post(
        "/graphql", content=stuck(), headers={"content-type": "application/json"}
    )

    assert (response.status_code, code_of(response)) == (408, "BAD_REQUEST")


async def test_a_long_query_string_gets_414(served):
    response = await served.get(query="{ hello }" + "#" * 20_000)

    assert response.status_code == 414


@pytest.mark.parametrize(("accept", "status"), [(NEW, 400), ("application/json", 200)])
@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ hello\x00 }", {}, "GRAPHQL_PARSE_FAILED"),
        ('{ echo(text: "\\ud800") }', {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ echo(text: 5) }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("fragment A on Query { hello }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("type A { a: Int }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($t: String!) { echo(text: $t) }", {}, "BAD_USER_INPUT"),
        ("query ($t: String!) { echo(text: $t) }", {"t": 5}, "BAD_USER_INPUT"),
        ('query ($d: Date) { echo(text: "", on: $d) }', {"d": "soon"}, "BAD_USER_INPUT"),
        ('query ($n: Int!) { echo(text: "", times: $n) }', {"n": 2**70}, "BAD_USER_INPUT"),
        ("{" + " ".join(f"a{i}: hello" for i in range(10_000)), {}, "OPERATION_LIMIT_EXCEEDED"),
        (
            "{ a: hello b: hello c: hello d: hello e: hello f: hello }",
            {},
            "OPERATION_LIMIT_EXCEEDED",
        ),
    ],
)
async def test_a_refused_document_is_400_only_in_the_new_type(
    query, variables, code, accept, status
):
    served = Served(limits={ViewerKind.GUEST: replace(LIMITS[ViewerKind.GUEST], body_bytes=10**6)})

    response = await served.post(query, {"accept": accept}, variables=variables)

    assert response.status_code == status
    assert "data" not in response.json()
    assert {e["extensions"]["code"] for e in response.json()["errors"]} == {code}


async def test_an_operation_that_is_not_in_the_document_is_refused(served):
    response = await served.post("query A { hello }", operationName="B")

    assert code_of(response) == "BAD_USER_INPUT"


async def test_nested_lists_are_refused_before_they_run(served):
    query = "query ($n: Int!) { thing { children(first: $n) { children(first: 100) { name } } } }"

    fits = await served.post(query, variables={"n": 1})
    refused = await served.post(query, variables={"n": 100})

    assert len(fits.json()["data"]["thing"]["children"]) == 1
    assert code_of(refused) == "OPERATION_LIMIT_EXCEEDED"


async def test_introspection_is_answered_unless_turned_off():
    query = get_introspection_query()

    assert "__schema" in (await Served().post(query)).json()["data"]
    closed = Served(is_introspectable=False)
    response = await closed.post(query)
    assert {e["extensions"]["code"] for e in response.json()["errors"]} == {
        "GRAPHQL_VALIDATION_FAILED"
    }
    assert "Did you mean" not in (await closed.post("{ helo }")).text
    assert "Did you mean" in (await Served().post("{ helo }")).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.codestile.test"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://codestile.test"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://codestile.test.evil.example"},
        {"Origin": "https://partner.example.evil.example"},
    ],
)
async def test_a_page_of_another_site_is_refused_by_get_and_post(headers):
    served = Served(allowed_origins=["https://partner.example"])

    by_post = await served.post("mutation { act }", headers)
    by_get = await served.get(headers, query="{ charge }")

    for response in (by_post, by_get):
        assert (response.status_code, code_of(response)) == (403, "FORBIDDEN")
        assert "access-control-allow-origin" not in response.headers
        assert "set-cookie" not in response.headers
    assert served.happened == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://codestile.test"},
        {"Origin": "https://partner.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://partner.example"},
    ],
)
async def test_our_own_pages_programs_and_listed_origins_are_answered(headers):
    served = Served(allowed_origins=["https://partner.example"])

    response = await served.post("{ hello }", headers)

    assert response.json() == {"data": {"hello": "hello"}}
    is_listed = "partner" in headers.get("Origin", "")
    allowed = response.headers.get("access-control-allow-origin")
    assert allowed == ("https://partner.example" if is_listed else None)


@pytest.mark.parametrize(
    ("origin", "status"), [("https://partner.example", 200), ("https://evil.example", 400)]
)
async def test_only_listed_origins_pass_the_preflight(origin, status):
    served = Served(allowed_origins=["https://partner.example"])

    response = await served.client.options(
        "/graphql",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, codestile-viewer, idempotency-key",
        },
    )

    assert response.status_code == status


@pytest.mark.parametrize("key", ["12345678", "x" * 64, "!~abc;=,\"'"])
async def test_an_idempotency_key_reaches_the_context(served, key):
    response = await served.post("{ key }", {"Idempotency-Key": key})

    assert response.json() == {"data": {"key": key}}


async def test_without_an_idempotency_key_the_context_has_none(served):
    assert (await served.post("{ key }")).json() == {"data": {"key": None}}


@pytest.mark.parametrize(
    "key", ["", "1234567", "x" * 65, "with blank", "t\tabbing", "caf\u00e9 x" * 2]
)
async def test_an_unusable_idempotency_key_gets_400(served, key):
    response = await served.post("mutation { act }", {"Idempotency-Key": key.encode("latin-1")})

    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")
    assert served.happened == []


async def test_a_guest_made_while_answering_is_handed_its_token(served):
    response = await served.post("{ charge }")

    assert response.json() == {"data": {"charge": "g" + "A" * 22}}
    assert response.headers["codestile-viewer"] == "v1.token"
    assert response.headers["set-cookie"] == "codestile_guest=v1.token"


async def test_a_prefetch_makes_no_guest(served):
    response = await served.post("{ charge }", {"Sec-Purpose": "prefetch"})

    assert response.json() == {"data": {"charge": "preview"}}
    assert "set-cookie" not in response.headers
    assert "codestile-viewer" not in response.headers


@pytest.mark.parametrize("field", ["fails", "failsBadly", "thing { count }"])
async def test_an_unexpected_error_is_masked_and_logged_once(served, field):
    with structlog.testing.capture_logs() as lines:
        response = await served.post(f"{{ {field} }}")

    (error,) = response.json()["errors"]
    assert response.status_code == 200
    assert "data" in response.json()
    assert error["message"] == "Internal error"
    assert code_of(response) == "INTERNAL_SERVER_ERROR"
    assert "hunter2" not in response.text
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("request_failed", "error")
    assert line["exc_info"].__traceback__ is not None


async def test_each_of_several_errors_is_logged_once(served):
    with structlog.testing.capture_logs() as lines:
        response = await served.post("{ a: fails b: fails hello }")

    assert response.json()["data"] == {"a": None, "b": None, "hello": "hello"}
    assert [line["path"] for line in lines] == ["a", "b"]


async def test_an_error_of_the_client_is_not_logged(served):
    with structlog.testing.capture_logs() as lines:
        for query in ("{", "{ nothing }", "{ picky }", "query ($t: String!) { echo(text: $t) }"):
            await served.post(query)
        await served.send(b"null")

    assert lines == []


async def test_an_error_raised_for_the_client_keeps_its_words(served):
    response = await served.post("{ picky }")

    assert response.json()["data"] == {"picky": None}
    assert response.json()["errors"][0]["message"] == "first is too large"
    assert code_of(response) == "BAD_USER_INPUT"


async def test_an_argument_that_fails_while_running_is_the_clients(served):
    query = 'query ($n: Int) { echo(text: "x", times: $n) }'

    response = await served.post(query, variables={"n": None})

    assert response.json()["data"] == {"echo": None}
    assert code_of(response) == "BAD_USER_INPUT"


async def test_a_store_that_is_away_says_when_to_come_back(served):
    with structlog.testing.capture_logs() as lines:
        response = await served.post("{ away }")

    (error,) = response.json()["errors"]
    request_id = response.headers["x-request-id"]
    assert error["extensions"] == {
        "code": "STORE_UNAVAILABLE",
        "retryable": True,
        "retryAfterSeconds": 7,
        "requestId": request_id,
    }
    assert "hunter2" not in response.text
    assert [line["event"] for line in lines] == ["store_unavailable"]


@pytest.mark.parametrize(
    ("compiles", "expected"),
    [(True, {"first": 1, "compiled": 2, "introspection": 1}), (False, {"off": 4})],
)
async def test_operations_are_counted_by_the_way_they_were_executed(
    compiles: bool, expected: dict[str, int]
) -> None:
    served = Served(compiles=compiles)

    for _ in range(3):
        await served.post("{ __typename }")
    await served.post("{ __schema { queryType { name } } }")
    await served.post("{ nothing }")

    assert {way: count for way, count in served.view.executed.items() if count} == expected
    assert set(served.view.executed) == {"compiled", "off", *Fallback}


async def test_an_operation_past_its_deadline_is_cancelled():
    hurried = replace(LIMITS[ViewerKind.GUEST], deadline_seconds=0.01)
    served = Served(limits={ViewerKind.GUEST: hurried})

    response = await served.post("{ hello slow }", {"accept": NEW})

    (error,) = response.json()["errors"]
    assert (response.status_code, response.json()["data"]) == (200, None)
    assert code_of(response) == "DEADLINE_EXCEEDED"
    assert error["extensions"]["retryable"] is True
    assert served.happened == ["begun slow", "cancelled"]


async def test_a_failure_outside_every_field_is_masked(served):
    async def identify(request: Any) -> Visit:
        raise KeyError(SECRET_DSN)

    served.view._identify = identify
    with structlog.testing.capture_logs() as lines:
        response = await served.post("{ hello }")

    assert (response.status_code, code_of(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert "hunter2" not in response.text
    assert [line["event"] for line in lines] == ["request_failed"]


async def test_a_store_away_outside_every_field_gets_503(served):
    async def identify(request: Any) -> Visit:
        raise StoreUnavailable("postgres", "down", retry_after_seconds=3)

    served.view._identify = identify
    response = await served.post("{ hello }")

    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert code_of(response) == "STORE_UNAVAILABLE"


async def test_a_client_that_leaves_while_sending_gets_no_answer(served):
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    await served.view(scope, receive, send)

    assert sent == []


async def test_every_answer_is_json(served):
    for response in (
        await served.client.delete("/graphql"),
        await served.send(b"\xff"),
        await served.get(),
        await served.post("{ nothing }"),
        await served.post("{ hello }", {"accept": "text/html"}),
    ):
        assert isinstance(json.loads(response.content), dict)


async def test_an_operation_that_gets_no_turn_in_time_gets_503_and_does_not_run():
    guest = replace(LIMITS[ViewerKind.GUEST], deadline_seconds=0.5)
    busy = Served(turns=Turns(1, 0.05), limits={**LIMITS, ViewerKind.GUEST: guest})
    working = asyncio.create_task(busy.post("{slow}"))
    while not busy.has_begun("slow"):
        await asyncio.sleep(0)

    refused = await busy.post("mutation {act}")
    await working
    answered = await busy.post("mutation {act}")

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "2"
    assert answered.json() == {"data": {"act": "done"}}
    assert busy.happened == ["begun slow", "cancelled", "acted"]
