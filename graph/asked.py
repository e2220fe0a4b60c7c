"""What a command of the desk is given, as the acts want it; anything else is OptionRefused."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from metering.shards import TAGS
from schema.acts import AnyAct
from schema.codes import CodeKey, CodeSystemKey, normalize
from schema.errors import OptionRefused

Format = Literal["cloudevents", "csv"]
ActOf = TypeVar("ActOf", bound=AnyAct)
_VIEWER = re.compile(r"[gu][A-Za-z0-9_-]{22}")
_REQUEST = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for an act, and why."""

    actor: str
    reason: str
    request: str | None
    """22 URL-safe characters; None makes a new request."""

    def fields(self) -> dict[str, str]:
        """The fields of an act that say so."""
        request_id = self.request or secrets.token_urlsafe(16)
        if not _REQUEST.fullmatch(request_id):
            raise OptionRefused("--request takes the 22 characters that a command named")
        if not self.reason.isprintable():
            raise OptionRefused("--reason takes one line")
        return {"request_id": request_id, "actor": self.actor, "reason": self.reason}


def made(kind: type[ActOf], **fields: Any) -> ActOf:
    """The act of those fields."""
    try:
        return kind(**fields)
    except ValidationError as refused:
        fault = refused.errors(include_url=False, include_input=False)[0]
        raise OptionRefused(f"{fault['loc'][0]}: {fault['msg']}") from None


def demand_viewer(viewer: str) -> None:
    """Only a viewer's id passes."""
    if not _VIEWER.fullmatch(viewer):
        raise OptionRefused(f"{viewer!r} is no viewer: g or u and 22 characters")


def demand_shard(shard: int) -> None:
    """Only a shard's number passes."""
    if not 0 <= shard < len(TAGS):
        raise OptionRefused(f"there is no shard {shard}; they are 0 to {len(TAGS) - 1}")


def code_of(text: str) -> CodeKey:
    """`ICD10CM:E1165` as a code, its value also as it is printed: `ICD10CM:E11.65`."""
    system, _, printed = text.partition(":")
    value = normalize(printed)
    if value is None or system not in list(CodeSystemKey):
        raise OptionRefused(f"{text!r} is no code; write ICD10CM:I10")
    return CodeKey(CodeSystemKey(system), value)


def instant_of(text: str) -> datetime:
    """A day or an instant of ISO 8601, UTC unless it says otherwise."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise OptionRefused(f"{text!r} is no date; write 2026-11-25") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
