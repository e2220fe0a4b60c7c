"""The addresses of the server: /graphql, and the few beside it."""

import hashlib
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.codes import is_anything_loaded
from db.pool import Database
from graph.sdl import printed
from metering.meter import LedgerMeter
from schema.errors import StoreUnavailable

_WEB = Path(str(files("graph") / "web"))
_CONFINED = {
    # GraphiQL's editor writes style elements and carries its icons as data.
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def site(
    graphql: ASGIApp, database: Database, meter: LedgerMeter, *, has_graphiql: bool
) -> Starlette:
    """The application that answers every address."""

    async def ready(_: Request) -> Response:
        return await _readiness(database, meter)

    routes: list[BaseRoute] = [
        Route("/graphql", graphql),
        Route("/healthz", _health),
        Route("/readyz", ready),
        Route("/schema.graphql", _schema),
    ]
    if has_graphiql:
        routes += [
            Route("/", _to_graphiql),
            Mount("/graphiql/queries", StaticFiles(directory=_WEB / "queries")),
            Mount(
                "/graphiql",
                _with_headers(StaticFiles(directory=_WEB / "graphiql", html=True)),
            ),
        ]
    return Starlette(routes=routes)


async def _health(_: Request) -> Response:
    """Whether the process answers at all; says nothing of the stores."""
    return PlainTextResponse("ok\n")


async def _readiness(database: Database, meter: LedgerMeter) -> Response:
    """Whether a page could be opened now: 200 when both stores answer and a release is loaded."""
    parts = {"catalogue": "ok", "meter": "ok"}
    try:
        if not await is_anything_loaded(database):
            parts["catalogue"] = "nothing is loaded: run `codestile load default`"
    except StoreUnavailable:
        parts["catalogue"] = "unavailable"
    try:
        await meter.ping()
    except StoreUnavailable:
        parts["meter"] = "unavailable"
    is_ready = all(state == "ok" for state in parts.values())
    return JSONResponse(parts, 200 if is_ready else 503)


async def _schema(request: Request) -> Response:
    """The published contract, for tools; unchanged text is answered with 304."""
    text = printed()
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return PlainTextResponse(text, headers=headers)


async def _to_graphiql(_: Request) -> Response:
    return RedirectResponse("/graphiql/", 307)


def _with_headers(app: ASGIApp) -> ASGIApp:
    """The application with the headers that confine its pages to this server."""

    async def confined(scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in _CONFINED.items()),
                ]
            await send(message)

        await app(scope, receive, with_headers)

    return confined
