"""GraphQL over HTTP: the one endpoint, as an ASGI application.

Strawberry's own view ignores Accept, answers 500 to a body of `null`, and logs every mistake of a
client with a traceback; this one passes the whole graphql-http audit (tests/conformance).
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import orjson
import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.documents import Document, Documents, Operation, too_many_fields
from graph.executing import Executing
from graph.identity import VIEWER_HEADER, Identify, Visit
from graph.limits import LIMITS, Limits
from graph.masking import ErrorCode, coded, shown, shown_exception
from graph.request import (
    GRAPHQL_RESPONSE,
    JSON,
    Params,
    answer_type,
    idempotency_key,
    read_params,
    refuse_foreign_page,
)
from schema.errors import StoreUnavailable
from schema.people import ViewerKind

_REQUEST_ERROR_STATUS = 400
"""Status of a refused document under application/graphql-response+json. Newer drafts say 422;
today's clients and the audit expect 400."""

EXECUTING_AT_ONCE = 16
"""Operations that execute at a time; the rest wait their turn. More would not be faster, as one
processor runs them all, and each would be slower: the answers of the stores would lie unread until
they seem late."""
TURN_SECONDS = 10.0
"""How long an operation waits for its turn before the reader is told to ask again."""

KNOWN_SECONDS = 1.0
"""How long somebody is taken for who they were when their request began. A body may take thirty
times that to arrive, and its session or key may have ended meanwhile."""

_HEADERS = {
    "Vary": f"Accept, Origin, Sec-Fetch-Site, Authorization, Cookie, {VIEWER_HEADER}",
    "Cache-Control": "private, no-store",
}
_CODES = {
    400: ErrorCode.BAD_USER_INPUT,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
}


NoteDeprecated = Callable[[str, Collection[str]], None]
"""Notes that an operation of a key, named by its id, asked for what has these coordinates."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a request when its operation begins."""

    visit: Visit
    limits: Limits
    request_id: str
    """Ours, made anew for each request; on the response and in the log."""
    idempotency_key: str | None
    """The client's, the same on each retry; None when it gave none."""


@dataclass(frozen=True, slots=True)
class _Answer:
    body: dict[str, Any]
    status: int = 200
    headers: Mapping[str, str] | None = None


