"""What a payment service tells of subscriptions: signed, fresh, and heeded once."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import structlog
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from db.webhooks import Message, Taken, known_message, take_message
from graph.people.plans import PlanChanges
from graph.people.references import account_named
from graph.request import read_body
from schema.acts import SYSTEM
from schema.errors import StoreUnavailable
from schema.people import ViewerKind
from schema.subscriptions import SubscriptionEvent, SubscriptionMessage, SubscriptionOutcome

_log = structlog.get_logger(__name__)

SIGNATURE_HEADER = "Codestile-Signature"
BODY_BYTES = 20_000
TOLERANCE = timedelta(minutes=5)
"""How far the clock of the sender may be off, and how long a message may be under way."""
_SIGNATURES_MAX = 5
_HEADER = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64})+)")
_PAID = (ViewerKind.SUBSCRIBER, ViewerKind.PARTNER)


@dataclass(frozen=True)
class SubscriptionHook:
    """Answers one address; every answer is JSON."""

    secret: bytes
    changes: PlanChanges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry, for http scopes."""
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            if request.method != "POST":
                raise HTTPException(405, "Send messages by POST.", headers={"Allow": "POST"})
            body = await read_body(request, BODY_BYTES)
            sent_at = self._signed_at(request.headers.getlist(SIGNATURE_HEADER), body)
            told = _read(body)
            if told.occurred_at > sent_at + TOLERANCE:
                raise HTTPException(400, "occurredAt lies ahead of the time of signing.")
            return await self._take(told, hashlib.sha256(body).digest())
        except HTTPException as refused:
            answer = {"error": refused.detail}
            return JSONResponse(answer, refused.status_code, refused.headers)
        except StoreUnavailable as away:
            _log.warning("store_unavailable", store=away.store, reason=str(away))
            return JSONResponse(
                {"error": "A store does not answer. Send the message again."},
                503,
                {"Retry-After": str(away.retry_after_seconds)},
            )

    def _signed_at(self, headers: list[str], body: bytes) -> datetime:
        """When the message was signed; raises HTTPException 401 for one that was not, or not now.

        The time is part of what is signed, so that what was overheard cannot be sent later.
        """
        found = _HEADER.fullmatch(headers[0]) if len(headers) == 1 else None
        if found is None or found[2].count(",") > _SIGNATURES_MAX:
            message = f"{SIGNATURE_HEADER} must be t=<seconds>,v1=<64 hexadecimal digits>."
            raise HTTPException(401, message)
        right = hmac.new(self.secret, found[1].encode() + b"." + body, hashlib.sha256).hexdigest()
        given = found[2].removeprefix(",v1=").split(",v1=")
        # All are compared: which of several is right must not show in the time.
        if sum(hmac.compare_digest(right, each) for each in given) == 0:
            raise HTTPException(401, "The signature is not that of this body and time.")
        now, seconds = self.changes.now().timestamp(), int(found[1])
        if abs(now - seconds) > TOLERANCE.total_seconds():
            raise HTTPException(401, "The time of signing is more than 5 minutes from now.")
        return datetime.fromtimestamp(seconds, UTC)

    async def _take(self, told: SubscriptionMessage, digest: bytes) -> Response:
        changes = self.changes
        known = await known_message(changes.database, told.id, digest)
        if known is not None:
            return _said(known)
        account = await account_named(changes.database, told.account)
        if account is None:
            return _said(SubscriptionOutcome.UNKNOWN_ACCOUNT)
        plan = await changes.plans.newest_of(told.plan)
        if plan is None or plan.viewer_kind not in _PAID:
            raise HTTPException(400, "plan is no plan of subscribers or partners.")
        message = _message(told, digest, account.id, changes.now())
        reason = f"Subscription message {told.id}."
        taken = await take_message(changes.database, message, actor=SYSTEM, reason=reason)
        await self._tell(account.id, taken)
        return _said(taken.outcome)

    async def _tell(self, account_id: str, taken: Taken) -> None:
        if taken.number is not None:
            await self.changes.tell(account_id, taken.number)


def _read(body: bytes) -> SubscriptionMessage:
    """The message; raises HTTPException 400."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise HTTPException(400, "The body is not JSON in UTF-8.") from None
    try:
        return SubscriptionMessage.model_validate(read)
    except ValidationError as refused:
        fault = refused.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "The body"
        raise HTTPException(400, f"{where}: {fault['msg']}.") from None


def _message(told: SubscriptionMessage, digest: bytes, account_id: str, now: datetime) -> Message:
    """What a message asks for: the plan, until its end; or the end of it, now or at its end."""
    is_over = told.type is SubscriptionEvent.ENDED and (told.ends_at is None or told.ends_at <= now)
    return Message(
        id=told.id,
        digest=digest,
        account_id=account_id,
        occurred_at=told.occurred_at,
        plan_key=None if is_over else told.plan,
        ends_at=None if is_over else told.ends_at,
        instead_of=told.plan if told.type is SubscriptionEvent.ENDED else None,
    )


def _said(outcome: SubscriptionOutcome) -> Response:
    match outcome:
        case SubscriptionOutcome.CHANGED:
            message = "A message of this id came before with another body."
            return JSONResponse({"error": message}, 409)
        case SubscriptionOutcome.UNKNOWN_ACCOUNT:
            return JSONResponse({"error": "No account has that id or address."}, 404)
    return JSONResponse({"outcome": outcome.value})
