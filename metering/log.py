"""The wire form of events: what one entry of a shard's stream says; format version 1.

docs/events.md describes every field; nothing here may change without a new version.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from schema.codes import CodeKey, CodeSystemKey
from schema.events import (
    Admission,
    AllowanceGranted,
    EpochOpened,
    GrantVoided,
    GuestAdopted,
    GuestSealed,
    PageViewed,
    PlanSet,
    UnlockImported,
    UnlockVoided,
    ViewerBlocked,
    ViewerErased,
    ViewerUnblocked,
    ViewEvent,
    WindowNumber,
    WindowReset,
)
from schema.instants import instant
from schema.pages import SectionKind
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome, ReferrerClass, ViewContext

AnyEvent = (
    PageViewed
    | UnlockVoided
    | AllowanceGranted
    | GrantVoided
    | PlanSet
    | GuestSealed
    | GuestAdopted
    | ViewerBlocked
    | ViewerUnblocked
    | WindowReset
    | ViewerErased
    | UnlockImported
    | EpochOpened
)
"""Every event there is."""

FORMAT = "1"
"""Version of the wire form, kept in the head of every shard."""

OUTCOME_LETTERS = {
    Outcome.UNLOCKED: "U",
    Outcome.REPEATED: "R",
    Outcome.UNMETERED: "M",
    Outcome.LIMIT_REACHED: "L",
    Outcome.NETWORK_LIMIT_REACHED: "N",
    Outcome.BLOCKED: "B",
}
KIND_LETTERS = {
    ViewerKind.GUEST: "G",
    ViewerKind.REGISTERED: "R",
    ViewerKind.SUBSCRIBER: "S",
    ViewerKind.PARTNER: "P",
    ViewerKind.STAFF: "T",
}
CLIENT_LETTERS = {
    ClientClass.BROWSER: "b",
    ClientClass.APP: "a",
    ClientClass.PARTNER: "p",
    ClientClass.OTHER: "o",
}
REFERRER_LETTERS = {
    ReferrerClass.SITE: "s",
    ReferrerClass.SEARCH: "e",
    ReferrerClass.TOOL: "t",
    ReferrerClass.OTHER: "o",
}
SECTION_DIGITS = {
    SectionKind.OFFICIAL_DESCRIPTION: "1",
    SectionKind.COMMON_LANGUAGE: "2",
    SectionKind.GUIDELINES: "3",
    SectionKind.MODIFIERS: "4",
    SectionKind.CROSSWALKS: "5",
    SectionKind.CODE_EDITS: "6",
    SectionKind.COVERAGE_AND_PAYMENT: "7",
    SectionKind.HISTORY: "8",
}
_VIEW_FIELDS = (
    *("viewer", "kind", "plan", "assignment", "window", "code", "outcome", "used", "limit"),
    *("network", "request", "context"),
)
OUTCOMES = {letter: outcome for outcome, letter in OUTCOME_LETTERS.items()}
KINDS = {letter: kind for kind, letter in KIND_LETTERS.items()}
TYPES: Mapping[str, tuple[type[AnyEvent], tuple[str, ...]]] = {
    "view": (PageViewed, (*_VIEW_FIELDS, "count")),
    "void": (UnlockVoided, ("viewer", "window", "code", "request", "cause", "actor", "reason")),
    "grant": (AllowanceGranted, ("viewer", "units", "expires", "request", "actor", "reason")),
    "ungrant": (GrantVoided, ("viewer", "grant", "request", "actor", "reason")),
    "plan": (
        PlanSet,
        ("viewer", "kind", "plan", "assignment", "request", "actor", "reason"),
    ),
    "seal": (GuestSealed, ("viewer", "to", "codes", "request")),
    "adopt": (GuestAdopted, ("viewer", "window", "from", "codes", "request")),
    "block": (ViewerBlocked, ("viewer", "request", "actor", "reason")),
    "unblock": (ViewerUnblocked, ("viewer", "request", "actor", "reason")),
    "reset": (WindowReset, ("viewer", "network", "request", "actor", "reason")),
    "erase": (ViewerErased, ("viewer", "request", "actor", "reason")),
    "import": (UnlockImported, (*_VIEW_FIELDS, "at")),
    "epoch": (EpochOpened, ("cause", "proven")),
}
"""Type of an entry -> the event it is, and its fields behind `type` and `epoch`, in their order."""
TYPE_OF = {event: name for name, (event, _) in TYPES.items()}
"""The type of an event's entry."""
FIELDS = ("type", "epoch", *TYPES["view"][1])
"""The fields of a page view's entry, in their order."""
_OPTIONAL = frozenset({"count"})
_OPTIONAL_IN_RESET = frozenset({"viewer", "network"})
_COUNTABLE = {
    Outcome.REPEATED,
    Outcome.LIMIT_REACHED,
    Outcome.NETWORK_LIMIT_REACHED,
    Outcome.BLOCKED,
}
"""What one event may stand for several of."""
_CLIENTS = {letter: client for client, letter in CLIENT_LETTERS.items()}
_REFERRERS = {letter: referrer for referrer, letter in REFERRER_LETTERS.items()}
_SECTIONS = {digit: section for section, digit in SECTION_DIGITS.items()}
_CONTEXT = re.compile(r"([bapo])([seto])?([1-8])?(?:/([A-Za-z0-9_-]{1,16}))?")


class UnreadableEvent(Exception):
    """An entry of the log is not an event of a form we know; nothing may be skipped silently."""


class LaterEvent(UnreadableEvent):
    """An entry is of a type that only a later version of this server writes and reads."""


