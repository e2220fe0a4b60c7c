"""Staff corrects the ledger of a viewer, and reads what is known of an account."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from db.pool import Database
from graph import ids
from graph.context import Services
from metering.shards import TAGS, keys_of, shard_of
from schema.accounts import Account
from schema.acts import ActResult, AnyAct
from schema.errors import StoreUnavailable
from schema.people import Viewer
from schema.usage import Decision
from tests.graph.accounts import account_on, ask
from tests.graph.conftest import services_on
from tests.metering.ledgers import guest, view_of

INPUTS = {
    "giveViewBack": "GiveViewBackInput",
    "grantViews": "GrantViewsInput",
    "voidGrant": "VoidGrantInput",
    "blockViewer": "ViewerActInput",
    "unblockViewer": "ViewerActInput",
    "resetViewer": "ViewerActInput",
}
MORE: dict[str, dict[str, Any]] = {
    "giveViewBack": {"code": {"system": "DEMO", "value": "DM-4001"}, "cause": "mistake"},
    "grantViews": {"views": 2},
    "voidGrant": {"grantNumber": 1},
}
WHY = "They asked for it."


@pytest.fixture
async def parts(database: Database, redis_url: str) -> AsyncIterator[Services]:
    """The real parts on stores of the test's own."""
    async with services_on(database, redis_url, lambda: datetime.now(UTC)) as opened:
        yield opened


@pytest.fixture
async def staff(database: Database) -> Account:
    return await account_on(database, "staff")


@pytest.fixture
async def reader(database: Database) -> Account:
    return await account_on(database, "registered", "Reader@codes.example")


async def act(
    parts: Services,
    who: Account | None,
    operation: str,
    viewer: str,
    request: str | None = None,
    **more: Any,
) -> Any:
    number = "grantNumber" if operation == "grantViews" else ""
    query = f"""
    mutation Act($input: {INPUTS[operation]}!) {{
      {operation}(input: $input) {{
        __typename
        ... on StaffActSuccess {{ eventId recordedAt wasReplayed }}
        ... on GrantViewsSuccess {{ eventId recordedAt wasReplayed grantNumber }}
        ... on InvalidInput {{ fields {{ path rule }} }}
        ... on Problem {{ problemCode message }}
      }}
    }}
    """
    other = "StaffActSuccess" if number else "GrantViewsSuccess"
    query = "\n".join(line for line in query.splitlines() if other not in line)
    given = {"viewer": viewer, "reason": WHY, **MORE.get(operation, {}), **more}
    return (await ask(parts, who, query, {"input": given}, request))[operation]


async def events(parts: Services, *, of_acts: bool = True) -> list[dict[str, str]]:
    """The fields of the events of the ledger, page views left out."""
    store = parts.office.store
    found = [
        fields
        for shard in range(len(TAGS))
        for _, fields in await (await store.of(shard)).xrange(keys_of(shard).log)
    ]
    return [fields for fields in found if fields["type"] != "view"] if of_acts else found


async def opened(parts: Services, viewer: Viewer, *codes: int) -> list[str]:
    """The outcomes of opening those pages."""
    answers = await parts.meter.view([view_of(viewer, code) for code in codes])
    return [answer.outcome for answer in answers if isinstance(answer, Decision)]


def viewer_of(account: Account) -> Viewer:
    return account.viewer(shard_of(account.id))


async def test_a_view_that_is_given_back_can_be_spent_anew(
    parts: Services, staff: Account, reader: Account
) -> None:
    viewer = viewer_of(reader)
    await opened(parts, viewer, 1, 2, 3, 4, 5)

    answer = await act(parts, staff, "giveViewBack", "reader@codes.example")

    assert (answer["__typename"], answer["wasReplayed"]) == ("StaffActSuccess", False)
    assert len(answer["eventId"]) == 22
    [event] = await events(parts)
    told = ("type", "viewer", "code", "cause", "actor", "reason")
    assert [event[name] for name in told] == [
        *("void", reader.id, "DEMO:DM-4001", "mistake", staff.id, WHY)
    ]
    assert await opened(parts, viewer, 6, 7) == ["UNLOCKED", "LIMIT_REACHED"]


