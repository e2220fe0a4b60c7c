"""GraphQL over HTTP: the one endpoint, as an ASGI application.

Strawberry's own view ignores Accept, answers 500 to a body of `null`, and logs every mistake of a
client with a traceback; this one passes the whole graphql-http audit (tests/conformance).
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

import orjson
import strawberry
import structlog
from graphql import ExecutionResult, FieldNode, GraphQLError, OperationType
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.documents import Document, Documents, Operation, too_costly, too_many_fields
from graph.estimate import cost_of
from graph.executing import Executing
from graph.identity import Identify, Visit
from graph.limits import LIMITS, Limits
from graph.masking import ErrorCode, coded, shown, shown_exception
from graph.named import DocumentReader, Named
from graph.points import UNPAID, Paid, Spending
from graph.request import (
    GRAPHQL_RESPONSE,
    JSON,
    Params,
    answer_type,
    asked_by,
    idempotency_key,
    read_params,
    refuse_foreign_page,
)
from graph.sharing import PRIVATE, shared_with
from graph.turns import Turns
from schema.errors import StoreUnavailable
from schema.people import ViewerKind

_REQUEST_ERROR_STATUS = 400
"""Status of a refused document under application/graphql-response+json. Newer drafts say 422;
today's clients and the audit expect 400."""

_CODES = {
    400: ErrorCode.BAD_USER_INPUT,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    429: ErrorCode.RATE_LIMITED,
}
_UNKNOWN = (ErrorCode.PERSISTED_QUERY_NOT_FOUND, ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED)
"""What is answered with 200 under any media type, as Apollo's server does: its clients go on from
there by sending the text."""


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
    paid: Paid = UNPAID
    """What the operation costs, and what it left."""


@dataclass(frozen=True, slots=True)
class _Answer:
    body: dict[str, Any]
    status: int = 200
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """An operation that may run."""

    document: Document
    operation: Operation
    variables: dict[str, Any]
    cost: int
    most: int
    """Points that one operation of the viewer may cost."""
    trial: Collection[FieldNode] = ()
    """What asks for the cost alone; empty where the operation is to be answered."""


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
        turns: Turns | None = None,
        note_deprecated: NoteDeprecated | None = None,
        spending: Spending | None = None,
        named: Named | None = None,
    ) -> None:
        """`allowed_origins` are other sites whose pages may ask, exact, as `https://a.example`.
        `turns` are those that the process answers in, its own if none are given.
        `note_deprecated` is told what a key asks for that will go away. `spending` None: nothing
        is paid for. `named` None: no document has a name. `compiles`: operations are executed by
        programs, as far as those know them."""
        self._identify = identify
        self._make_context = make_context
        self._executing = Executing(schema, hides_names=not is_introspectable)
        self.executed = self._executing.counts
        """Operations so far, by the way they were executed."""
        documents = Documents(schema, is_introspectable=is_introspectable, compiles=compiles)
        self._reader = DocumentReader(documents, named)
        self._allowed_origins = frozenset(allowed_origins)
        self._limits = limits
        self._turns = turns or Turns()
        self._note_deprecated = note_deprecated
        self._spending = spending
        self._app = shared_with(self._allowed_origins, self._serve)

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
            visit, params = await asked_by(
                request,
                self._identify,
                lambda visit: read_params(request, self._limits[visit.viewer_kind].body_bytes),
            )
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
            {**PRIVATE, **(answer.headers or {}), "X-Request-Id": request_id},
            f"{media_type or JSON}; charset=utf-8",
        )
        for name, value in visit.headers if visit else ():
            response.headers.append(name, value)
        return response

    async def _answer(self, method: str, params: Params, call: Call, may_say_400: bool) -> _Answer:
        ready = await self._ready(method, params, call)
        if isinstance(ready, list):
            return _not_begun(ready, call.request_id, may_say_400)
        call = await self._paid(ready, call)
        try:
            result = await self._run(ready, call)
        except TimeoutError:
            return _late(call)
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = shown(result.errors, call.request_id)
        # Only a request that never began to execute has no `data` entry at all.
        if result.data is None and result.errors and all(e.path is None for e in result.errors):
            return _Answer(
                body, _REQUEST_ERROR_STATUS if may_say_400 else 200, headers=call.paid.headers
            )
        return _Answer({"data": result.data, **body, **call.paid.entry}, headers=call.paid.headers)

    async def _ready(self, method: str, params: Params, call: Call) -> _Ready | list[GraphQLError]:
        """The operation to run, or why none is."""
        read = await self._reader.read(params, call.visit, call.limits)
        if isinstance(read, list):
            return read
        document, limits = read
        operation = document.operation(params.operation_name)
        if isinstance(operation, GraphQLError):
            return [operation]
        _refuse_kind(operation, method)
        if (too_many := too_many_fields(operation, params.variables, limits)) is not None:
            return [too_many]
        most = limits.cost
        if self._spending is not None:
            most = min(most, (await self._spending.plan_of(call.visit)).points_capacity)
        cost = cost_of(operation.estimate, params.variables)
        trial = operation.trial.fields(params.variables) if operation.trial else ()
        if cost > most and not trial:
            return [too_costly(cost, most)]
        return _Ready(document, operation, params.variables, cost, most, trial)

    async def _paid(self, ready: _Ready, call: Call) -> Call:
        """The call, its operation paid for; refuses when the points are not there."""
        if self._spending is None:
            return call
        taken = 0 if ready.trial else ready.cost
        paid = await self._spending.pay(call.visit, taken, ready.most)
        if (wait := paid.wait_seconds) is not None:
            message = f"This costs {ready.cost} points, which are there in {wait} seconds."
            raise HTTPException(429, message, headers=dict(paid.headers))
        return replace(call, paid=replace(paid, cost=ready.cost))

    async def _run(self, ready: _Ready, call: Call) -> ExecutionResult:
        async with self._turns.one():
            operation = ready.operation
            if operation.deprecated and call.visit.key and self._note_deprecated:
                self._note_deprecated(call.visit.key.id, operation.deprecated)
            document = ready.document
            if ready.trial:
                document, operation = document.with_only(ready.trial, operation)
            return await self._execute(document, operation, ready.variables, call)

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


def _not_begun(errors: list[GraphQLError], request_id: str, may_say_400: bool) -> _Answer:
    """The answer to a document that is refused before any of it runs."""
    body = {"errors": shown(errors, request_id)}
    is_unknown = any((error.extensions or {}).get("code") in _UNKNOWN for error in errors)
    return _Answer(body, _REQUEST_ERROR_STATUS if may_say_400 and not is_unknown else 200)


def _late(call: Call) -> _Answer:
    message = f"The operation took longer than {call.limits.deadline_seconds:g} seconds."
    error = coded(ErrorCode.DEADLINE_EXCEEDED, message, retryable=True)
    body = {"data": None, "errors": shown([error], call.request_id)}
    return _Answer({**body, **call.paid.entry}, headers=call.paid.headers)


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
