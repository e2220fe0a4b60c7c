"""One line of an export read again: the unlock that it tells of, or why there is none to enter.

Pure: bytes in, a value out. The form is the one that metering/export.py writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from metering.digests import digest_text
from metering.export import EVENT_TYPES
from metering.log import read_code, read_window
from metering.shards import TAGS, shard_of
from metering.windows import latest_number
from schema.events import REQUEST_ID_LENGTH, UnlockImported
from schema.instants import instant, milliseconds
from schema.pages import SectionKind
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome, ReferrerClass, ViewContext

LONGEST_LINE_BYTES = 16_384
"""What is longer is no event: the longest that an export prints has some 2,000."""
_VIEWS = {EVENT_TYPES["view"], EVENT_TYPES["import"]}


class _Told(BaseModel):
    """What others wrote: fields that are not asked for may be there, as CloudEvents wants it."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Event(_Told):
    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=200)
    type: str = Field(min_length=1, max_length=200)
    time: AwareDatetime
    subject: str | None = Field(None, pattern=r"^[gu][A-Za-z0-9_-]{22}$")
    data: dict[str, Any]


class _Kind(_Told):
    """What has to be known of a view before it is asked whether it can be entered."""

    outcome: Outcome
    is_erased: bool = False


class _Context(_Told):
    client: ClientClass = ClientClass.OTHER
    referrer: ReferrerClass | None = None
    section: SectionKind | None = None
    key_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,16}$")


class _Unlocked(_Told):
    shard: int = Field(ge=0, lt=len(TAGS), strict=True)
    viewer_kind: ViewerKind
    plan_key: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    plan_version: int = Field(ge=1, le=1_000_000, strict=True)
    window: str = Field(pattern=r"^(L\.0|[DWM]\.\d{1,7}|R[1-9]\d{0,3}\.\d{1,7})$")
    code: str = Field(pattern=r"^[A-Z0-9_]+:[A-Z0-9-]+$", max_length=40)
    used: int = Field(ge=0, le=1_000_000, strict=True)
    limit: int | None = Field(ge=0, le=1_000_000, strict=True)
    request_id: str | None = None
    context: _Context = _Context()
    at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Unlock:
    """A charged view of elsewhere, as the event that it becomes here."""

    event: UnlockImported
    request_id: str
    """22 characters, made of the event's source, id and viewer: the same however often it is
    read."""
    told_request: str | None
    """The request that the view had where it was decided, as its event keeps it."""

    @property
    def requests(self) -> tuple[str, ...]:
        """What the event would be known by if it were here already: entered, or decided here."""
        told = (self.told_request,) if self.told_request else ()
        return (self.event.request_id, *told)


def read_line(line: bytes, now_ms: int) -> Unlock | str:
    """The unlock that a line tells of; else in a few words what it tells of instead.

    `now_ms`: the ledger's clock; nothing that is entered happened later. Raises ValueError with the
    reason when the line is no event of a form we know.
    """
    if len(line) > LONGEST_LINE_BYTES:
        raise ValueError(f"longer than {LONGEST_LINE_BYTES} bytes")
    try:
        event = _Event.model_validate(_object(line))
        if event.type not in _VIEWS:
            return event.type
        return _view(event, now_ms)
    except ValidationError as refused:
        fault = refused.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ValueError(f"{place}: {fault['msg']}") from None


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as wrong:
        raise ValueError(f"no JSON: {wrong}") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _view(event: _Event, now_ms: int) -> Unlock | str:
    kind = _Kind.model_validate(event.data)
    if not kind.outcome.is_charging:
        return f"{event.type} {kind.outcome}"
    if kind.is_erased or event.subject is None:
        return f"{event.type} of an erased viewer"
    view = _Unlocked.model_validate(event.data)
    at = _decided_at(event, view)
    _check(event.subject, view, milliseconds(at), now_ms)
    request_id = _request_of(event)
    return Unlock(_imported(event.subject, view, at, request_id), request_id, view.request_id)


def _decided_at(event: _Event, view: _Unlocked) -> datetime:
    if event.type == EVENT_TYPES["view"]:
        return event.time.astimezone(UTC)
    if view.at is None:
        raise ValueError("at: Field required")
    return view.at.astimezone(UTC)


def _check(viewer_id: str, view: _Unlocked, at_ms: int, now_ms: int) -> None:
    if viewer_id[:1] != ("g" if view.viewer_kind is ViewerKind.GUEST else "u"):
        raise ValueError(f"subject: {viewer_id} is no {view.viewer_kind}")
    if at_ms > now_ms:
        raise ValueError("time: later than the ledger's clock")
    window = read_window(view.window)
    latest = latest_number(window.kind, at_ms)
    if latest is not None and window.number > latest:
        raise ValueError(f"window: {view.window} had not begun")
    try:
        read_code(view.code)
    except ValueError:
        raise ValueError(f"code: {view.code} is of no system that is known here") from None


def _request_of(event: _Event) -> str:
    parts = ("import", event.source, event.id, event.subject or "")
    return digest_text(sha256(orjson.dumps(parts)).digest())


def _imported(viewer_id: str, view: _Unlocked, at: datetime, request_id: str) -> UnlockImported:
    """Assignments and networks are numbered and named by each deployment for itself: 0 raises no
    fence, and no network's budget is spent."""
    return UnlockImported(
        shard=view.shard if viewer_id.startswith("g") else shard_of(viewer_id),
        seq=0,
        epoch=0,
        recorded_at=instant(milliseconds(at)),
        viewer_id=viewer_id,
        request_id=request_id[:REQUEST_ID_LENGTH],
        viewer_kind=view.viewer_kind,
        plan_key=view.plan_key,
        plan_version=view.plan_version,
        assignment=0,
        window=read_window(view.window),
        code=read_code(view.code),
        outcome=Outcome.UNLOCKED,
        used=view.used,
        limit=view.limit,
        admission=None,
        context=ViewContext(**dict(view.context)),
        at=instant(milliseconds(at)),
    )
