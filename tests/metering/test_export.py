"""Archived events as CloudEvents and as a table: exact forms, and no formula for a spreadsheet."""

import csv
import io
from typing import Any

import pytest

from metering.entries import COLUMNS, Readings, read_into
from metering.export import (
    CSV_COLUMNS,
    EVENT_TYPES,
    cloud_event,
    csv_header,
    csv_row,
    event_id,
)
from schema.instants import instant
from tests.metering.archives import NOON, Entry, act, view

GUEST = "g" + "a" * 22
ACCOUNT = "u" + "b" * 22


def row(entry: Entry, **changes: Any) -> dict[str, Any]:
    """The row of an entry as the archive has it."""
    readings = Readings([], [], [])
    flat = [part for pair in entry.items() for part in pair]
    read_into(readings, 7, instant(NOON + 1), 5, flat)
    values = (*readings.rows[0], b"", b"")
    return dict(zip(COLUMNS, values, strict=True)) | {"is_erased": False} | changes


def erased(entry: Entry) -> dict[str, Any]:
    """The same after its viewer was erased."""
    nothing = {"viewer": None, "other": None, "request": None, "private": None}
    return row(entry, **nothing, is_erased=True)


def cells(entry: dict[str, Any]) -> dict[str, str]:
    [line] = csv.DictReader(io.StringIO(csv_header() + csv_row(entry)))
    return {name: value for name, value in line.items() if value}


def test_a_page_view_is_a_cloud_event_with_readable_data() -> None:
    entry = view(GUEST, network="n" * 12 + "/3/50") | {"request": "r" * 12, "context": "ae3"}

    event = cloud_event(row(entry))

    assert event == {
        "specversion": "1.0",
        "id": f"7:1:{NOON + 1}-5",
        "source": "/codestile/ledger",
        "type": "org.codestile.ledger.page-viewed.v1",
        "time": "2026-11-25T12:00:00.001Z",
        "datacontenttype": "application/json",
        "subject": GUEST,
        "data": {
            "shard": 7,
            "seq": 5,
            "epoch": 1,
            "viewerKind": "GUEST",
            "planKey": "guest",
            "planVersion": 1,
            "assignment": 0,
            "window": "L.0",
            "code": "ICD10CM:I10",
            "outcome": "UNLOCKED",
            "used": 1,
            "limit": 1,
            "admission": {"network": "n" * 12, "admitted": 3, "budget": 50},
            "requestId": "r" * 12,
            "context": {"client": "app", "referrer": "search", "section": "GUIDELINES"},
        },
    }


def test_every_type_of_event_has_a_type_of_its_own() -> None:
    assert {
        name: f"org.codestile.ledger.{words}.v1"
        for name, words in {
            "view": "page-viewed",
            "void": "unlock-voided",
            "grant": "allowance-granted",
            "ungrant": "grant-voided",
            "plan": "plan-set",
            "seal": "guest-sealed",
            "adopt": "guest-adopted",
            "block": "viewer-blocked",
            "unblock": "viewer-unblocked",
            "reset": "window-reset",
            "erase": "viewer-erased",
            "import": "unlock-imported",
            "epoch": "epoch-opened",
        }.items()
    } == EVENT_TYPES


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        (
            act(
                "grant", viewer=ACCOUNT, units="3", expires="0", request="r", actor="a", reason="b"
            ),
            {"units": 3, "expiresAt": None, "requestId": "r", "actor": "a", "reason": "b"},
        ),
        (
            act("seal", viewer=GUEST, to=ACCOUNT, codes="DEMO:DM-1 DEMO:DM-2", request="r"),
            {"accountId": ACCOUNT, "codes": ["DEMO:DM-1", "DEMO:DM-2"], "requestId": "r"},
        ),
        (
            act("reset", network="n" * 12, request="r", actor="a", reason="b"),
            {"network": "n" * 12, "requestId": "r", "actor": "a", "reason": "b"},
        ),
        (act("epoch", cause="rebuilt", proven="4"), {"cause": "rebuilt", "proven": 4}),
    ],
    ids=lambda value: value.get("type"),
)
def test_what_is_no_view_tells_its_own_fields(entry: Entry, data: dict[str, Any]) -> None:
    told = cloud_event(row(entry))

    assert told["data"] == {"shard": 7, "seq": 5, "epoch": 1} | data
    assert told.get("subject") == entry.get("viewer")


def test_views_counted_together_say_how_many_and_since_when() -> None:
    event = cloud_event(row(view(GUEST, "L", count=f"37@{NOON}")))

    assert event["data"]["count"] == 37
    assert event["data"]["firstAt"] == "2026-11-25T12:00:00.000Z"


def test_an_erased_viewers_event_has_no_subject_and_nothing_private() -> None:
    seal = act("seal", viewer=GUEST, to=ACCOUNT, codes="DEMO:DM-1", request="r")

    views, sealed = cloud_event(erased(view(GUEST))), cloud_event(erased(seal))

    assert "subject" not in views
    assert "requestId" not in views["data"]
    assert (views["data"]["isErased"], views["data"]["code"]) == (True, "ICD10CM:I10")
    assert sealed["data"] == {"shard": 7, "seq": 5, "epoch": 1, "isErased": True}


def test_an_id_is_the_same_however_often_it_is_exported() -> None:
    entry = row(view(GUEST))

    assert event_id(entry) == cloud_event(entry)["id"] == cells(entry)["id"]


def test_the_table_has_one_cell_a_value() -> None:
    entry = view(GUEST) | {"request": "r" * 12, "context": "ae3"}

    assert cells(row(entry)) == {
        "id": f"7:1:{NOON + 1}-5",
        "type": "org.codestile.ledger.page-viewed.v1",
        "time": "2026-11-25T12:00:00.001Z",
        "shard": "7",
        "seq": "5",
        "epoch": "1",
        "viewer_id": GUEST,
        "is_erased": "false",
        "viewer_kind": "GUEST",
        "plan_key": "guest",
        "plan_version": "1",
        "assignment": "0",
        "window": "L.0",
        "code": "ICD10CM:I10",
        "outcome": "UNLOCKED",
        "used": "1",
        "limit": "1",
        "request_id": "r" * 12,
        "context": "client=app referrer=search section=GUIDELINES",
    }
    assert len(set(CSV_COLUMNS)) == len(CSV_COLUMNS)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_what_a_spreadsheet_would_compute(start: str) -> None:
    reason = f'{start}HYPERLINK("x"), said'
    entry = act("block", viewer=GUEST, request="r", actor="a", reason=reason)

    assert cells(row(entry))["reason"] == f"'{reason}"
    assert cloud_event(row(entry))["data"]["reason"] == reason
