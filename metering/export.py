"""Archived events as others read them: CloudEvents 1.0, and rows of a table.

Pure: a row of the archive in, a value out. The form of each type is version 1 of its own name.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

from metering.entries import fields_of
from metering.log import TYPES, read_values
from schema.codes import CodeKey
from schema.events import WindowNumber
from schema.instants import milliseconds
from schema.shape import Shape

SOURCE = "/codestile/ledger"
_PREFIX = "org.codestile.ledger"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell instead of showing it."""


def _words(name: str, between: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", between, name).lower()


EVENT_TYPES = {
    name: f"{_PREFIX}.{_words(event.__name__, '-')}.v1" for name, (event, _) in TYPES.items()
}
"""Type of an entry -> the type that others know: `org.codestile.ledger.page-viewed.v1`."""
_ENVELOPE = ("shard", "seq", "epoch", "recorded_at", "viewer_id")
_DATA_NAMES = tuple(
    dict.fromkeys(
        name for event, _ in TYPES.values() for name in event.model_fields if name not in _ENVELOPE
    )
)
CSV_COLUMNS = (
    "id",
    "type",
    "time",
    "shard",
    "seq",
    "epoch",
    "viewer_id",
    "is_erased",
    *_DATA_NAMES,
)
"""The columns of the table; a cell that an event has no value for is empty."""


def event_id(row: Mapping[str, Any]) -> str:
    """The id of the event, the same however often it is exported."""
    at_ms = milliseconds(row["recorded_at"])
    return f"{row['shard']}:{row['epoch']}:{at_ms}-{row['seq']}"


def cloud_event(row: Mapping[str, Any]) -> dict[str, Any]:
    """The event as JSON; an erased viewer's has no `subject`, nothing private, and says so."""
    data: dict[str, Any] = {name: row[name] for name in ("shard", "seq", "epoch")}
    data |= {_camel(name): plain(value) for name, value in _values(row).items()}
    event = {
        "specversion": "1.0",
        "id": event_id(row),
        "source": SOURCE,
        "type": EVENT_TYPES[row["type"]],
        "time": plain(row["recorded_at"]),
        "datacontenttype": "application/json",
    }
    if row["viewer"] is not None:
        event["subject"] = row["viewer"]
    if row["is_erased"]:
        data["isErased"] = True
    return event | {"data": data}


def csv_header() -> str:
    """The first line of the table."""
    return _line(CSV_COLUMNS)


def csv_row(row: Mapping[str, Any]) -> str:
    """The event as one line of the table, in the order of CSV_COLUMNS."""
    cells = {name: _cell(plain(value)) for name, value in _values(row).items()}
    cells |= {"id": event_id(row), "type": EVENT_TYPES[row["type"]]}
    cells |= {name: str(row[name]) for name in ("shard", "seq", "epoch")}
    cells |= {"time": plain(row["recorded_at"]), "viewer_id": row["viewer"] or ""}
    cells["is_erased"] = _cell(row["is_erased"])
    return _line([_unarmed(cells.get(name, "")) for name in CSV_COLUMNS])


def plain(value: Any) -> Any:
    """The value as JSON has it: instants in RFC 3339, codes as `<system>:<value>`."""
    match value:
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Shape():
            return {_camel(name): plain(each) for name, each in value if each is not None}
        case CodeKey() | WindowNumber():
            return str(value)
        case Enum():
            return value.value
        case tuple() | list():
            return [plain(each) for each in value]
        case _:
            return value


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    values = read_values(fields_of(row))
    values.pop("viewer_id", None)
    return values


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _cell(value: Any) -> str:
    """The value in one cell: lists with a blank between, parts as `name=value`."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(map(_cell, value))
        case dict():
            return " ".join(f"{name}={_cell(each)}" for name, each in value.items())
        case _:
            return str(value)


def _unarmed(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