async def test_granted_views_count_until_they_are_taken_back(
    parts: Services, staff: Account, reader: Account
) -> None:
    viewer = viewer_of(reader)
    await opened(parts, viewer, 1, 2, 3, 4, 5)
    user = str(ids.encode("user", reader.id))

    granted = await act(parts, staff, "grantViews", user, until="2100-01-01T00:00:00")
    between = await opened(parts, viewer, 6)
    taken = await act(parts, staff, "voidGrant", user, grantNumber=granted["grantNumber"])
    again = await act(parts, staff, "voidGrant", user, grantNumber=granted["grantNumber"])

    assert granted["__typename"] == "GrantViewsSuccess"
    assert taken["__typename"] == "StaffActSuccess"
    assert (again["__typename"], again["problemCode"]) == ("Conflict", "CONFLICT")
    assert again["message"] == "Nothing was done: the viewer has no grant of that number."
    assert (between, await opened(parts, viewer, 7)) == (["UNLOCKED"], ["LIMIT_REACHED"])
    grant, ungrant = await events(parts)
    assert (grant["units"], grant["expires"], grant["actor"]) == ("2", "4102444800000", staff.id)
    assert (ungrant["type"], ungrant["reason"]) == ("ungrant", WHY)


async def test_a_blocked_viewer_opens_nothing_until_unblocked(
    parts: Services, staff: Account, reader: Account
) -> None:
    viewer = viewer_of(reader)

    await act(parts, staff, "blockViewer", reader.id)
    blocked = await opened(parts, viewer, 1)
    twice = await act(parts, staff, "blockViewer", reader.id)
    await act(parts, staff, "unblockViewer", reader.id)

    assert (blocked, await opened(parts, viewer, 1)) == (["BLOCKED"], ["UNLOCKED"])
    assert twice["message"] == "Nothing was done: it is so already."
    assert [event["type"] for event in await events(parts)] == ["block", "unblock"]


async def test_a_window_that_is_reset_begins_anew(
    parts: Services, staff: Account, reader: Account
) -> None:
    viewer = viewer_of(reader)
    await opened(parts, viewer, 1, 2, 3, 4, 5)

    await act(parts, staff, "resetViewer", reader.id)

    assert await opened(parts, viewer, 1, 2, 3, 4, 5, 6) == ["UNLOCKED"] * 5 + ["LIMIT_REACHED"]


async def test_a_guest_is_found_where_its_network_put_it(parts: Services, staff: Account) -> None:
    someone = guest(shard=41)
    await opened(parts, someone, 1)

    answer = await act(parts, staff, "giveViewBack", someone.id)

    assert answer["__typename"] == "StaffActSuccess"
    assert await opened(parts, someone, 2) == ["UNLOCKED"]


@pytest.mark.parametrize("viewer", ["g" + "a" * 22, "u" + "a" * 22, "x@codes.example", "", "g\0"])
async def test_an_unknown_viewer_is_not_found(parts: Services, staff: Account, viewer: str) -> None:
    answer = await act(parts, staff, "blockViewer", viewer)

    assert answer["__typename"] == "NotFound"
    assert await events(parts) == []


async def test_the_same_request_is_done_once_and_another_under_its_key_not_at_all(
    parts: Services, staff: Account, reader: Account
) -> None:
    answers = await asyncio.gather(
        *(act(parts, staff, "grantViews", reader.id, "a-key-of-mine") for _ in range(20))
    )
    other = await act(parts, staff, "grantViews", reader.id, "a-key-of-mine", views=3)

    assert {answer["eventId"] for answer in answers} == {answers[0]["eventId"]}
    assert sorted(answer["wasReplayed"] for answer in answers) == [False] + [True] * 19
    assert (other["__typename"], other["problemCode"]) == ("Conflict", "IDEMPOTENCY_MISMATCH")
    assert [event["units"] for event in await events(parts)] == ["2"]


async def test_two_members_of_the_staff_may_use_the_same_key(
    parts: Services, staff: Account, reader: Account, database: Database
) -> None:
    colleague = await account_on(database, "staff")

    for who in (staff, colleague):
        await act(parts, who, "grantViews", reader.id, "a-key-of-mine")

    assert [event["actor"] for event in await events(parts)] == [staff.id, colleague.id]


@pytest.mark.parametrize("operation", INPUTS)
@pytest.mark.parametrize("kind", [None, "registered", "subscriber", "partner"])
async def test_only_staff_touches_a_ledger(
    parts: Services, reader: Account, database: Database, operation: str, kind: str | None
) -> None:
    who = await account_on(database, kind) if kind else None

    answer = await act(parts, who, operation, reader.id)

    assert answer["__typename"] == ("Forbidden" if kind else "Unauthenticated")
    assert await events(parts) == []


