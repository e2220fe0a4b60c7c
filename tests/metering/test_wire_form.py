"""The wire form of format version 1: docs/events.md and the store agree to the last field."""

import random
import re
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from metering.calls import script
from metering.fold import Grant
from metering.live import STATE_FIELDS, read_viewer, viewer_fields
from metering.log import (
    CLIENT_LETTERS,
    KIND_LETTERS,
    OUTCOME_LETTERS,
    UnreadableEvent,
    read_event,
)
from metering.meter import LedgerMeter
from metering.shards import keys_of
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome, ViewContext
from tests.metering.ledgers import (
    ADMISSION,
    Plans,
    ValkeyLedger,
    guest,
    member,
    ms,
    outcomes,
    token,
    view_of,
)

DOC = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
KEYS = keys_of(7)


def documented(heading: str) -> list[str]:
    """The first column of the table under a heading, in order."""
    section = DOC.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


async def test_an_entry_of_the_log_has_the_documented_fields_in_their_order(
    meter: LedgerMeter,
) -> None:
    request = view_of(guest("n" * 22), 1).model_copy(
        update={"context": ViewContext(client=ClientClass.BROWSER)}
    )
    await meter.view([request])

    [(stream_id, fields)] = await meter.client.xrange(KEYS.log)

    assert list(fields) == documented("The entry of a page view")[:-1]
    assert fields == {
        "type": "view",
        "epoch": "1",
        "viewer": request.viewer.id,
        "kind": "G",
        "plan": "guest.1",
        "assignment": "0",
        "window": "L.0",
        "code": "DEMO:DM-4001",
        "outcome": "U",
        "used": "1",
        "limit": "1",
        "network": f"{'n' * 22}/1/50",
        "request": request.request_id[:12],
        "client": "b",
    }
    assert stream_id.endswith("-1")


async def test_the_hashes_and_the_receipt_have_the_documented_form(meter: LedgerMeter) -> None:
    request = view_of(guest("n" * 22, number=3), 1)
    await meter.view([request])
    [(stream_id, _)] = await meter.client.xrange(KEYS.log)
    client: Redis = meter.client

    assert await client.hgetall(KEYS.head) == {
        "format": "1",
        "seq": "1",
        "epoch": "1",
        "at": stream_id.split("-")[0],
    }
    assert await client.hgetall(KEYS.viewer(request.viewer.id)) == {
        "window": "L.0",
        "used": "1",
        "admitted": "1",
        "assignment": "3",
        "DEMO:DM-4001": "c",
    }
    assert await client.hgetall(KEYS.network("n" * 22)) == {"admitted": "1"}
    assert await client.get(KEYS.receipt(request.request_id)) == f"U 1 1 1 - 1 {stream_id}"
    assert 3_590_000 < await client.pttl(KEYS.receipt(request.request_id)) <= 3_600_000
    assert len(await client.keys("*")) == 5


async def test_what_outlives_a_window_is_written_back(client: Redis, plans: Plans) -> None:
    ledger = ValkeyLedger(client, plans)
    noon = ms("2040-05-06T12:00")
    viewer = guest("n" * 22, plan_key="daily", period=ADMISSION.period_at(noon), number=4)
    await ledger.set_clock(noon)
    await ledger.change(viewer, grants=(Grant(1, 0, 1),), adopted=2)
    await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))
    await ledger.set_clock(noon + 86_400_000)
    await outcomes(ledger, view_of(viewer, 3))

    assert await client.hgetall(KEYS.viewer(viewer.id)) == {
        "window": "D.25694",
        "used": "1",
        "assignment": "4",
        "admitted": "1",
        "grants": "1@0@1",
        "adopted": "2",
        "DEMO:DM-4003": "c",
    }


async def test_nothing_is_kept_of_a_guest_that_its_network_refused(meter: LedgerMeter) -> None:
    await meter.view([view_of(guest("n" * 22), 1) for _ in range(50)])
    late = guest("n" * 22, number=1)

    await meter.view([view_of(late, 1)])

    assert await meter.client.exists(KEYS.viewer(late.id)) == 0
    assert await meter.client.xlen(KEYS.log) == 51


async def test_a_network_is_swept_away_one_period_after_its_own(meter: LedgerMeter) -> None:
    viewer = guest("n" * 22)
    await meter.view([view_of(viewer, 1)])

    assert viewer.network is not None
    expires_ms = await meter.client.pexpiretime(KEYS.network("n" * 22))
    assert expires_ms == ADMISSION.expires_ms(viewer.network.period)


