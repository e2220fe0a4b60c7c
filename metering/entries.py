"""Entries of the log as rows of the archive, and rows as the entries they were.

An entry that could not be made again from its row, word for word, is refused: what the archive
holds must prove the same as what the log held.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from metering.chain import PRIVATE_FIELDS, canonical, private_of_view, public_of_view, split
from metering.log import TYPES, LaterEvent, UnreadableEvent
from schema.instants import instant, milliseconds

FIELDS = {kind: fields for kind, (_, fields) in TYPES.items()}
"""The fields of each type behind `type` and `epoch`, in their order."""
VIEW_TYPES = ("view", "import")
COLUMNS = (
    *("recorded_at", "seq", "epoch", "shard", "type", "viewer", "other", "request", "private"),
    *("kind", "plan", "assignment", "view_window", "code", "outcome", "used", "allowed"),
    *("network", "context", "views", "counted_from", "details", "commitment", "chain"),
)
"""The columns of `usage_event` in the order of a Row."""
Row = tuple[Any, ...]

_NUMBER = r"(?:0|[1-9]\d{0,17})"
_PATTERNS = {
    "viewer": r"[gu][\w-]{22}",
    "kind": r"[A-Z]",
    "plan": r"[a-z][a-z0-9_-]*\.\d+",
    "assignment": _NUMBER,
    "window": r"[A-Z]\d*\.\d+",
    "code": r"[A-Z0-9_]+:[A-Z0-9-]+",
    "outcome": r"[A-Z]",
    "used": r"(?:0|[1-9]\d{0,8})",
    "limit": r"(?:0|[1-9]\d{0,8})?",
    "network": r"[\w/-]*",
    "request": r"[\w-]+",
    "context": r"[\w/-]{1,20}",
}
_EPOCH = re.compile(r"[1-9]\d{0,8}")
_COUNT = re.compile(r"([1-9]\d{0,8})@([1-9]\d{0,14})")
_VIEW_NAMES = ["type", "epoch", *FIELDS["view"][:-1]]
_VIEW = re.compile(
    "\n".join([r"view", r"[1-9]\d{0,8}", *(_PATTERNS[name] for name in FIELDS["view"][:-1])]),
    re.ASCII,
)
_COLUMN_FIELDS = (*_PATTERNS, "type", "epoch", "count", "from", "to")
_COLUMN_OF = {"window": "view_window", "limit": "allowed"}


def read_id(stream_id: str) -> tuple[int, int]:
    """The milliseconds and the seq of a stream id; raises UnreadableEvent."""
    ms, _, seq = stream_id.partition("-")
    if seq in ("", "0") or len(stream_id) > 33:
        raise UnreadableEvent(f"{stream_id} is no id of an event")
    return int(ms), int(seq)


class Readings(NamedTuple):
    """What the archive needs of some entries, one of each for every entry."""

    rows: list[Row]
    """Without their last two columns, which the chain gives."""
    publics: list[bytes]
    """The public fields in the canonical form of the chain."""
    privates: list[bytes]
    """The private fields likewise."""


def read_into(readings: Readings, shard: int, at: datetime, seq: int, flat: Sequence[str]) -> None:
    """Append an entry, given as names and values in turn.

    Raises UnreadableEvent, LaterEvent for an unknown type.
    """
    values = flat[1::2]
    if flat[::2] == _VIEW_NAMES and _VIEW.fullmatch("\n".join(values)):
        _read_view(readings, shard, at, seq, values)
        return
    fields = dict(zip(flat[::2], values, strict=True))
    readings.rows.append(_row_of_any(shard, at, seq, fields))
    public, private = split(fields)
    readings.publics.append(canonical(public))
    readings.privates.append(canonical(private))


def _read_view(
    readings: Readings, shard: int, at: datetime, seq: int, values: Sequence[str]
) -> None:
    """Nearly every entry: what the pattern let through needs no further look, and no escapes."""
    epoch, fields = values[1], values[2:]
    viewer, kind, plan, assignment, window, code, outcome, used, limit, network, *rest = fields
    request, context = rest
    # Longer than it might be: tuples are put together faster than they are filled from parts.
    row: Row = (at, seq, int(epoch), shard, "view", viewer, None, request, None)
    row += (kind, plan, int(assignment), window, code, outcome, int(used))
    row += (int(limit) if limit else None, network or None, context, 1, None, None)
    readings.rows.append(row)
    readings.publics.append(public_of_view(fields, epoch))
    readings.privates.append(private_of_view(viewer, request))


def _row_of_any(shard: int, at: datetime, seq: int, fields: Mapping[str, str]) -> Row:
    _demand_form(fields)
    views, counted_from = _counted(fields.get("count"))
    row = (
        *(at, seq, int(fields["epoch"]), shard, fields["type"]),
        *(fields.get("viewer"), fields.get("to", fields.get("from")), fields.get("request")),
        _json({name: fields[name] for name in ("codes", "reason") if name in fields}),
        *(fields.get("kind"), fields.get("plan"), _whole(fields, "assignment")),
        *(fields.get("window"), fields.get("code"), fields.get("outcome")),
        *(_whole(fields, "used"), _whole(fields, "limit")),
        *(fields.get("network") or None, fields.get("context"), views),
        counted_from,
        _json({name: fields[name] for name in fields if _is_detail(name)}),
    )
    if fields_of(dict(zip(COLUMNS, row, strict=False))) != dict(fields):
        raise UnreadableEvent("it could not be made again from its row")
    return row


def _counted(text: str | None) -> tuple[int, datetime | None]:
    """How many views an entry stands for, and when the first was; None: it stands for one."""
    if text is None:
        return 1, None
    found = _COUNT.fullmatch(text)
    if found is None:
        raise UnreadableEvent(f"count {text!r} is none")
    return int(found[1]), instant(int(found[2]))


def _demand_form(fields: Mapping[str, str]) -> None:
    """Raises UnreadableEvent with what is wrong with an entry."""
    kind = fields.get("type")
    if kind is None:
        raise UnreadableEvent("it has no type")
    if kind not in FIELDS:
        raise LaterEvent(f"it is of type {kind!r}, written by a later version")
    known = ("type", "epoch", *FIELDS[kind])
    unknown = sorted(fields.keys() - set(known))
    if unknown:
        raise UnreadableEvent(f"no {kind} has {', '.join(unknown)}")
    absent = [name for name in known if name not in fields and name not in _optional(kind)]
    if absent:
        raise UnreadableEvent(f"it has no {', '.join(absent)}")
    if tuple(fields) != tuple(name for name in known if name in fields):
        raise UnreadableEvent("its fields are not in their order")
    if not _EPOCH.fullmatch(fields["epoch"]):
        raise UnreadableEvent(f"epoch {fields['epoch']!r} is none")
    for name, value in fields.items():
        # PostgreSQL has no text with this character.
        if "\0" in value or not _fits(name, value):
            raise UnreadableEvent(f"{name} {value!r} is none")


def _optional(kind: str) -> tuple[str, ...]:
    return ("viewer", "network") if kind == "reset" else ("count",)


def _fits(name: str, value: str) -> bool:
    pattern = _PATTERNS.get(name)
    return pattern is None or re.fullmatch(pattern, value, re.ASCII) is not None


def _is_detail(name: str) -> bool:
    return name not in _COLUMN_FIELDS and name not in PRIVATE_FIELDS


def _whole(fields: Mapping[str, str], name: str) -> int | None:
    return int(fields[name]) if fields.get(name) else None


def _json(fields: Mapping[str, str]) -> str | None:
    return orjson.dumps(fields).decode() if fields else None


def fields_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The entry that a row of `usage_event`, by column, was made from, in the order of its fields.

    What an erasure took away is missing.
    """
    loose = {**_loads(row["details"]), **_loads(row["private"])}
    fields = {"type": row["type"], "epoch": str(row["epoch"])}
    for name in FIELDS[row["type"]]:
        value = loose.get(name) if name in loose else _column_text(row, name)
        if value is not None:
            fields[name] = value
    return fields


def _column_text(row: Mapping[str, Any], name: str) -> str | None:
    """The field as a column has it; None when there is none."""
    if name == "count":
        return _count_text(row["views"], row["counted_from"])
    if name in ("from", "to"):
        return row["other"]  # type: ignore[no-any-return]  # text, by its column
    value = row.get(_COLUMN_OF.get(name, name))
    if value is None:
        is_blank = row["type"] in VIEW_TYPES and name in ("limit", "network")
        return "" if is_blank else None
    return str(value)


def _count_text(views: int, counted_from: datetime | None) -> str | None:
    if counted_from is None:
        return None
    return f"{views}@{milliseconds(counted_from)}"


def _loads(text: str | None) -> dict[str, str]:
    return {} if text is None else orjson.loads(text)