@pytest.mark.parametrize(
    ("operation", "given", "path", "rule"),
    [
        ("blockViewer", {"reason": ""}, ["reason"], "REASON"),
        ("blockViewer", {"reason": "\u200b\0"}, ["reason"], "REASON"),
        ("grantViews", {"views": 0}, ["views"], "RANGE"),
        ("grantViews", {"views": 1_000_001}, ["views"], "RANGE"),
        ("grantViews", {"until": "2020-01-01T00:00:00Z"}, ["until"], "IN_THE_PAST"),
        ("voidGrant", {"grantNumber": 0}, ["grantNumber"], "RANGE"),
        ("giveViewBack", {"cause": "Two words"}, ["cause"], "FORM"),
        (
            "giveViewBack",
            {"code": {"system": "DEMO", "value": "\u2603"}},
            ["code", "value"],
            "CODE_FORM",
        ),
    ],
)
async def test_a_senseless_act_is_refused(
    parts: Services,
    staff: Account,
    reader: Account,
    operation: str,
    given: dict[str, Any],
    path: list[str],
    rule: str,
) -> None:
    answer = await act(parts, staff, operation, reader.id, **given)

    assert answer["fields"] == [{"path": ["input", *path], "rule": rule}]
    assert await events(parts) == []


async def test_a_code_that_was_not_charged_is_not_given_back(
    parts: Services, staff: Account, reader: Account
) -> None:
    answer = await act(parts, staff, "giveViewBack", reader.id)

    assert answer["__typename"] == "Conflict"
    assert await events(parts) == []


class Away:
    """A ledger that does not answer."""

    async def perform(self, _: AnyAct) -> ActResult:
        raise StoreUnavailable("valkey", "the test took it away")


async def test_a_lost_ledger_is_told_and_how_to_ask_again(
    parts: Services, staff: Account, reader: Account
) -> None:
    lost = replace(parts, meter=Away())  # type: ignore[arg-type]

    answer = await act(lost, staff, "blockViewer", reader.id, "a-key-of-mine")
    again = await act(parts, staff, "blockViewer", reader.id, "a-key-of-mine")

    assert (answer["__typename"], answer["problemCode"]) == (
        *("ServiceUnavailable", "METER_UNAVAILABLE"),
    )
    assert "the same Idempotency-Key" in answer["message"]
    assert again["__typename"] == "StaffActSuccess"


ACCOUNT = """
query Account($ref: AccountRef!) {
  account(ref: $ref) {
    __typename
    ... on AccountRecord {
      user { email planKey } viewerId viewerKind isBlocked
      allowance { limit used remaining }
      grants { number views expiresAt }
      planHistory { number planKey planVersion endsAt actor reason }
    }
    ... on Problem { problemCode message }
  }
}
"""


async def test_staff_reads_an_account(parts: Services, staff: Account, reader: Account) -> None:
    await opened(parts, viewer_of(reader), 1, 2)
    granted = await act(parts, staff, "grantViews", reader.id, until="2100-01-01T00:00:00Z")
    await act(parts, staff, "blockViewer", reader.id)
    user = str(ids.encode("user", reader.id))

    by_email = await ask(parts, staff, ACCOUNT, {"ref": {"email": "reader@CODES.example"}})
    by_id = await ask(parts, staff, ACCOUNT, {"ref": {"id": user}})

    assert by_id == by_email
    assert by_id["account"] == {
        "__typename": "AccountRecord",
        "user": {"email": "Reader@codes.example", "planKey": "registered"},
        "viewerId": reader.id,
        "viewerKind": "REGISTERED",
        "isBlocked": True,
        "allowance": {"limit": 7, "used": 2, "remaining": 5},
        "grants": [
            {
                "number": granted["grantNumber"],
                "views": 2,
                "expiresAt": "2100-01-01T00:00:00+00:00",
            }
        ],
        "planHistory": [
            {
                "number": 0,
                "planKey": "registered",
                "planVersion": 1,
                "endsAt": None,
                "actor": "system",
                "reason": "Registered.",
            }
        ],
    }


@pytest.mark.parametrize(
    "ref", [{"email": "nobody@codes.example"}, {"email": "x"}, {"id": "nothing"}, {"id": ""}]
)
async def test_an_account_that_is_not_there_is_not_found(
    parts: Services, staff: Account, ref: dict[str, str]
) -> None:
    answer = await ask(parts, staff, ACCOUNT, {"ref": ref})

    assert answer["account"]["__typename"] == "NotFound"


@pytest.mark.parametrize("kind", [None, "registered", "partner"])
async def test_nobody_else_learns_whether_an_account_exists(
    parts: Services, reader: Account, database: Database, kind: str | None
) -> None:
    who = await account_on(database, kind) if kind else None

    there = await ask(parts, who, ACCOUNT, {"ref": {"email": reader.email}})
    not_there = await ask(parts, who, ACCOUNT, {"ref": {"email": "nobody@codes.example"}})

    assert there == not_there
    assert there["account"]["__typename"] == ("Forbidden" if kind else "Unauthenticated")
