"""The wire form of format version 1: docs/events.md and the store agree to the last field."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from metering.calls import script
from metering.fold import Grant
from metering.live import STATE_FIELDS, read_viewer, viewer_fields
from metering.log import (
    CLIENT_LETTERS,
    FIELDS,
    KIND_LETTERS,
    OUTCOME_LETTERS,
    REFERRER_LETTERS,
    SECTION_DIGITS,
    TYPES,
    LaterEvent,
    UnreadableEvent,
    context_text,
    read_event,
)
from metering.meter import LedgerMeter
from metering.shards import keys_of
from metering.store import Store
from schema.codes import CodeKey, CodeSystemKey
from schema.events import PageViewed
from schema.instants import instant
from schema.pages import SectionKind
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome, ReferrerClass, ViewContext, ViewRequest
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
BROWSER = ViewContext(client=ClientClass.BROWSER, referrer=ReferrerClass.SEARCH)


def documented(heading: str) -> list[str]:
    """The first column of the table under a heading, in order."""
    return re.findall(r"^\| `([^`]+)`", section_of(heading), re.MULTILINE)


def section_of(heading: str) -> str:
    """What stands under a heading, up to the next."""
    return re.split(r"^#+ ", DOC.split(f"# {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


async def test_an_entry_of_the_log_has_the_documented_fields_in_their_order(
    meter: LedgerMeter, client: Redis
) -> None:
    request = view_of(guest("n" * 22), 1).model_copy(update={"context": BROWSER})
    await meter.view([request])

    [(stream_id, fields)] = await client.xrange(KEYS.log)

    assert documented("The entry of a page view") == list(FIELDS) == [*fields, "count"]
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
        "network": f"{'n' * 12}/1/50",
        "request": request.request_id[:12],
        "context": "be",
    }
    assert stream_id.endswith("-1")


async def test_the_hashes_and_the_receipt_have_the_documented_form(
    meter: LedgerMeter, client: Redis
) -> None:
    request = view_of(guest("n" * 22, number=3), 1)
    await meter.view([request])
    [(stream_id, _)] = await client.xrange(KEYS.log)

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


async def test_what_outlives_a_window_is_written_back(
    client: Redis, plans: Plans, store: Store
) -> None:
    ledger = ValkeyLedger(store, plans)
    noon = ms("2040-05-06T12:00")
    viewer = guest("n" * 22, plan_key="daily", period=ADMISSION.period_at(noon), number=4)
    await ledger.set_clock(noon)
    await ledger.change(viewer, grants=(Grant(1, 0, 1),), adopted=("g" + "x" * 22,))
    await outcomes(ledger, view_of(viewer, 1), view_of(viewer, 2))
    await ledger.set_clock(noon + 86_400_000)
    await outcomes(ledger, view_of(viewer, 3))

    assert await client.hgetall(KEYS.viewer(viewer.id)) == {
        "window": "D.25694",
        "used": "1",
        "assignment": "4",
        "admitted": "1",
        "grants": "1@0@1",
        "adopted": "g" + "x" * 22,
        "DEMO:DM-4003": "c",
    }


async def test_nothing_is_kept_of_a_guest_that_its_network_refused(
    meter: LedgerMeter, client: Redis
) -> None:
    await meter.view([view_of(guest("n" * 22), 1) for _ in range(50)])
    late = guest("n" * 22, number=1)

    await meter.view([view_of(late, 1)])

    assert await client.exists(KEYS.viewer(late.id)) == 0
    assert await client.xlen(KEYS.log) == 51


async def test_a_network_is_swept_away_one_period_after_its_own(
    meter: LedgerMeter, client: Redis
) -> None:
    viewer = guest("n" * 22)
    await meter.view([view_of(viewer, 1)])

    assert viewer.network is not None
    expires_ms = await client.pexpiretime(KEYS.network("n" * 22))
    assert expires_ms == ADMISSION.expires_ms(viewer.network.period)


GOOD = (
    *("g" + "x" * 22, "G", "DEMO:DM-4001", "r" * 22, "b", "guest.1", "0", "1"),
    *("D", "1", "0", "9999999999999", "50", "0", "99999999999999"),
)
BAD = {
    "viewer id": (0, ["", "x" * 23, "g" + "x" * 21, "g:" + "x" * 21]),
    "viewer kind": (1, ["", "X", "GG", "R"]),
    "code": (2, ["", "DM-4001", "DEMO:", "DEMO:dm", "a:b", "DEMO:" + "X" * 40, "window"]),
    "request id": (3, ["", "r" * 21, "r" * 21 + ":"]),
    "context": (4, ["", "x", "browser", "bx", "b9", "b1s", "b/", "b/a key", "b/" + "k" * 19]),
    "plan": (5, ["", "guest", "guest.", "Guest.1", "guest.1 0"]),
    "assignment": (6, ["", "-1", "1.5"]),
    "limit": (7, ["-1", "many", "1 D"]),
    "window kind": (8, ["", "X", "R", "R0", "LL"]),
    "window number": (9, ["", "-1"]),
    "window start": (10, ["", "-1"]),
    "window end": (11, ["", "never"]),
    "budget": (12, ["", "-1"]),
    "period": (13, ["", "-1"]),
    "period length": (14, ["", "0"]),
}
KEY_NAMES = (*KEYS.of_viewer("v", "r"), KEYS.network("n"))


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (_, vs) in BAD.items() for v in vs])
async def test_a_bad_argument_is_named_before_anything_is_written(
    client: Redis, name: str, value: str
) -> None:
    arguments = list(GOOD)
    arguments[BAD[name][0]] = value

    with pytest.raises(ResponseError, match=f"^ARGUMENT {name}"):
        await client.eval(script("record_view").text, 7, *KEY_NAMES, *arguments)

    assert await client.keys("*") == []


async def test_good_arguments_are_taken(client: Redis) -> None:
    answer = await client.eval(script("record_view").text, 7, *KEY_NAMES, *GOOD)

    assert answer[0] == "DECIDED"


async def test_a_store_without_expiring_fields_can_be_inspected(
    meter: LedgerMeter, client: Redis
) -> None:
    viewer = member()
    await meter.view([view_of(viewer, 1)])
    older = script("inspect").text.replace("HPEXPIRETIME", "NOT_KNOWN_YET")

    _, log_expires, _, hash_ = await client.eval(
        older, 3, KEYS.log, KEYS.head, KEYS.viewer(viewer.id), 1000
    )

    assert log_expires == -1
    assert hash_ == [["window", "L.0", "used", "1", "DEMO:DM-4001", "c"], -1, []]


async def test_unlimited_is_an_empty_limit(meter: LedgerMeter, client: Redis) -> None:
    await meter.view([view_of(member("subscriber"), 1)])

    [(stream_id, fields)] = await client.xrange(KEYS.log)

    assert (fields["limit"], fields["outcome"], fields["network"]) == ("", "M", "")
    assert read_event(7, stream_id, fields).limit is None


def test_every_letter_and_field_is_documented() -> None:
    assert documented("Outcomes") == list(OUTCOME_LETTERS.values())
    assert documented("Kinds of viewer") == list(KIND_LETTERS.values())
    assert documented("Kinds of client") == list(CLIENT_LETTERS.values())
    assert documented("Kinds of referrer") == list(REFERRER_LETTERS.values())
    assert documented("Sections") == list(SECTION_DIGITS.values())
    assert documented("The viewer hash")[:-1] == list(STATE_FIELDS)
    assert set(OUTCOME_LETTERS) == set(Outcome)
    assert set(KIND_LETTERS) == set(ViewerKind)
    assert set(CLIENT_LETTERS) == set(ClientClass)
    assert set(REFERRER_LETTERS) == set(ReferrerClass)
    assert list(SECTION_DIGITS) == list(SectionKind)


HASH_FIELDS = {*STATE_FIELDS, "<system>:<value>"}
EFFECTS = {
    "UnlockVoided": {"used", "<system>:<value>"},
    "AllowanceGranted": {"grants"},
    "GrantVoided": {"grants"},
    "PlanSet": {"assignment"},
    "GuestSealed": {"moved"},
    "GuestAdopted": {"adopted", "window", "anchor", "<system>:<value>"},
    "ViewerBlocked": {"blocked"},
    "ViewerUnblocked": {"blocked"},
    "WindowReset": {"window", "anchor", "used", "<system>:<value>"},
    "ViewerErased": HASH_FIELDS,
    "UnlockImported": {
        *("assignment", "window", "anchor", "used", "admitted", "<system>:<value>"),
    },
    "EpochOpened": set(),
}
"""The fields of the viewer hash that each event changes."""


def test_every_other_event_has_its_fields_and_its_effect() -> None:
    rows = [
        [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:-1]]
        for line in section_of("The other events").split("\n| field |")[0].splitlines()
        if line.startswith("| `")
    ]
    known = {*documented("The entry of a page view")[2:], *documented("The other events")}
    known |= {"from"}  # stands beside `to`
    effects = {event[0]: set(effect) & HASH_FIELDS for _, event, _, effect in rows}

    assert effects == EFFECTS
    assert set().union(*effects.values()) == HASH_FIELDS
    assert {field for _, _, fields, _ in rows for field in fields} <= known
    assert len({kind[0] for kind, _, _, _ in rows}) == len(rows)


def test_every_other_event_is_read_with_the_documented_fields() -> None:
    rows = [
        [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:4]]
        for line in section_of("The other events").split("\n| field |")[0].splitlines()
        if line.startswith("| `")
    ]

    documented_types = {
        kind[0]: (event[0], tuple(fields)) for kind, event, fields in rows if kind[0] != "reset"
    }
    read = {
        kind: (event.__name__, fields)
        for kind, (event, fields) in TYPES.items()
        if kind not in ("view", "reset")
    }
    assert documented_types == read


def test_the_script_reads_every_field_that_decides() -> None:
    read = re.search(r"'HMGET', viewer,\n\s+(.*?)\)", script("record_view").text, re.DOTALL)

    assert read is not None
    assert re.findall(r"'(\w+)'", read[1]) == [f for f in STATE_FIELDS if f != "adopted"]
    assert read[1].endswith("code")


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("o", ViewContext()),
        ("be", BROWSER),
        ("b8", ViewContext(client=ClientClass.BROWSER, section=SectionKind.HISTORY)),
        ("p/K-3_y", ViewContext(client=ClientClass.PARTNER, key_id="K-3_y")),
        (
            "at5/" + "k" * 16,
            ViewContext(
                client=ClientClass.APP,
                referrer=ReferrerClass.TOOL,
                section=SectionKind.CROSSWALKS,
                key_id="k" * 16,
            ),
        ),
    ],
)
async def test_a_context_is_written_compactly_and_read_back(
    meter: LedgerMeter, text: str, context: ViewContext, client: Redis
) -> None:
    request = view_of(guest(), 1).model_copy(update={"context": context})
    await meter.view([request])

    [(stream_id, fields)] = await client.xrange(KEYS.log)

    assert fields["context"] == text == context_text(context)
    assert read_event(7, stream_id, fields).context == context


def test_an_event_of_a_later_version_is_told_from_one_that_is_broken() -> None:
    with pytest.raises(LaterEvent, match=r"shard 7: 5-6 is of type 'merge', written by a later"):
        read_event(7, "5-6", {"type": "merge"})
    with pytest.raises(UnreadableEvent, match="shard 7: 5-6 has no type") as broken:
        read_event(7, "5-6", {})

    assert not isinstance(broken.value, LaterEvent)


def test_views_counted_together_are_read_as_their_number() -> None:
    fields = dict.fromkeys(documented("The entry of a page view"), "")
    fields |= {
        "type": "view", "epoch": "1", "viewer": "g" + "x" * 22, "kind": "G", "plan": "guest.1",
        "assignment": "0", "window": "L.0", "code": "DEMO:DM-4001", "outcome": "L", "used": "1",
        "limit": "1", "request": "r" * 12, "context": "b", "count": "37@4",
    }  # fmt: skip

    event = read_event(7, "5-6", fields)

    assert isinstance(event, PageViewed)
    assert (event.count, event.first_at, event.decided_at) == (37, instant(4), instant(4))


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
        "adopted": "g" + "x" * 22 + " g" + "y" * 22,
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
        {"context": "bb"},
        {"context": "b/"},
        {"kind": "R"},
        {"viewer": "u" + "x" * 22},
        {"count": "2@5"},
        {"count": "0@5"},
        {"count": "2"},
        {"extra": "1"},
    ],
)
async def test_an_entry_of_another_form_is_never_taken_for_an_event(
    meter: LedgerMeter, changed: dict[str, str], client: Redis
) -> None:
    await meter.view([view_of(guest(), 1)])
    [(stream_id, fields)] = await client.xrange(KEYS.log)

    with pytest.raises(UnreadableEvent, match=f"shard 7: {stream_id}"):
        read_event(7, stream_id, fields | changed)


def views_of_the_mix(chance: random.Random) -> list[ViewRequest]:
    """As a site has them: 3 in 10 admit a guest, the rest repeat or are refused."""
    guests = [guest(token()) for _ in range(3000)]
    views = [view_of(viewer, 1) for viewer in guests]
    return views + [view_of(chance.choice(guests), chance.randint(1, 2)) for _ in range(7000)]


def views_of_members(chance: random.Random) -> list[ViewRequest]:
    members = [member() for _ in range(2000)]
    return [view_of(chance.choice(members), chance.randint(1, 8)) for _ in range(10_000)]


def first_views_of_guests(_: random.Random) -> list[ViewRequest]:
    return [view_of(guest(token()), 1) for _ in range(10_000)]


WITH_SECTION = BROWSER.model_copy(update={"section": SectionKind.CODE_EDITS})
OF_PARTNER = ViewContext(client=ClientClass.PARTNER, key_id="k3y1d_8c")
SIZES: dict[str, tuple[Callable[[random.Random], list[ViewRequest]], ViewContext]] = {
    "the mix: 3 in 10 admit a guest, the rest repeat or are refused; referrer known": (
        *(views_of_the_mix, BROWSER),
    ),
    "the mix, referrer unknown": (views_of_the_mix, ViewContext(client=ClientClass.BROWSER)),
    "the mix, referrer and section known": (views_of_the_mix, WITH_SECTION),
    "views of members, referrer known": (views_of_members, BROWSER),
    "views of a partner's application, a key of 8 characters": (views_of_members, OF_PARTNER),
    "nothing but first views of guests, each with its network, referrer known": (
        *(first_views_of_guests, BROWSER),
    ),
}


@pytest.mark.parametrize("events", SIZES)
async def test_the_stream_takes_the_documented_bytes_an_event(
    meter: LedgerMeter, events: str, client: Redis
) -> None:
    """The stream alone: what its 10,000 entries and their index take, divided by 10,000."""
    views, context = SIZES[events]
    asked = [
        view.model_copy(update={"context": context, "code": icd10cm(view.code)})
        for view in views(random.Random(2))
    ]
    for start in range(0, 10_000, 500):
        await meter.view(asked[start : start + 500])

    size_bytes = await client.memory_usage(KEYS.log, samples=0)

    assert await client.xlen(KEYS.log) == 10_000
    # How far apart the entries are in time makes some tenths of a byte.
    assert size_bytes / 10_000 == pytest.approx(documented_bytes(events), abs=1)
    if events.startswith("the mix"):
        assert size_bytes / 10_000 <= 120


def icd10cm(code: CodeKey) -> CodeKey:
    """A code of that system's usual length, 6 characters."""
    return CodeKey(CodeSystemKey.ICD10CM, f"E{code.value[-4:]}0")


def documented_bytes(events: str) -> float:
    [row] = [line for line in section_of("Size").splitlines() if line.startswith(f"| {events} |")]
    return float(row.split("|")[2])
