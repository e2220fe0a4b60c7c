"""Plain views: nearly every event, in the form in which it is proved and folded fast.

A view is plain when it stands for itself alone and its entry is as a server writes it: all fields
in their order, none of them odd. Any other event is read by metering/log.py, which also says what
is wrong with one that is wrong.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from metering.log import FIELDS, KINDS, OUTCOMES, read_code, read_context, read_plan, read_window
from schema.instants import milliseconds
from schema.people import ViewerKind


class PlainView(NamedTuple):
    """One of them."""

    stream_id: str
    at_ms: int
    seq: int
    epoch: int
    fields: tuple[str, ...]
    """What its entry has behind `type` and `epoch`, in that order: PLAIN_FIELDS."""

    @property
    def entry(self) -> dict[str, str]:
        """The fields of the entry."""
        own = dict(zip(PLAIN_FIELDS, self.fields, strict=True))
        return {"type": "view", "epoch": str(self.epoch), **own}


PLAIN_FIELDS = FIELDS[2:-1]
"""viewer, kind, plan, assignment, window, code, outcome, used, limit, network, request, context."""
_ENTRY_NAMES = FIELDS[:-1]
_USED = PLAIN_FIELDS.index("used")
_MOST_DIGITS = 18
_MOST_LETTERS = 40
_VIEWER_LETTERS = {
    letter: "g" if kind is ViewerKind.GUEST else "u" for letter, kind in KINDS.items()
}


def plain_entry(stream_id: str, flat: Sequence[str]) -> PlainView | None:
    """An entry, given as names and values in turn, as a plain view; None when it is none."""
    if tuple(flat[::2]) != _ENTRY_NAMES or flat[1] != "view" or not _is_number(flat[3]):
        return None
    at_ms, _, seq = stream_id.partition("-")
    fields, epoch = tuple(flat[5::2]), int(flat[3])
    used = fields[_USED]
    if str(epoch) != flat[3] or not _is_number(used) or not _is_plain(fields):
        return None
    return PlainView(stream_id, int(at_ms), int(seq), epoch, fields)


def plain_row(row: Mapping[str, Any]) -> PlainView | None:
    """A row of `usage_event`, its columns in the order of entries.COLUMNS and is_erased, as a plain
    view; None when it is none."""
    values = tuple(row.values())
    at, seq, epoch, _, kind_of_event, viewer, _, request, private = values[:9]
    counted_from, details, is_erased = values[20:23]
    is_odd = is_erased or counted_from is not None or private is not None or details is not None
    if kind_of_event != "view" or is_odd:
        return None
    kind, plan, assignment, window, code, outcome, used, allowed, network, context = values[9:19]
    if not (viewer and kind and plan and window and code and outcome and request and context):
        return None
    limit = "" if allowed is None else str(allowed)
    whose = (viewer, kind, plan, str(assignment), window, code, outcome)
    fields = (*whose, str(used), limit, network or "", request, context)
    if not _is_plain(fields):
        return None
    at_ms = milliseconds(at)
    return PlainView(f"{at_ms}-{seq}", at_ms, seq, epoch, fields)


def _is_plain(fields: tuple[str, ...]) -> bool:
    """Whether the fields can be read; `used` is left to whoever compares it with a number."""
    viewer, kind, plan, assignment, window, code, outcome, _, limit, network, _, context = fields
    return (
        _is_readable(viewer[:1], kind, plan, assignment, window, outcome, limit, context)
        and _is_code(code)
        and (not network or _is_network(network))
    )


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


@lru_cache(65536)
def _is_readable(letter: str, kind: str, plan: str, assignment: str, *others: str) -> bool:
    """Whether what many views have alike can be read."""
    window, outcome, limit, context = others
    if _VIEWER_LETTERS.get(kind) != letter or outcome not in OUTCOMES:
        return False
    if not _is_number(assignment) or not (not limit or _is_number(limit)):
        return False
    try:
        read_plan(plan)
        read_context(context)
        return str(read_window(window)) == window
    except ValueError:
        return False


@lru_cache(65536)
def _is_code(text: str) -> bool:
    try:
        return str(read_code(text)) == text
    except ValueError:
        return False


def _is_network(text: str) -> bool:
    parts = text.split("/")
    is_short = len(parts) == 3 and len(text) <= _MOST_LETTERS
    return is_short and bool(parts[0]) and parts[1].isdecimal() and parts[2].isdecimal()
