"""One line of an export read again: exact events, exact reasons."""

import json
from typing import Any

import pytest

from metering.export import cloud_event
from metering.incoming import LONGEST_LINE_BYTES, Unlock, read_line
from metering.shards import shard_of
from schema.codes import CodeKey, CodeSystemKey
from schema.events import UnlockImported, WindowNumber
from schema.instants import instant
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome, ReferrerClass, ViewContext
from tests.metering.archives import NOON, act, view
from tests.metering.test_export import ACCOUNT, GUEST, erased, row

NOW_MS = NOON + 60_000


def told(**changes: Any) -> dict[str, Any]:
    """A guest's first view as it is exported; changes with a `.` in their name are of its data."""
    entry = view(GUEST, network="n" * 12 + "/3/50") | {"request": "r" * 12, "context": "ae3"}
    event = cloud_event(row(entry))
    for name, value in changes.items():
        place = event["data"] if name.startswith("data_") else event
        name = name.removeprefix("data_")
        if value is ...:
            del place[name]
        else:
            place[name] = value
    return event


def read(event: Any, now_ms: int = NOW_MS) -> Unlock | str:
    return read_line(json.dumps(event).encode() + b"\n", now_ms)


def test_an_unlock_becomes_an_import_that_raises_no_fence_and_spends_no_network() -> None:
    unlock = read(told())

    assert isinstance(unlock, Unlock)
    assert unlock.request_id == "c4K4VLLLvqqGKa4PoKcdot"
    assert unlock.requests == (unlock.request_id[:12], "r" * 12)
    assert unlock.event == UnlockImported(
        shard=7,
        seq=0,
        epoch=0,
        recorded_at=instant(NOON + 1),
        viewer_id=GUEST,
        request_id=unlock.request_id[:12],
        viewer_kind=ViewerKind.GUEST,
        plan_key="guest",
        plan_version=1,
        assignment=0,
        window=WindowNumber("L", 0),
        code=CodeKey(CodeSystemKey.ICD10CM, "I10"),
        outcome=Outcome.UNLOCKED,
        used=1,
        limit=1,
        admission=None,
        context=ViewContext(
            client=ClientClass.APP, referrer=ReferrerClass.SEARCH, section="GUIDELINES"
        ),
        at=instant(NOON + 1),
    )


def test_an_event_has_the_same_request_however_it_is_written_and_another_has_another() -> None:
    event = told()
    shuffled = dict(reversed(event.items())) | {
        "extension": 1,
        "time": "2026-11-25T13:00:00.001+01:00",
    }

    once, again = read(event), read(shuffled)
    others = [read(told(**{name: value})) for name, value in (
        ("id", "7:1:1-6"), ("source", "/elsewhere"), ("subject", "g" + "b" * 22),
    )]  # fmt: skip

    assert once == again
    requests = {each.request_id for each in (once, *others) if isinstance(each, Unlock)}
    assert len(requests) == 4


def test_an_imported_unlock_keeps_when_it_was_decided() -> None:
    at = "2026-11-25T11:00:00.000Z"

    unlock = read(told(type="org.codestile.ledger.unlock-imported.v1", data_at=at))

    assert isinstance(unlock, Unlock)
    assert unlock.event.at == instant(NOON - 3_600_000)


def test_an_account_is_in_the_shard_of_its_id() -> None:
    unlock = read(told(subject=ACCOUNT, data_viewerKind="REGISTERED", data_shard=0))

    assert isinstance(unlock, Unlock)
    assert unlock.event.shard == shard_of(ACCOUNT)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (told(data_outcome="REPEATED"), "org.codestile.ledger.page-viewed.v1 REPEATED"),
        (
            cloud_event(erased(view(GUEST))),
            "org.codestile.ledger.page-viewed.v1 of an erased viewer",
        ),
        (
            cloud_event(row(act("block", viewer=GUEST, request="r", actor="a", reason="b"))),
            "org.codestile.ledger.viewer-blocked.v1",
        ),
        (told(type="com.example.other.v9", data={}), "com.example.other.v9"),
    ],
    ids=["repeat", "erased", "act", "foreign"],
)
def test_what_is_no_unlock_is_named(event: dict[str, Any], kind: str) -> None:
    assert read(event) == kind


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "no JSON: unexpected end of data: line 1 column 2 (char 1)"),
        (b"[1]", "no JSON object"),
        (
            b"\xff",
            "no JSON: str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)",
        ),
        (b"x" * (LONGEST_LINE_BYTES + 1), "longer than 16384 bytes"),
        (told(specversion="0.3"), "specversion: Input should be '1.0'"),
        (told(id=...), "id: Field required"),
        (told(time="2026-11-25T12:00:00"), "time: Input should have timezone info"),
        (
            told(subject="somebody"),
            "subject: String should match pattern '^[gu][A-Za-z0-9_-]{22}$'",
        ),
        (told(subject=ACCOUNT), f"subject: {ACCOUNT} is no GUEST"),
        (
            told(data_outcome="MAYBE"),
            "outcome: Input should be 'UNLOCKED', 'REPEATED', 'UNMETERED', 'LIMIT_REACHED', "
            "'NETWORK_LIMIT_REACHED' or 'BLOCKED'",
        ),
        (told(data_shard=64), "shard: Input should be less than 64"),
        (told(data_used="1"), "used: Input should be a valid integer"),
        (told(data_limit=...), "limit: Field required"),
        (told(data_code="XYZ:I10"), "code: XYZ:I10 is of no system that is known here"),
        (
            told(data_window="L.1"),
            r"window: String should match pattern '^(L\.0|[DWM]\.\d{1,7}|R[1-9]\d{0,3}\.\d{1,7})$'",
        ),
        (told(data_window="D.20784"), "window: D.20784 had not begun"),
        (told(type="org.codestile.ledger.unlock-imported.v1"), "at: Field required"),
        (told(time="2026-11-25T12:01:00.001Z"), "time: later than the ledger's clock"),
    ],
)
def test_a_line_that_is_no_event_is_refused_with_the_reason(line: Any, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_line(line if isinstance(line, bytes) else json.dumps(line).encode(), NOW_MS)

    assert str(refused.value) == reason


@pytest.mark.parametrize("window", ["L.0", "D.20783", "W.2969", "M.24322", "R30.7"])
def test_the_window_of_the_day_is_no_later_than_it(window: str) -> None:
    """2026-11-25 12:00 UTC is the 26th in the easternmost zone: day 20,783, a Thursday."""
    unlock = read(told(data_window=window))

    assert isinstance(unlock, Unlock)
    assert str(unlock.event.window) == window
