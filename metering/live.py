"""The live form of what the fold knows: the fields of viewer hashes, and receipts.

docs/events.md describes every field; nothing here may change without a new version.
"""

from collections.abc import Mapping

from metering.fold import Grant, ViewerState
from metering.log import (
    OUTCOME_LETTERS,
    OUTCOMES,
    TYPE_OF,
    AnyEvent,
    read_code,
    read_window,
)
from schema.events import EpochOpened, UnlockImported, ViewEvent
from schema.instants import instant
from schema.usage import Allowance, Decision

STATE_FIELDS = (
    "window",
    "anchor",
    "used",
    "assignment",
    "admitted",
    "grants",
    "blocked",
    "moved",
    "adopted",
)
"""The fields of a viewer hash that are not codes; codes hold a colon, these never do."""

COUNTED_RECEIPT_MS = 10_000
"""How long one does whose view is counted with others."""
RECEIPT_MS = 3_600_000
"""How long a request keeps its answer."""


COUNTED = "*"
"""The seq in the answer to a view that is counted with others and recorded later."""


def viewer_fields(viewer: ViewerState) -> dict[str, str]:
    """The hash of a viewer, field by field; what is blank has no field."""
    fields = {
        "window": str(viewer.window or ""),
        "anchor": "" if viewer.anchor_ms is None else str(viewer.anchor_ms),
        "used": str(viewer.used or ""),
        "assignment": str(viewer.assignment or ""),
        "admitted": "1" if viewer.is_admitted else "",
        "grants": " ".join(f"{units}@{expires}@{seq}" for units, expires, seq in viewer.grants),
        "blocked": "1" if viewer.is_blocked else "",
        "moved": viewer.moved_to or "",
        "adopted": " ".join(viewer.adopted),
    }
    fields.update((str(code), how) for code, how in viewer.codes.items())
    return {name: value for name, value in fields.items() if value}


def read_viewer(fields: Mapping[str, str]) -> ViewerState:
    """The viewer that a hash describes; raises ValueError when it describes none."""
    return ViewerState(
        window=read_window(fields["window"]) if "window" in fields else None,
        anchor_ms=int(fields["anchor"]) if "anchor" in fields else None,
        used=int(fields.get("used", "0")),
        codes={read_code(name): how for name, how in fields.items() if name not in STATE_FIELDS},
        assignment=int(fields.get("assignment", "0")),
        is_admitted="admitted" in fields,
        grants=tuple(_grant(text) for text in fields.get("grants", "").split()),
        is_blocked="blocked" in fields,
        moved_to=fields.get("moved"),
        adopted=tuple(fields.get("adopted", "").split()),
    )


def _grant(text: str) -> Grant:
    units, expires, seq = text.split("@")
    return Grant(int(units), int(expires), int(seq))


def read_receipt(shard: int, answer: str, *, is_replayed: bool) -> Decision:
    """The decision that a receipt states; raises ValueError."""
    letter, charged, used, limit, resets, epoch, stream_id = answer.split(" ")
    at_ms, seq = stream_id.split("-", 1)
    return Decision(
        outcome=OUTCOMES[letter],
        is_charged=charged == "1",
        allowance=Allowance(
            limit=None if limit == "-" else int(limit),
            used=int(used),
            resets_at=None if resets == "-" else instant(int(resets)),
        ),
        event_id=None if seq == COUNTED else f"{shard}:{epoch}:{stream_id}",
        recorded_at=instant(int(at_ms)),
        is_replayed=is_replayed,
    )


def receipt_of(event: ViewEvent, resets_ms: int | None, *, is_counted: bool = False) -> str:
    """The receipt that the event's view was answered with; a view that is counted has no event
    yet, and is answered in the same form."""
    at_ms, seq = event.stream_id.split("-")
    return " ".join(
        (
            OUTCOME_LETTERS[event.outcome],
            "1" if event.outcome.is_charging else "0",
            str(event.used),
            "-" if event.limit is None else str(event.limit),
            "-" if resets_ms is None else str(resets_ms),
            str(event.epoch),
            f"{at_ms}-{COUNTED if is_counted else seq}",
        )
    )


def receipt_of_act(event: AnyEvent) -> str | None:
    """The receipt that an act was answered with; None for an event that answers nobody, and for a
    view decided elsewhere, whose answer the event does not hold in full."""
    if isinstance(event, EpochOpened | UnlockImported):
        return None
    return f"{TYPE_OF[type(event)]} {event.epoch} {event.stream_id}"
