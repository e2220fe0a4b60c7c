"""The addresses of the server: /graphql, and the few beside it."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.codes import is_anything_loaded
from db.pool import Database
from graph.fhir.view import ADDRESS
from graph.sdl import printed
from schema.errors import StoreUnavailable

StoreProblems = Callable[[], Awaitable[Sequence[str]]]
"""Says what makes the ledger's store unfit now; raises StoreUnavailable when it is away."""
Doubts = Callable[[], Sequence[str]]
"""Says why a store that is back is not trusted while PostgreSQL decides."""
Answer = Callable[[Request], Awaitable[Response]]

_WEB = Path(str(files("graph") / "web"))
_CONFINED = {
    # GraphiQL's editor writes style elements and carries its icons as data.
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_LETTER_PAGES = {
    "/verify-email": "verify-email.html",
    "/reset-password": "reset-password.html",
    "/letters/letters.css": "letters.css",
    "/letters/letters.js": "letters.js",
}
_SEALED = {
    # Of a page that is handed a token nothing may come from, or go, elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def site(
    graphql: ASGIApp,
    database: Database,
    store_problems: StoreProblems,
    *,
    has_graphiql: bool,
    doubts: Doubts = tuple,
    has_letter_pages: bool = False,
    metrics: Answer | None = None,
    subscriptions: ASGIApp | None = None,
    fhir: ASGIApp | None = None,
) -> Starlette:
    """The application that answers every address; `metrics` None: none are told; `subscriptions`
    None: nobody tells of any; `fhir` None: nobody speaks it. `has_letter_pages` where no other site
    has the pages that letters link to."""

    async def ready(_: Request) -> Response:
        return await _readiness(database, store_problems, doubts)

    routes: list[BaseRoute] = [
        Route("/graphql", graphql),
        Route("/healthz", _health),
        Route("/readyz", ready),
        Route("/schema.graphql", _schema),
    ]
    if metrics is not None:
        routes.append(Route("/metrics", metrics))
    if subscriptions is not None:
        routes.append(Route("/webhooks/subscriptions", subscriptions))
    if fhir is not None:
        routes += [Route(ADDRESS, fhir), Mount(ADDRESS, fhir)]
    if has_letter_pages:
        routes += [Route(address, _sealed(name)) for address, name in _LETTER_PAGES.items()]
    if has_graphiql:
        routes += [
            Route("/", _to_graphiql),
            Mount("/graphiql/queries", StaticFiles(directory=_WEB / "queries")),
            Mount("/graphiql", _confined(StaticFiles(directory=_WEB / "graphiql", html=True))),
        ]
    return Starlette(routes=routes, middleware=[Middleware(_as_declared)])


async def _health(_: Request) -> Response:
    """Whether the process answers at all; says nothing of the stores."""
    return PlainTextResponse("ok\n")


async def _readiness(database: Database, store_problems: StoreProblems, doubts: Doubts) -> Response:
    """Whether a page could be opened now: 200 when both stores answer, the ledger's is safe and a
    release is loaded. While PostgreSQL decides pages are opened, whatever is wrong with a store
    that came back: that is told and changes nothing."""
    parts = {"catalogue": "ok", "meter": "ok"}
    try:
        if not await is_anything_loaded(database):
            parts["catalogue"] = "nothing is loaded: run `codestile load default`"
    except StoreUnavailable:
        parts["catalogue"] = "unavailable"
    try:
        if problems := await store_problems():
            parts["meter"] = " ".join(problems)
    except StoreUnavailable:
        parts["meter"] = "unavailable"
    is_ready = all(state == "ok" for state in parts.values())
    if sentences := doubts():
        parts["returnedStore"] = " ".join(("PostgreSQL decides on.", *sentences))
    return JSONResponse(parts, 200 if is_ready else 503)


async def _schema(request: Request) -> Response:
    """The published contract, for tools; unchanged text is answered with 304."""
    text, etag = _published()
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return PlainTextResponse(text, headers=headers)


@cache
def _published() -> tuple[str, str]:
    """The schema and its entity tag; printing takes milliseconds, which anyone could ask for."""
    text = printed()
    return text, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


async def _to_graphiql(_: Request) -> Response:
    return RedirectResponse("/graphiql/", 307)


def _sealed(name: str) -> Answer:
    """What answers with a file of the pages that letters link to."""

    async def page(_: Request) -> Response:
        return FileResponse(_WEB / "letters" / name, headers=_SEALED)

    return page


def _confined(app: ASGIApp) -> ASGIApp:
    """The application with the headers that confine its pages to this server."""
    return _with_headers(app, _CONFINED)


def _as_declared(app: ASGIApp) -> ASGIApp:
    """The application whose answers no browser may take for another type than they say."""
    return _with_headers(app, {"X-Content-Type-Options": "nosniff"})


def _with_headers(app: ASGIApp, more: Mapping[str, str]) -> ASGIApp:
    async def confined(scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(more)
            await send(message)

        await app(scope, receive, with_headers)

    return confined
