"""The wire form of events: what one entry of a shard's stream says; format version 1.

docs/events.md describes every field; nothing here may change without a new version.
"""

import re
from collections.abc import Mapping

from schema.codes import CodeKey, CodeSystemKey
from schema.events import Admission, PageViewed, WindowNumber
from schema.instants import instant
from schema.pages import SectionKind
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome, ReferrerClass, ViewContext

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
OUTCOMES = {letter: outcome for outcome, letter in OUTCOME_LETTERS.items()}
FIELDS = (
    *("type", "epoch", "viewer", "kind", "plan", "assignment", "window", "code"),
    *("outcome", "used", "limit", "network", "request", "context", "count"),
)
"""The fields of a page view's entry, in their order."""
_COUNTABLE = {
    Outcome.REPEATED,
    Outcome.LIMIT_REACHED,
    Outcome.NETWORK_LIMIT_REACHED,
    Outcome.BLOCKED,
}
"""What one event may stand for several of."""
_KINDS = {letter: kind for kind, letter in KIND_LETTERS.items()}
_CLIENTS = {letter: client for client, letter in CLIENT_LETTERS.items()}
_REFERRERS = {letter: referrer for referrer, letter in REFERRER_LETTERS.items()}
_SECTIONS = {digit: section for section, digit in SECTION_DIGITS.items()}
_CONTEXT = re.compile(r"([bapo])([seto])?([1-8])?(?:/([A-Za-z0-9_-]{1,16}))?")


class UnreadableEvent(Exception):
    """An entry of the log is not an event of a form we know; nothing may be skipped silently."""


class LaterEvent(UnreadableEvent):
    """An entry is of a type that only a later version of this server writes and reads."""


def read_event(shard: int, stream_id: str, fields: Mapping[str, str]) -> PageViewed:
    """The event of one stream entry; raises UnreadableEvent, LaterEvent for an unknown type."""
    kind = fields.get("type")
    if kind is None:
        raise UnreadableEvent(f"shard {shard}: {stream_id} has no type")
    if kind != "view":
        raise LaterEvent(
            f"shard {shard}: {stream_id} is of type {kind!r}, written by a later version"
        )
    try:
        return _page_viewed(shard, stream_id, fields)
    except (KeyError, ValueError) as wrong:
        raise UnreadableEvent(f"shard {shard}: {stream_id} cannot be read: {wrong!r}") from wrong


def _page_viewed(shard: int, stream_id: str, fields: Mapping[str, str]) -> PageViewed:
    unknown = sorted(fields.keys() - FIELDS)
    if unknown:
        raise ValueError(f"no view has {', '.join(unknown)}")
    at_ms, seq = stream_id.split("-")
    plan_key, plan_version = fields["plan"].rsplit(".", 1)
    return PageViewed(
        shard=shard,
        seq=int(seq),
        epoch=int(fields["epoch"]),
        recorded_at=instant(int(at_ms)),
        viewer_id=fields["viewer"],
        viewer_kind=_viewer_kind(fields),
        plan_key=plan_key,
        plan_version=int(plan_version),
        assignment=int(fields["assignment"]),
        window=read_window(fields["window"]),
        code=read_code(fields["code"]),
        outcome=OUTCOMES[fields["outcome"]],
        used=int(fields["used"]),
        limit=int(fields["limit"]) if fields["limit"] else None,
        admission=_admission(fields["network"]),
        request_id=fields["request"],
        context=read_context(fields["context"]),
        count=_count(fields),
    )


def _viewer_kind(fields: Mapping[str, str]) -> ViewerKind:
    kind = _KINDS[fields["kind"]]
    if fields["viewer"][:1] != ("g" if kind is ViewerKind.GUEST else "u"):
        raise ValueError(f"viewer {fields['viewer']} is no {kind}")
    return kind


def _count(fields: Mapping[str, str]) -> int:
    count, outcome = int(fields.get("count", "1")), OUTCOMES[fields["outcome"]]
    if count < 1 or (count > 1 and outcome not in _COUNTABLE):
        raise ValueError(f"{count} times {outcome} is no event")
    return count


def read_window(text: str) -> WindowNumber:
    """`D.20780` as a window number; raises ValueError."""
    kind, number = text.split(".")
    return WindowNumber(kind, int(number))


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
