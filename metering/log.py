"""The wire form of events: what one entry of a shard's stream says; format version 1.

docs/events.md describes every field; nothing here may change without a new version.
"""

from collections.abc import Mapping

from metering.windows import instant
from schema.codes import CodeKey, CodeSystemKey
from schema.events import Admission, PageViewed, WindowNumber
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome

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
OUTCOMES = {letter: outcome for outcome, letter in OUTCOME_LETTERS.items()}
_KINDS = {letter: kind for kind, letter in KIND_LETTERS.items()}
_CLIENTS = {letter: client for client, letter in CLIENT_LETTERS.items()}


class UnreadableEvent(Exception):
    """An entry of the log is not an event of a form we know; nothing may be skipped silently."""


def read_event(shard: int, stream_id: str, fields: Mapping[str, str]) -> PageViewed:
    """The event of one stream entry; raises UnreadableEvent."""
    if fields.get("type") != "view":
        raise UnreadableEvent(f"shard {shard}: {stream_id} is of type {fields.get('type')!r}")
    try:
        return _page_viewed(shard, stream_id, fields)
    except (KeyError, ValueError) as wrong:
        raise UnreadableEvent(f"shard {shard}: {stream_id} cannot be read: {wrong!r}") from wrong


def _page_viewed(shard: int, stream_id: str, fields: Mapping[str, str]) -> PageViewed:
    at_ms, seq = stream_id.split("-")
    plan_key, plan_version = fields["plan"].rsplit(".", 1)
    return PageViewed(
        shard=shard,
        seq=int(seq),
        epoch=int(fields["epoch"]),
        recorded_at=instant(int(at_ms)),
        viewer_id=fields["viewer"],
        viewer_kind=_KINDS[fields["kind"]],
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
        client=_CLIENTS[fields["client"]],
        count=int(fields.get("count", "1")),
    )


def read_window(text: str) -> WindowNumber:
    """`D.20780` as a window number; raises ValueError."""
    kind, number = text.split(".")
    return WindowNumber(kind, int(number))


def read_code(text: str) -> CodeKey:
    """`ICD10CM:I10` as the identity of a code; raises ValueError."""
    system, value = text.split(":")
    return CodeKey(CodeSystemKey(system), value)


def _admission(text: str) -> Admission | None:
    if not text:
        return None
    network, admitted, budget = text.split("/")
    return Admission(network=network, admitted=int(admitted), budget=int(budget))
