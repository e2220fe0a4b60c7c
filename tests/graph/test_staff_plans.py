"""Staff writes plans and moves accounts between them."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.accounts import account_by_id
from db.assignments import all_untold
from db.plans import PlanBook
from db.pool import Database
from graph import ids
from graph.context import Services
from graph.people.plans import PlanChanges
from metering.shards import TAGS, keys_of, shard_of
from schema.accounts import Account
from schema.acts import ActResult, AnyAct
from schema.errors import StoreUnavailable
from schema.usage import Decision
from tests.graph.accounts import account_on, ask
from tests.graph.conftest import services_on
from tests.metering.ledgers import view_of

CREATE = """
mutation Create($input: CreatePlanVersionInput!) {
  createPlanVersion(input: $input) {
    __typename
    ... on CreatePlanVersionSuccess {
      wasReplayed
      plan {
        key version viewerKind pageViewLimit window timeZone rollingDays openSections
        canListCrosswalks pointsCapacity pointsPerSecond
      }
    }
    ... on InvalidInput { fields { path rule } }
    ... on Problem { problemCode message }
  }
}
"""
ASSIGN = """
mutation Assign($input: AssignPlanInput!) {
  assignPlan(input: $input) {
    __typename
    ... on AssignPlanSuccess {
      wasReplayed number user { planKey planEndsAt } plan { key version }
    }
    ... on InvalidInput { fields { path rule } }
    ... on Problem { problemCode message }
  }
}
"""
TERMS = {
    "key": "clinic",
    "viewerKind": "PARTNER",
    "pageViewLimit": 250,
    "window": "ROLLING",
    "rollingDays": 30,
    "timeZone": "Europe/Berlin",
    "openSections": ["HISTORY", "GUIDELINES"],
    "canListCrosswalks": True,
    "pointsCapacity": 4000,
    "pointsPerSecond": 80,
    "reason": "The clinic signed a contract.",
}


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
    return await account_on(database, "registered", "Reader+news@Codes.example")


async def plan_rows(database: Database) -> int:
    return len(await database.fetch("SELECT 1 FROM plan"))


async def assignments(database: Database, account: Account) -> list[tuple[Any, ...]]:
    rows = await database.fetch(
        "SELECT number, plan_key, actor, reason FROM assignment WHERE account_id = $1 "
        "ORDER BY number",
        account.id,
    )
    return [tuple(row) for row in rows]


async def events(parts: Services) -> list[dict[str, str]]:
    """The fields of every event of the ledger."""
    store = parts.office.store
    return [
        fields
        for shard in range(len(TAGS))
        for _, fields in await (await store.of(shard)).xrange(keys_of(shard).log)
    ]


async def create(
    parts: Services, who: Account | None, request: str | None = None, **terms: Any
) -> Any:
    answer = await ask(parts, who, CREATE, {"input": {**TERMS, **terms}}, request)
    return answer["createPlanVersion"]


async def move(
    parts: Services,
    who: Account | None,
    to: str,
    account: str,
    request: str | None = None,
    **more: Any,
) -> Any:
    given = {"account": account, "planKey": to, "reason": "They subscribed.", **more}
    return (await ask(parts, who, ASSIGN, {"input": given}, request))["assignPlan"]


async def test_a_new_plan_has_the_terms_that_staff_gave(
    parts: Services, staff: Account, database: Database
) -> None:
    answer = await create(parts, staff)

    assert answer == {
        "__typename": "CreatePlanVersionSuccess",
        "wasReplayed": False,
        "plan": {
            **{name: TERMS[name] for name in TERMS if name not in ("reason", "openSections")},
            "version": 1,
            "openSections": ["GUIDELINES", "HISTORY"],
        },
    }
    assert parts.plans.newest["clinic"].version == 1
    [row] = await database.fetch("SELECT actor, reason FROM plan WHERE key = 'clinic'")
    assert tuple(row) == (staff.id, "The clinic signed a contract.")


async def test_other_terms_are_another_version_and_the_first_one_stays(
    parts: Services, staff: Account, database: Database
) -> None:
    await create(parts, staff)

    answer = await create(parts, staff, pageViewLimit=None)

    assert (answer["plan"]["version"], answer["plan"]["pageViewLimit"]) == (2, None)
    rows = await database.fetch(
        "SELECT version, page_view_limit FROM plan WHERE key = 'clinic' ORDER BY version"
    )
    assert [tuple(row) for row in rows] == [(1, 250), (2, None)]


async def test_two_at_once_write_consecutive_versions(
    parts: Services, staff: Account, database: Database, redis_url: str
) -> None:
    async with services_on(database, redis_url) as others:
        answers = await asyncio.gather(
            *(create((parts, others)[n % 2], staff, pageViewLimit=n) for n in range(12))
        )

    assert sorted(answer["plan"]["version"] for answer in answers) == list(range(1, 13))


async def test_the_same_request_writes_one_version_and_another_under_its_key_none(
    parts: Services, staff: Account, database: Database
) -> None:
    first = await create(parts, staff, "a-key-of-mine")

    again = await create(parts, staff, "a-key-of-mine")
    other = await create(parts, staff, "a-key-of-mine", pageViewLimit=7)

    assert again == {**first, "wasReplayed": True}
    assert (other["__typename"], other["problemCode"]) == ("Conflict", "IDEMPOTENCY_MISMATCH")
    assert await plan_rows(database) == 7


@pytest.mark.parametrize(
    ("terms", "faults"),
    [
        ({"key": "Clinic"}, [("key", "PLAN_KEY")]),
        ({"key": "clinic\n"}, [("key", "PLAN_KEY")]),
        ({"timeZone": "Europe/Nowhere"}, [("timeZone", "TIME_ZONE")]),
        ({"timeZone": "../../etc/passwd"}, [("timeZone", "TIME_ZONE")]),
        ({"rollingDays": None}, [("rollingDays", "REQUIRED")]),
        ({"rollingDays": 0}, [("rollingDays", "RANGE")]),
        ({"window": "MONTH"}, [("rollingDays", "NOT_ROLLING")]),
        ({"pageViewLimit": -1}, [("pageViewLimit", "RANGE")]),
        ({"viewerKind": "STAFF"}, [("viewerKind", "STAFF_PLAN")]),
        ({"viewerKind": "GUEST"}, [("viewerKind", "GUEST_PLAN")]),
        ({"key": "guest"}, [("viewerKind", "PLAN_KIND")]),
        ({"key": "staff"}, [("viewerKind", "PLAN_KIND")]),
        (
            {"key": "guest", "viewerKind": "GUEST", "pageViewLimit": None},
            [("pageViewLimit", "GUEST_LIMIT")],
        ),
        ({"pointsCapacity": 0}, [("pointsCapacity", "RANGE")]),
        ({"reason": " "}, [("reason", "REASON")]),
        ({"reason": "a\nb"}, [("reason", "REASON")]),
        ({"key": "", "pointsPerSecond": 0}, [("key", "PLAN_KEY"), ("pointsPerSecond", "RANGE")]),
    ],
)
async def test_senseless_terms_are_refused_field_by_field(
    parts: Services,
    staff: Account,
    database: Database,
    terms: dict[str, Any],
    faults: list[tuple[str, str]],
) -> None:
    answer = await create(parts, staff, **terms)

    assert answer["__typename"] == "InvalidInput"
    told = [(tuple(fault["path"]), fault["rule"]) for fault in answer["fields"]]
    assert told == [(("input", name), rule) for name, rule in faults]
    assert await plan_rows(database) == 6


async def test_an_unsaid_limit_is_not_taken_for_none(
    parts: Services, staff: Account, database: Database
) -> None:
    given = {name: value for name, value in TERMS.items() if name != "pageViewLimit"}

    answer = (await ask(parts, staff, CREATE, {"input": given}))["createPlanVersion"]

    assert answer["fields"] == [{"path": ["input", "pageViewLimit"], "rule": "REQUIRED"}]
    assert await plan_rows(database) == 6


@pytest.mark.parametrize("kind", [None, "registered", "subscriber", "partner"])
async def test_plans_are_for_staff(
    parts: Services, reader: Account, database: Database, kind: str | None
) -> None:
    who = await account_on(database, kind) if kind else None
    refusal = "Forbidden" if kind else "Unauthenticated"

    created = await create(parts, who)
    moved = await move(parts, who, "subscriber", reader.email)
    told = (await ask(parts, who, "{ plans { __typename } }"))["plans"]

    assert [a["__typename"] for a in (created, moved, told)] == [refusal] * 3
    assert await plan_rows(database) == 6
    assert len(await assignments(database, reader)) == 1
    assert await events(parts) == []


async def test_staff_is_told_the_newest_version_of_every_plan(
    parts: Services, staff: Account, database: Database, redis_url: str
) -> None:
    async with services_on(database, redis_url) as others:
        await create(others, staff, key="guest", viewerKind="GUEST", pageViewLimit=2)

    query = "{ plans { ... on Plans { items { key version pageViewLimit } } } }"
    answer = (await ask(parts, staff, query))["plans"]

    assert [(i["key"], i["version"], i["pageViewLimit"]) for i in answer["items"]] == [
        ("guest", 2, 2),
        ("partner", 1, 10_000),
        ("registered", 1, 5),
        ("returned", 1, 0),
        ("staff", 1, None),
        ("subscriber", 1, None),
    ]


async def test_another_process_meets_a_version_it_has_not_read(
    parts: Services, staff: Account, reader: Account, database: Database
) -> None:
    elsewhere = PlanBook(database)
    await elsewhere.read()
    await create(parts, staff)
    await move(parts, staff, "clinic", reader.email)

    moved = await account_by_id(database, reader.id)

    assert moved is not None
    assert (await elsewhere.plan_of(moved.assignment)).page_view_limit == 250


async def test_an_account_is_moved_at_once_and_the_ledger_is_told(
    parts: Services, staff: Account, reader: Account, database: Database
) -> None:
    answer = await move(parts, staff, "subscriber", "reader@codes.example")

    assert answer == {
        "__typename": "AssignPlanSuccess",
        "wasReplayed": False,
        "number": 1,
        "user": {"planKey": "subscriber", "planEndsAt": None},
        "plan": {"key": "subscriber", "version": 1},
    }
    assert (await assignments(database, reader))[1] == (
        *(1, "subscriber", staff.id, "They subscribed."),
    )
    [event] = await events(parts)
    told = ("type", "viewer", "kind", "plan", "assignment", "actor", "reason")
    assert [event[name] for name in told] == [
        *("plan", reader.id, "S", "subscriber.1", "1", staff.id, "They subscribed.")
    ]
    assert await all_untold(database, datetime.now(UTC) + timedelta(days=1), 10) == []


async def test_the_same_request_moves_once_and_another_under_its_key_not_at_all(
    parts: Services, staff: Account, reader: Account, database: Database
) -> None:
    user = str(ids.encode("user", reader.id))
    first = await move(parts, staff, "subscriber", user, "a-key-of-mine")

    again = await move(parts, staff, "subscriber", user, "a-key-of-mine")
    other = await move(parts, staff, "partner", user, "a-key-of-mine")

    assert again == {**first, "wasReplayed": True}
    assert (other["__typename"], other["problemCode"]) == ("Conflict", "IDEMPOTENCY_MISMATCH")
    assert len(await assignments(database, reader)) == 2
    assert len(await events(parts)) == 1


@pytest.mark.parametrize(
    ("given", "path", "rule"),
    [
        ({"planKey": "nothing"}, "planKey", "NO_SUCH_PLAN"),
        ({"planKey": "guest"}, "planKey", "PLAN_KIND"),
        ({"planKey": "staff"}, "planKey", "PLAN_KIND"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "endsAt", "IN_THE_PAST"),
        ({"endsAt": "9999-12-31T23:59:59-14:00"}, "endsAt", "TOO_LATE"),
        ({"endsAt": "2020-01-01T00:00:00"}, "endsAt", "IN_THE_PAST"),
        ({"reason": "x" * 201}, "reason", "REASON"),
    ],
)
async def test_a_senseless_move_is_refused(
    parts: Services,
    staff: Account,
    reader: Account,
    database: Database,
    given: dict[str, str],
    path: str,
    rule: str,
) -> None:
    answer = await move(parts, staff, "subscriber", reader.email, **given)

    assert answer["fields"] == [{"path": ["input", path], "rule": rule}]
    assert len(await assignments(database, reader)) == 1
    assert await events(parts) == []


@pytest.mark.parametrize("named", ["nobody@codes.example", "u" + "a" * 22, "", "x\0@codes.example"])
async def test_an_unknown_account_is_not_found(parts: Services, staff: Account, named: str) -> None:
    answer = await move(parts, staff, "subscriber", named)

    assert answer["__typename"] == "NotFound"
    assert await events(parts) == []


async def test_staff_is_not_moved_by_staff(
    parts: Services, staff: Account, database: Database
) -> None:
    answer = await move(parts, staff, "registered", staff.email)

    assert answer["__typename"] == "Conflict"
    assert len(await assignments(database, staff)) == 1


async def test_a_downgrade_keeps_what_was_charged_and_nothing_else(
    parts: Services, staff: Account, reader: Account
) -> None:
    async def opened(*codes: int) -> list[tuple[str, bool]]:
        account = await account_by_id(parts.database, reader.id)
        assert account is not None
        viewer = account.viewer(shard_of(account.id))
        decided = await parts.meter.view([view_of(viewer, code) for code in codes])
        return [(d.outcome, d.is_charged) for d in decided if isinstance(d, Decision)]

    before = await opened(1, 2)
    await move(parts, staff, "subscriber", reader.email)
    subscribed = await opened(1, 3, 4)
    await move(parts, staff, "registered", reader.email)
    after = await opened(1, 2, 3, 4, 5, 6)

    assert before == [("UNLOCKED", True)] * 2
    assert subscribed == [("UNMETERED", False)] * 3
    assert after == [
        *[("REPEATED", False)] * 2,
        *[("UNLOCKED", True)] * 3,
        ("LIMIT_REACHED", False),
    ]


class Away:
    """A ledger that does not answer."""

    async def perform(self, _: AnyAct) -> ActResult:
        raise StoreUnavailable("valkey", "the test took it away")


async def test_what_the_ledger_missed_is_told_later_once(
    parts: Services, reader: Account, database: Database
) -> None:
    lost = PlanChanges(database, Away(), parts.plans, parts.now)  # type: ignore[arg-type]
    moved = await lost.assign(
        reader.id,
        "subscriber",
        ends_at=None,
        actor="system",
        reason="A subscription.",
        request="r" * 22,
    )
    before = await events(parts)

    await asyncio.gather(*(parts.office.changes.tell_all() for _ in range(4)))
    await parts.office.changes.tell_all()

    assert moved is not None
    assert before == []
    assert [event["type"] for event in await events(parts)] == ["plan"]
    assert await all_untold(database, datetime.now(UTC) + timedelta(days=1), 10) == []


async def test_the_documented_plan_can_be_written(parts: Services, staff: Account) -> None:
    document = Path(__file__).resolve().parents[2] / "docs/plans.md"
    example, *_ = re.findall(r"```graphql\n(.*?)```", document.read_text(), re.DOTALL)

    answer = await ask(parts, staff, example)

    assert answer["createPlanVersion"] == {"plan": {"key": "clinic", "version": 1}}
