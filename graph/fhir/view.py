"""FHIR over HTTP: statuses, types, sizes; who asks is told as for GraphQL, and so is what it costs.

Nothing here charges a page view or makes a guest.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.context import Context
from graph.fhir.asking import Asking
from graph.fhir.bundle import AWAY, Entry, answered, entries_of
from graph.fhir.forms import Form, form_of, refuse_other_types
from graph.fhir.operations import Asked, asked_of
from graph.fhir.outcomes import Json, Refused, broken, outcome
from graph.fhir.rows import RowBudget
from graph.fhir.systems import Systems
from graph.fhir.translate import translate
from graph.http import Call
from graph.identity import Identify, Visit
from graph.limits import LIMITS, Limits
from graph.points import UNPAID, Paid, Spending
from graph.request import asked_by, read_body, refuse_foreign_page
from graph.sharing import PRIVATE, shared_with
from graph.turns import Turns
from schema.errors import StoreUnavailable
from schema.people import ViewerKind

_log = structlog.get_logger(__name__)

ADDRESS = "/fhir"
"""Where it answers, and below."""
Wanted = Asked | list[Entry]
"""What a request asks for: an operation, or the entries of a batch."""
TRANSLATION_POINTS = 3
"""What translating a code costs, as one of `crosswalks` with its first rows does; looking one up or
checking it costs 1."""


@dataclass(frozen=True, slots=True)
class _Answer:
    body: Json
    status: int = 200
    headers: Mapping[str, str] | None = None


class FhirView:
    """Answers FHIR requests. Takes everything it needs by argument."""

    def __init__(
        self,
        *,
        identify: Identify,
        make_context: Callable[[Call], Context],
        site: str,
        turns: Turns,
        spending: Spending | None = None,
        allowed_origins: Collection[str] = (),
        limits: Mapping[ViewerKind, Limits] = LIMITS,
    ) -> None:
        """`site` is the origin that clients use; `turns` are those that the process answers in;
        `spending` None: nothing is paid for."""
        self._identify = identify
        self._make_context = make_context
        self._address = site + ADDRESS
        self._turns = turns
        self._spending = spending
        self._allowed_origins = frozenset(allowed_origins)
        self._limits = limits
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
        form, visit, paid = Form(), None, UNPAID
        try:
            form = form_of(request)
            refuse_foreign_page(request, self._allowed_origins)
            visit, wanted = await asked_by(request, self._identify, self._reader(request))
            limits = self._limits[visit.viewer_kind]
            paid = await self._pay(visit, wanted, limits)
            answer = await self._answer(wanted, form, Call(visit, limits, request_id, None, paid))
        except HTTPException as refused:
            answer = _Answer(outcome(refused), refused.status_code, refused.headers)
        except StoreUnavailable as away:
            answer = _away(away)
        except ClientDisconnect:
            raise
        except Exception:
            _log.exception("request_failed")
            answer = _Answer(broken(), 500)
        headers = {**PRIVATE, **paid.headers, **(answer.headers or {}), "X-Request-Id": request_id}
        body = orjson.dumps(answer.body)
        response = Response(body, answer.status, headers, form.content_type)
        for name, value in visit.headers if visit else ():
            response.headers.append(name, value)
        return response

    def _reader(self, request: Request) -> Callable[[Visit], Awaitable[Wanted]]:
        async def read(visit: Visit) -> Wanted:
            return await _read(request, self._limits[visit.viewer_kind].body_bytes)

        return read

    async def _pay(self, visit: Visit, wanted: Wanted, limits: Limits) -> Paid:
        """What became of the cost of a request; raises Refused when the points are not there."""
        if self._spending is None:
            return UNPAID
        cost = _cost(wanted)
        paid = await self._spending.pay(visit, cost, limits.cost)
        if (wait := paid.wait_seconds) is not None:
            sentence = f"This costs {cost} points, which are there in {wait} seconds."
            raise Refused(429, sentence, headers=paid.headers)
        return paid

    async def _answer(self, wanted: Wanted, form: Form, call: Call) -> _Answer:
        limits = call.limits
        asked = [wanted] if isinstance(wanted, Asked) else wanted
        async with self._turns.one():
            try:
                async with asyncio.timeout(limits.deadline_seconds):
                    context = self._make_context(call)
                    asking = await self._asking(context, form, asked)
                    asking.refuse_many("entries", len(asked))
                    if isinstance(wanted, Asked):
                        return _Answer(await wanted.answer(asking))
                    return _Answer(await answered(asking, wanted))
            except TimeoutError:
                sentence = f"The answer took longer than {limits.deadline_seconds:g} seconds."
                return _Answer(outcome(Refused(504, sentence)), 504)

    async def _asking(self, context: Context, form: Form, asked: Collection[Entry]) -> Asking:
        """What every operation of the request is answered with."""
        today, loaded = context.today.date, context.services.loaded
        systems = Systems(await loaded.systems(today), await loaded.maps(today))
        translating = sum(map(_translations, asked))
        rows = RowBudget(context.limits, translating)
        return Asking(context, form.version, systems, rows, self._address)


def _cost(wanted: Wanted) -> int:
    asked = [wanted] if isinstance(wanted, Asked) else wanted
    return max(1, sum(map(_points, asked)))


def _points(entry: Entry) -> int:
    if not isinstance(entry, Asked):
        return 1
    return entry.given.codes * (TRANSLATION_POINTS if _translates(entry) else 1)


def _translations(entry: Entry) -> int:
    return entry.given.codes if isinstance(entry, Asked) and _translates(entry) else 0


def _translates(entry: Entry) -> bool:
    return isinstance(entry, Asked) and entry.operation is translate


async def _read(request: Request, most_bytes: int) -> Wanted:
    """What a request asks for; raises HTTPException."""
    path = request.scope["path"].partition(ADDRESS)[2].strip("/")
    query = request.scope["query_string"]
    if len(query) > most_bytes:
        raise Refused(414, f"The query string is longer than {most_bytes} bytes.")
    if request.method == "POST":
        refuse_other_types(request)
        body = _parsed(await read_body(request, most_bytes))
        if not path:
            return entries_of(body)
        return asked_of("POST", path, query.decode("latin-1"), body)
    if not path:
        headers = {"Allow": "POST"}
        raise Refused(405, "Send a batch by POST; there is nothing to read here.", headers=headers)
    return asked_of(request.method, path, query.decode("latin-1"))


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(400, "The body is not JSON in UTF-8.", "structure") from None


def _away(away: StoreUnavailable) -> _Answer:
    _log.warning("store_unavailable", store=away.store, reason=str(away))
    retry = {"Retry-After": str(away.retry_after_seconds)}
    return _Answer(outcome(Refused(503, AWAY)), 503, retry)