GOOD = (
    *("g" + "x" * 22, "G", "DEMO:DM-4001", "r" * 22, "b", "guest.1", "0", "1"),
    *("D", "1", "0", "9999999999999", "50", "0", "99999999999999"),
)
BAD = {
    "viewer id": (0, ["", "x" * 23, "g" + "x" * 21, "g:" + "x" * 21]),
    "viewer kind": (1, ["", "X", "GG"]),
    "code": (2, ["", "DM-4001", "DEMO:", "DEMO:dm", "a:b", "DEMO:" + "X" * 40, "window"]),
    "request id": (3, ["", "r" * 21, "r" * 21 + ":"]),
    "client": (4, ["", "x", "browser"]),
    "plan": (5, ["", "guest", "guest.", "Guest.1"]),
    "assignment": (6, ["", "-1", "1.5"]),
    "limit": (7, ["-1", "many"]),
    "window kind": (8, ["", "X", "R", "R0", "LL"]),
    "window number": (9, ["", "-1"]),
    "window start": (10, ["", "-1"]),
    "window end": (11, ["", "never"]),
    "budget": (12, ["", "-1"]),
    "period": (13, ["", "-1"]),
    "period length": (14, ["", "0"]),
}
KEY_NAMES = (KEYS.log, KEYS.head, KEYS.viewer("v"), KEYS.receipt("r"), KEYS.network("n"))


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (_, vs) in BAD.items() for v in vs])
async def test_a_bad_argument_is_named_before_anything_is_written(
    client: Redis, name: str, value: str
) -> None:
    arguments = list(GOOD)
    arguments[BAD[name][0]] = value

    with pytest.raises(ResponseError, match=f"^ARGUMENT {name}"):
        await client.eval(script("record_view").text, 5, *KEY_NAMES, *arguments)

    assert await client.keys("*") == []


async def test_good_arguments_are_taken(client: Redis) -> None:
    answer = await client.eval(script("record_view").text, 5, *KEY_NAMES, *GOOD)

    assert answer[0] == "DECIDED"


async def test_unlimited_is_an_empty_limit(meter: LedgerMeter) -> None:
    await meter.view([view_of(member("subscriber"), 1)])

    [(stream_id, fields)] = await meter.client.xrange(KEYS.log)

    assert (fields["limit"], fields["outcome"], fields["network"]) == ("", "M", "")
    assert read_event(7, stream_id, fields).limit is None


def test_every_letter_and_field_is_documented() -> None:
    assert documented("Outcomes") == list(OUTCOME_LETTERS.values())
    assert documented("Kinds of viewer") == list(KIND_LETTERS.values())
    assert documented("Kinds of client") == list(CLIENT_LETTERS.values())
    assert documented("The viewer hash")[:-1] == list(STATE_FIELDS)
    assert set(OUTCOME_LETTERS) == set(Outcome)
    assert set(KIND_LETTERS) == set(ViewerKind)
    assert set(CLIENT_LETTERS) == set(ClientClass)


def test_a_viewer_hash_says_all_that_the_state_holds() -> None:
    fields = {
        "window": "R30.2",
        "anchor": "1795453200000",
        "used": "2",
        "assignment": "3",
        "admitted": "1",
        "grants": "5@0@7 2@1795453200000@9",
        "blocked": "1",
        "moved": "u" + "x" * 22,
        "adopted": "1",
        "ICD10CM:I10": "c",
        "HCPCS:A0021": "a",
    }

    assert viewer_fields(read_viewer(fields)) == fields


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "unknown"},
        {"outcome": "X"},
        {"code": "I10"},
        {"code": "NOPE:I10"},
        {"window": "L"},
        {"network": "n/1"},
        {"used": "-"},
    ],
)
async def test_an_entry_of_another_form_is_never_taken_for_an_event(
    meter: LedgerMeter, changed: dict[str, str]
) -> None:
    await meter.view([view_of(guest(), 1)])
    [(stream_id, fields)] = await meter.client.xrange(KEYS.log)

    with pytest.raises(UnreadableEvent, match=f"shard 7: {stream_id}"):
        read_event(7, stream_id, fields | changed)


async def test_an_event_takes_at_most_120_bytes(meter: LedgerMeter) -> None:
    """10,000 views as a site has them: 3 in 10 admit a guest, the rest repeat or are refused."""
    chance = random.Random(2)
    guests = [guest(token()) for _ in range(3000)]
    views = [view_of(viewer, 1) for viewer in guests]
    views += [view_of(chance.choice(guests), chance.randint(1, 2)) for _ in range(7000)]
    for start in range(0, 10_000, 500):
        await meter.view(views[start : start + 500])

    size_bytes = await meter.client.memory_usage(KEYS.log, samples=0)

    assert await meter.client.xlen(KEYS.log) == 10_000
    assert size_bytes / 10_000 <= 120