def read_event(shard: int, stream_id: str, fields: Mapping[str, str]) -> AnyEvent:
    """The event of one stream entry; raises UnreadableEvent, LaterEvent for an unknown type."""
    kind = fields.get("type")
    if kind is None:
        raise UnreadableEvent(f"shard {shard}: {stream_id} has no type")
    if kind not in TYPES:
        raise LaterEvent(
            f"shard {shard}: {stream_id} is of type {kind!r}, written by a later version"
        )
    try:
        return _event(shard, stream_id, kind, fields)
    except (KeyError, ValueError) as wrong:
        raise UnreadableEvent(f"shard {shard}: {stream_id} cannot be read: {wrong!r}") from wrong


def _event(shard: int, stream_id: str, kind: str, fields: Mapping[str, str]) -> AnyEvent:
    event, names = TYPES[kind]
    is_reset = kind == "reset"
    readers, optional = (_READ_RESET, _OPTIONAL_IN_RESET) if is_reset else (_READ, _OPTIONAL)
    unknown = sorted(fields.keys() - {"type", "epoch", *names})
    if unknown:
        raise ValueError(f"no {kind} has {', '.join(unknown)}")
    at_ms, seq = stream_id.split("-")
    values: dict[str, Any] = {}
    for name in names:
        if name in fields or name not in optional:
            values.update(readers[name](fields[name]))
    read = event(
        shard=shard,
        seq=int(seq),
        epoch=int(fields["epoch"]),
        recorded_at=instant(int(at_ms)),
        **values,
    )
    if isinstance(read, PageViewed | UnlockImported):
        _check_view(read)
    return read


def read_values(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the fields of an entry say, by attribute of its event; of an erased viewer's entry,
    what is left. Raises KeyError, ValueError."""
    kind = fields["type"]
    readers = _READ_RESET if kind == "reset" else _READ
    values: dict[str, Any] = {}
    for name in TYPES[kind][1]:
        if name in fields:
            values.update(readers[name](fields[name]))
    return values


def _check_view(view: ViewEvent) -> None:
    if view.viewer_id[:1] != ("g" if view.viewer_kind is ViewerKind.GUEST else "u"):
        raise ValueError(f"viewer {view.viewer_id} is no {view.viewer_kind}")
    if view.count < 1 or (view.count > 1 and view.outcome not in _COUNTABLE):
        raise ValueError(f"{view.count} times {view.outcome} is no event")


@lru_cache(4096)
def read_window(text: str) -> WindowNumber:
    """`D.20780` as a window number; raises ValueError."""
    kind, number = text.split(".")
    return WindowNumber(kind, int(number))


@lru_cache(65536)
def read_code(text: str) -> CodeKey:
    """`ICD10CM:I10` as the identity of a code; raises ValueError."""
    system, value = text.split(":")
    return CodeKey(CodeSystemKey(system), value)


def context_text(context: ViewContext) -> str:
    """Where a view came from, in a few characters; what is not known takes none."""
    referrer = REFERRER_LETTERS[context.referrer] if context.referrer else ""
    section = SECTION_DIGITS[context.section] if context.section else ""
    key = f"/{context.key_id}" if context.key_id else ""
    return f"{CLIENT_LETTERS[context.client]}{referrer}{section}{key}"


@lru_cache(4096)
def read_context(text: str) -> ViewContext:
    """`bs`, `ae3` or `p/key` as where a view came from; raises ValueError."""
    found = _CONTEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no context")
    client, referrer, section, key_id = found.groups()
    return ViewContext(
        client=_CLIENTS[client],
        referrer=_REFERRERS[referrer] if referrer else None,
        section=_SECTIONS[section] if section else None,
        key_id=key_id,
    )


def _admission(text: str) -> Admission | None:
    if not text:
        return None
    network, admitted, budget = text.split("/")
    return Admission(network=network, admitted=int(admitted), budget=int(budget))


@lru_cache(4096)
def read_plan(text: str) -> dict[str, Any]:
    """`guest.1` as the attributes of an event that say which plan it is; raises ValueError."""
    key, version = text.rsplit(".", 1)
    return {"plan_key": key, "plan_version": int(version)}


def read_codes(text: str) -> tuple[CodeKey, ...]:
    """`ICD10CM:I10 HCPCS:A0021` as identities of codes; raises ValueError."""
    return tuple(read_code(part) for part in text.split())


def _count(text: str) -> dict[str, Any]:
    """`37@1795453200000`: a number of views, and when the first of them was decided."""
    count, first = text.split("@")
    return {"count": int(count), "first_at": instant(int(first))}


def _one(name: str, read: Callable[[str], Any]) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: read(text)}


def _instant_or_never(text: str) -> Any:
    return None if text == "0" else instant(int(text))


_READ: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "viewer": _one("viewer_id", str),
    "kind": _one("viewer_kind", KINDS.__getitem__),
    "plan": read_plan,
    "assignment": _one("assignment", int),
    "window": _one("window", read_window),
    "code": _one("code", read_code),
    "outcome": _one("outcome", OUTCOMES.__getitem__),
    "used": _one("used", int),
    "limit": _one("limit", lambda text: int(text) if text else None),
    "network": _one("admission", _admission),
    "request": _one("request_id", str),
    "context": _one("context", read_context),
    "count": _count,
    "at": _one("at", lambda text: instant(int(text))),
    "cause": _one("cause", str),
    "actor": _one("actor", str),
    "reason": _one("reason", str),
    "units": _one("units", int),
    "expires": _one("expires_at", _instant_or_never),
    "grant": _one("grant_seq", int),
    "to": _one("account_id", str),
    "from": _one("guest_id", str),
    "codes": _one("codes", read_codes),
    "proven": _one("proven", int),
}
"""Field of an entry -> the attributes of the event that it says."""

_READ_RESET = {**_READ, "network": _one("network", str)}
"""What is reset is a viewer or a network, and the other is absent."""