class GraphQLView:
    """Answers GraphQL requests on one path. Takes everything it needs by argument."""

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        identify: Identify,
        make_context: Callable[[Call], object],
        is_introspectable: bool = True,
        compiles: bool = True,
        allowed_origins: Collection[str] = (),
        limits: Mapping[ViewerKind, Limits] = LIMITS,
        executing_at_once: int = EXECUTING_AT_ONCE,
        turn_seconds: float = TURN_SECONDS,
        note_deprecated: NoteDeprecated | None = None,
    ) -> None:
        """`allowed_origins` are other sites whose pages may ask, exact, as `https://a.example`.
        `note_deprecated` is told what a key asks for that will go away. `compiles`: operations
        are executed by programs, as far as those know them."""
        self._identify = identify
        self._make_context = make_context
        self._documents = Documents(schema, is_introspectable=is_introspectable, compiles=compiles)
        self._executing = Executing(schema, hides_names=not is_introspectable)
        self.executed = self._executing.counts
        """Operations so far, by the way they were executed."""
        self._allowed_origins = frozenset(allowed_origins)
        self._limits = limits
        self._turns = asyncio.Semaphore(executing_at_once)
        self._turn_seconds = turn_seconds
        self._note_deprecated = note_deprecated
        self._app = _shared_with(self._allowed_origins, self._serve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry, for http scopes."""
        await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request_id = secrets.token_hex(12)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                response = await self._respond(request, request_id)
            except ClientDisconnect:
                return
        await response(scope, receive, send)

    async def _respond(self, request: Request, request_id: str) -> Response:
        media_type = answer_type(request.headers.get("accept"))
        visit: Visit | None = None
        try:
            _refuse_unanswerable(request, media_type)
            refuse_foreign_page(request, self._allowed_origins)
            visit, params = await self._asked(request)
            call = Call(
                visit, self._limits[visit.viewer_kind], request_id, idempotency_key(request)
            )
            answer = await self._answer(
                request.method, params, call, media_type == GRAPHQL_RESPONSE
            )
        except HTTPException as refused:
            answer = _refused(refused, request_id)
        except ClientDisconnect:
            raise
        except Exception as error:
            answer = _broken(error, request_id)
        response = Response(
            _json(answer.body, request_id),
            answer.status,
            {**_HEADERS, **(answer.headers or {}), "X-Request-Id": request_id},
            f"{media_type or JSON}; charset=utf-8",
        )
        for name, value in visit.headers if visit else ():
            response.headers.append(name, value)
        return response

    async def _asked(self, request: Request) -> tuple[Visit, Params]:
        """Who asks, once all of the request is there, and what."""
        began = time.monotonic()
        visit = await self._identify(request)
        params = await read_params(request, self._limits[visit.viewer_kind].body_bytes)
        if time.monotonic() - began > KNOWN_SECONDS:
            visit = await self._identify(request)
        return visit, params

    async def _answer(self, method: str, params: Params, call: Call, may_say_400: bool) -> _Answer:
        try:
            result = await self._run(method, params, call)
        except TimeoutError:
            return _late(call.limits, call.request_id)
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = shown(result.errors, call.request_id)
        # Only a request that never began to execute has no `data` entry at all.
        if result.data is None and result.errors and all(e.path is None for e in result.errors):
            return _Answer(body, _REQUEST_ERROR_STATUS if may_say_400 else 200)
        return _Answer({"data": result.data, **body})

    async def _run(self, method: str, params: Params, call: Call) -> ExecutionResult:
        document = self._documents.read(params.query, call.limits)
        if not isinstance(document, Document):
            return ExecutionResult(None, document)
        operation = document.operation(params.operation_name)
        if isinstance(operation, GraphQLError):
            return ExecutionResult(None, [operation])
        _refuse_kind(operation, method)
        if (too_many := too_many_fields(operation, params.variables, call.limits)) is not None:
            return ExecutionResult(None, [too_many])
        async with self._turn():
            if operation.deprecated and call.visit.key and self._note_deprecated:
                self._note_deprecated(call.visit.key.id, operation.deprecated)
            return await self._execute(document, operation, params.variables, call)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the places for operations that execute; refuses when none comes free in time."""
        try:
            async with asyncio.timeout(self._turn_seconds):
                await self._turns.acquire()
        except TimeoutError:
            message = "The server is busy; please ask again."
            raise HTTPException(503, message, headers={"Retry-After": "2"}) from None
        try:
            yield
        finally:
            self._turns.release()

    async def _execute(
        self, document: Document, operation: Operation, variables: dict[str, Any], call: Call
    ) -> ExecutionResult:
        context = self._make_context(call)
        result = self._executing.answer(document, operation, variables, context)
        if not isawaitable(result):
            return result
        # Past the deadline the resolvers that still run are cancelled.
        async with asyncio.timeout(call.limits.deadline_seconds):
            return await result


def _shared_with(origins: Collection[str], app: ASGIApp) -> ASGIApp:
    """The application, readable by pages of those origins."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=tuple(origins),
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "Idempotency-Key", VIEWER_HEADER),
        expose_headers=("X-Request-Id", VIEWER_HEADER),
        allow_credentials=True,
    )


def _refuse_unanswerable(request: Request, media_type: str | None) -> None:
    if request.method not in ("GET", "POST"):
        raise HTTPException(405, "Use GET or POST.", headers={"Allow": "GET, POST"})
    if media_type is None:
        raise HTTPException(406, f"Answers are {GRAPHQL_RESPONSE} or {JSON}.")


def _refuse_kind(operation: Operation, method: str) -> None:
    if operation.kind is OperationType.SUBSCRIPTION:
        raise HTTPException(400, "Subscriptions are not answered here.")
    if operation.kind is OperationType.MUTATION and method == "GET":
        raise HTTPException(405, "Send mutations by POST.", headers={"Allow": "POST"})


def _refused(refused: HTTPException, request_id: str) -> _Answer:
    code = _CODES.get(refused.status_code, ErrorCode.BAD_REQUEST)
    errors = shown([coded(code, refused.detail)], request_id)
    return _Answer({"errors": errors}, refused.status_code, refused.headers)


def _late(limits: Limits, request_id: str) -> _Answer:
    message = f"The operation took longer than {limits.deadline_seconds:g} seconds."
    error = coded(ErrorCode.DEADLINE_EXCEEDED, message, retryable=True)
    return _Answer({"data": None, "errors": shown([error], request_id)})


def _broken(error: Exception, request_id: str) -> _Answer:
    """The answer when something failed outside every field."""
    body = {"errors": shown_exception(error, request_id)}
    if isinstance(error, StoreUnavailable):
        return _Answer(body, 503, {"Retry-After": str(error.retry_after_seconds)})
    return _Answer(body, 500)


def _json(body: dict[str, Any], request_id: str) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError as error:
        # A scalar that serializes to something JSON has no form for.
        return orjson.dumps({"data": None, "errors": shown_exception(error, request_id)})
