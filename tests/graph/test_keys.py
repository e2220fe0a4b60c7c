"""Partners' keys: made once, shown once, replaced, taken back, refused when they are no good."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from db.pool import Database
from db.queries import statements
from schema.errors import StoreUnavailable
from tests.graph.partners import (
    CREATE,
    LIST,
    REVOKE,
    ROTATE,
    Clock,
    Person,
    Site,
    add_account,
    put_on,
    site_on,
)

WHO = "{ viewer { kind user { planKey } } }"
NEVER_MADE = "csk_live_" + "A" * 12 + "_" + "B" * 43


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def site(database: Database, redis_url: str, clock: Clock) -> AsyncIterator[Site]:
    async with site_on(database, redis_url, clock) as opened:
        yield opened


@pytest.fixture
async def partner(database: Database) -> Person:
    return await add_account(database)


async def stored(database: Database) -> list[dict[str, Any]]:
    return [dict(row) for row in await database.fetch("SELECT * FROM api_key ORDER BY id")]


async def status(site: Site, key: str) -> int:
    """Of a question asked with a key."""
    return (await site.post(WHO, bearer=key)).status_code


async def test_new_key_is_answered_whole_and_kept_without_its_secret(
    site: Site, partner: Person, database: Database
) -> None:
    made = await site.change(
        CREATE, partner, name=" reader ", scopes=["USAGE_READ", "PAGES_READ", "USAGE_READ"]
    )

    key, secret = made["apiKey"], made["secret"]
    (row,) = await stored(database)
    assert key == {
        "id": key["id"],
        "prefix": f"csk_live_{row['id']}",
        "name": "reader",
        "scopes": ["PAGES_READ", "USAGE_READ"],
        "createdAt": "2026-11-23T12:00:00+00:00",
        "expiresAt": None,
        "lastUsedAt": None,
        "revokedAt": None,
        "replaces": None,
    }
    assert made["viewer"] == {"kind": "PARTNER"}
    assert secret.startswith(f"{key['prefix']}_")
    assert len(secret) == 65
    kept = secret.removeprefix(f"{key['prefix']}_")
    assert row["secret_digest"] == hashlib.sha256(kept.encode()).digest()
    assert kept not in repr(row)
    assert await site.keys_of(partner) == [key]


async def test_key_answers_as_its_account_and_notes_its_use_to_a_minute(
    site: Site, partner: Person, clock: Clock, database: Database
) -> None:
    _, secret = await site.new_key(partner)

    uses = []
    for seconds in (0, 59, 2, 1):
        clock.advance(seconds=seconds)
        answer = await site.ask(WHO, bearer=secret)
        # A key stands in programs of many people: the address of the account is none of its.
        assert answer == {"viewer": {"kind": "PARTNER", "user": None}}
        (row,) = await stored(database)
        uses.append(row["last_used_at"].strftime("%H:%M:%S"))

    assert uses == ["12:00:00", "12:00:00", "12:01:01", "12:01:01"]


async def test_key_that_is_not_exactly_right_is_refused_and_notes_nothing(
    site: Site, partner: Person, database: Database
) -> None:
    _, good = await site.new_key(partner)
    _, other = await site.new_key(partner)
    prefix, secret = good[:21], good[22:]

    answers = [
        await status(site, text)
        for text in (
            NEVER_MADE,
            f"{prefix}_{'A' * 43}",
            f"{prefix}_{other[22:]}",
            f"{prefix}_{secret[:-1]}",
            f"{prefix}_{secret}A",
            f"{prefix.swapcase()}_{secret}",
            f"csk_live_{'A' * 12}_{secret}",
            prefix,
        )
    ]

    assert answers == [401] * 8
    assert [row["last_used_at"] for row in await stored(database)] == [None, None]
    assert await status(site, good) == 200


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer csk_live_",
        b"Bearer csk_live_\xff\xfe",
        b"Bearer  " + NEVER_MADE.encode(),
        b"Bearer " + NEVER_MADE.encode() + b", " + NEVER_MADE.encode(),
        b"Basic " + NEVER_MADE.encode(),
        NEVER_MADE.encode(),
        b"Bearer csk_live_" + b"A" * 8_000,
        b"",
    ],
)
async def test_header_that_is_no_key_is_refused_without_a_look(
    site: Site, monkeypatch: pytest.MonkeyPatch, value: bytes
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("nothing to look up")

    monkeypatch.setattr("graph.people.keys.key_by_id", never)

    response = await site.client.post(
        "/graphql", json={"query": WHO}, headers={b"authorization": value}
    )

    assert response.status_code == 401


@pytest.mark.parametrize(
    ("query", "act", "given"),
    [
        (CREATE, "create_key", {}),
        (ROTATE, "rotate_key", {"id": "MWFwaWtleTpBQUFBQUFBQUFBQUE"}),
        (REVOKE, "revoke_key", {"id": "MWFwaWtleTpBQUFBQUFBQUFBQUE"}),
    ],
)
async def test_change_while_the_accounts_are_away_is_told_to_come_again(
    site: Site,
    partner: Person,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    act: str,
    given: dict[str, Any],
) -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("postgres", "it is away")

    monkeypatch.setattr(f"graph.people.keys.{act}", away)

    answer = await site.change(query, partner, **given)

    assert answer["__typename"] == "ServiceUnavailable"
    assert answer["problemCode"] == "STORE_UNAVAILABLE"
    assert await stored(database) == []


async def test_unknown_id_and_wrong_secret_take_the_same_steps(
    site: Site, partner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graph.people import keys

    _, good = await site.new_key(partner)
    steps: list[str] = []
    fetch, compare = Database.fetch, keys.hmac.compare_digest

    async def counted(self: Database, statement: str, *arguments: Any) -> Any:
        steps.append(statement.splitlines()[0])
        return await fetch(self, statement, *arguments)

    def compared(one: bytes, other: bytes) -> bool:
        steps.append(f"compared {len(one)} and {len(other)}")
        return compare(one, other)

    monkeypatch.setattr(Database, "fetch", counted)
    monkeypatch.setattr(keys.hmac, "compare_digest", compared)
    taken = []
    for text in (NEVER_MADE, good[:22] + "A" * 43):
        assert await site.services.keys.holder(text) is None
        taken.append(steps[:])
        steps.clear()

    assert taken[0] == taken[1]
    assert taken[0][-1] == "compared 32 and 32"
    assert len(taken[0]) == 2


async def test_key_is_good_until_it_ends_is_revoked_or_its_account_is_no_partner(
    site: Site, partner: Person, clock: Clock, database: Database
) -> None:
    _, ending = await site.new_key(partner, expiresAt="2026-11-23T13:00:00Z")
    revoked_id, revoked = await site.new_key(partner)
    _, left = await site.new_key(partner)
    assert [await status(site, key) for key in (ending, revoked, left)] == [200] * 3

    done = await site.change(REVOKE, partner, id=revoked_id)
    assert done["__typename"] == "RevokeApiKeySuccess"
    assert done["apiKey"]["revokedAt"] == "2026-11-23T12:00:00+00:00"
    assert await status(site, revoked) == 401

    clock.advance(minutes=59)
    assert await status(site, ending) == 200
    clock.advance(minutes=1)
    assert await status(site, ending) == 401

    again = await site.change(REVOKE, partner, id=revoked_id)
    assert again["apiKey"]["revokedAt"] == "2026-11-23T12:00:00+00:00"

    await put_on(database, partner, "subscriber", 1)
    assert await status(site, left) == 401


async def test_key_is_refused_when_the_plan_of_its_partner_has_ended(
    site: Site, partner: Person, clock: Clock, database: Database
) -> None:
    _, key = await site.new_key(partner)
    await database.fetch(
        "UPDATE assignment SET ends_at = $2 WHERE account_id = $1",
        *(partner.account_id, clock.at.replace(hour=13)),
    )

    before = await status(site, key)
    clock.advance(hours=1)
    after = await status(site, key)

    assert (before, after) == (200, 401)


async def test_rotated_key_hands_over_what_it_has_and_stays_good_for_the_overlap(
    site: Site, partner: Person, clock: Clock
) -> None:
    old_id, old = await site.new_key(
        partner, "PAGES_READ", "CROSSWALKS_READ", name="batch", expiresAt="2026-12-03T12:00:00Z"
    )
    clock.advance(days=2)

    turned = await site.change(ROTATE, partner, id=old_id, overlapHours=2)

    new, before = await site.keys_of(partner)
    assert turned["apiKey"] == new
    assert new | {"id": "", "prefix": ""} == {
        "id": "",
        "prefix": "",
        "name": "batch",
        "scopes": ["PAGES_READ", "CROSSWALKS_READ"],
        "createdAt": "2026-11-25T12:00:00+00:00",
        "expiresAt": "2026-12-05T12:00:00+00:00",
        "lastUsedAt": None,
        "revokedAt": None,
        "replaces": old_id,
    }
    assert before["expiresAt"] == "2026-11-25T14:00:00+00:00"
    assert [await status(site, key) for key in (old, turned["secret"])] == [200, 200]
    clock.advance(hours=2)
    assert [await status(site, key) for key in (old, turned["secret"])] == [401, 200]


async def test_rotation_never_lets_the_old_key_live_longer(
    site: Site, partner: Person, clock: Clock
) -> None:
    old_id, old = await site.new_key(partner, expiresAt="2026-11-23T13:00:00Z")

    await site.change(ROTATE, partner, id=old_id, overlapHours=720)

    ends = [key["expiresAt"] for key in await site.keys_of(partner)]
    assert ends == ["2026-11-23T13:00:00+00:00"] * 2
    clock.advance(hours=1)
    assert await status(site, old) == 401


async def test_key_is_rotated_once_and_only_while_it_is_good(
    site: Site, partner: Person, database: Database
) -> None:
    turned_id, _ = await site.new_key(partner)
    revoked_id, _ = await site.new_key(partner)
    await site.change(ROTATE, partner, id=turned_id)
    await site.change(REVOKE, partner, id=revoked_id)

    again = await site.change(ROTATE, partner, id=turned_id)
    revoked = await site.change(ROTATE, partner, id=revoked_id)
    outside = [await site.change(ROTATE, partner, id=turned_id, overlapHours=h) for h in (-1, 721)]

    assert (again["__typename"], again["problemCode"]) == ("Conflict", "CONFLICT")
    assert (revoked["__typename"], revoked["problemCode"]) == ("Conflict", "CONFLICT")
    assert [answer["fields"] for answer in outside] == [
        [{"path": ["overlapHours"], "rule": "RANGE"}]
    ] * 2
    assert len(await stored(database)) == 3


async def test_key_of_somebody_else_is_answered_as_one_that_is_not(
    site: Site, partner: Person, database: Database
) -> None:
    other = await add_account(database)
    theirs, secret = await site.new_key(other)
    unknown = "MWFwaWtleTpBQUFBQUFBQUFBQUE"

    answers = [
        await site.change(act, partner, id=key_id)
        for act in (ROTATE, REVOKE)
        for key_id in (theirs, unknown, "nonsense", "")
    ]

    assert (
        answers
        == [
            {
                "__typename": "NotFound",
                "problemCode": "NOT_FOUND",
                "message": "Your account has no such key.",
            }
        ]
        * 8
    )
    assert await status(site, secret) == 200
    assert len(await stored(database)) == 1
    assert await site.keys_of(partner) == []


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"name": ""}, [("name", "LENGTH")]),
        ({"name": " \t "}, [("name", "LENGTH")]),
        ({"name": "n" * 81}, [("name", "LENGTH")]),
        ({"name": "a\u0000b"}, [("name", "CHARACTERS")]),
        ({"name": "a\nb"}, [("name", "CHARACTERS")]),
        ({"scopes": []}, [("scopes", "EMPTY")]),
        ({"expiresAt": "2026-11-23T12:00:00Z"}, [("expiresAt", "RANGE")]),
        ({"expiresAt": "9999-12-31T23:59:59-12:00"}, [("expiresAt", "RANGE")]),
        ({"expiresAt": "2027-01-01T00:00:00"}, [("expiresAt", "TIME_ZONE")]),
        (
            {"name": "", "scopes": [], "expiresAt": "2020-01-01T00:00:00Z"},
            [("name", "LENGTH"), ("scopes", "EMPTY"), ("expiresAt", "RANGE")],
        ),
    ],
)
async def test_input_that_cannot_be_is_told_by_path_and_makes_no_key(
    site: Site, partner: Person, database: Database, given: dict[str, Any], faults: list[Any]
) -> None:
    answer = await site.change(CREATE, partner, key="one-and-the-same", **given)

    assert answer["__typename"] == "InvalidInput"
    assert [(*fault["path"], fault["rule"]) for fault in answer["fields"]] == faults
    assert await stored(database) == []
    assert await database.fetch("SELECT key FROM named_request") == []


async def test_account_has_twenty_good_keys_and_no_more(
    site: Site, partner: Person, database: Database
) -> None:
    made = [await site.new_key(partner) for _ in range(20)]

    refused = await site.change(CREATE, partner)
    overlapping = await site.change(ROTATE, partner, id=made[0][0], overlapHours=1)
    assert len(await stored(database)) == 20
    at_once = await site.change(ROTATE, partner, id=made[0][0], overlapHours=0)
    await site.change(REVOKE, partner, id=made[1][0])
    after = await site.change(CREATE, partner)

    assert refused["fields"] == [{"path": [], "rule": "TOO_MANY_KEYS"}]
    assert overlapping["fields"] == [{"path": ["overlapHours"], "rule": "TOO_MANY_KEYS"}]
    assert at_once["__typename"] == "RotateApiKeySuccess"
    assert after["__typename"] == "CreateApiKeySuccess"
    assert len(await stored(database)) == 22


async def test_thirty_at_once_make_no_more_than_twenty_good_keys(
    site: Site, partner: Person, database: Database
) -> None:
    answers = await asyncio.gather(*(site.change(CREATE, partner) for _ in range(30)))

    kinds = sorted(answer["__typename"] for answer in answers)
    assert kinds == ["CreateApiKeySuccess"] * 20 + ["InvalidInput"] * 10
    assert len(await stored(database)) == 20


async def test_fifty_equal_requests_at_once_make_one_key(
    site: Site, partner: Person, database: Database
) -> None:
    answers = await asyncio.gather(
        *(site.change(CREATE, partner, key="one-and-the-same") for _ in range(50))
    )

    assert {answer["__typename"] for answer in answers} == {"CreateApiKeySuccess"}
    assert len({answer["secret"] for answer in answers}) == 1
    assert len(await stored(database)) == 1
    assert await status(site, answers[0]["secret"]) == 200


async def test_fifty_equal_rotations_at_once_make_one_key(
    site: Site, partner: Person, database: Database
) -> None:
    old_id, _ = await site.new_key(partner)

    answers = await asyncio.gather(
        *(site.change(ROTATE, partner, key="one-and-the-same", id=old_id) for _ in range(50))
    )

    assert {answer["__typename"] for answer in answers} == {"RotateApiKeySuccess"}
    assert len({answer["secret"] for answer in answers}) == 1
    assert len(await stored(database)) == 2


async def test_account_that_is_being_deleted_gets_no_key(
    site: Site, partner: Person, database: Database
) -> None:
    async with database.connection() as connection, connection.transaction():
        delete = statements("erasures")["delete_account"]
        await connection.execute(delete, partner.account_id)
        asked = asyncio.create_task(site.change(CREATE, partner))
        await asyncio.sleep(0.2)

    assert (await asked)["__typename"] == "Unauthenticated"
    assert await stored(database) == []


async def test_another_request_under_the_same_key_is_a_mismatch(
    site: Site, partner: Person, database: Database
) -> None:
    first = await site.change(CREATE, partner, key="one-and-the-same", name="one")

    other = await site.change(CREATE, partner, key="one-and-the-same", name="two")
    again = await site.change(CREATE, partner, key="one-and-the-same", name="one")

    assert (other["__typename"], other["problemCode"]) == ("Conflict", "IDEMPOTENCY_MISMATCH")
    assert again == first
    assert len(await stored(database)) == 1


async def test_secret_is_not_told_again_after_a_day(
    site: Site, partner: Person, clock: Clock, database: Database
) -> None:
    await site.change(CREATE, partner, key="one-and-the-same")
    clock.advance(days=1)
    await database.fetch("DELETE FROM named_request")

    answer = await site.change(CREATE, partner, key="one-and-the-same")
    other = await site.change(CREATE, partner, key="one-and-the-same", name="two")

    assert (answer["__typename"], answer["problemCode"]) == ("Conflict", "IDEMPOTENCY_MISMATCH")
    assert (other["__typename"], other["problemCode"]) == ("Conflict", "IDEMPOTENCY_MISMATCH")
    assert "secret" not in answer
    assert len(await stored(database)) == 1


async def test_same_idempotency_key_of_two_partners_makes_two_keys(
    site: Site, partner: Person, database: Database
) -> None:
    other = await add_account(database)

    mine = await site.change(CREATE, partner, key="one-and-the-same")
    theirs = await site.change(CREATE, other, key="one-and-the-same")

    assert mine["secret"] != theirs["secret"]
    assert len(await stored(database)) == 2


@pytest.mark.parametrize(
    ("plan", "kind"),
    [("registered", "REGISTERED"), ("subscriber", "SUBSCRIBER"), ("staff", "STAFF")],
)
async def test_who_is_no_partner_makes_no_key_and_sees_none(
    site: Site, database: Database, plan: str, kind: str
) -> None:
    person = await add_account(database, plan)

    answers = [
        await site.change(CREATE, person),
        await site.change(ROTATE, person, id="nonsense"),
        await site.change(REVOKE, person, id="nonsense"),
    ]

    assert {answer["__typename"] for answer in answers} == {"Forbidden"}
    assert await stored(database) == []
    listed = await site.ask(LIST, bearer=person.session)
    assert listed == {"viewer": {"kind": kind, "apiKeys": None}}


async def test_guest_makes_no_key_and_sees_none(site: Site, database: Database) -> None:
    answer = await site.ask(CREATE)

    assert answer["createApiKey"]["__typename"] == "Unauthenticated"
    assert await stored(database) == []
    assert await site.ask(LIST) == {"viewer": {"kind": "GUEST", "apiKeys": None}}


async def test_key_makes_rotates_and_revokes_no_keys(
    site: Site, partner: Person, database: Database
) -> None:
    key_id, secret = await site.new_key(partner, "PAGES_READ", "CROSSWALKS_READ", "USAGE_READ")

    answers = [
        await site.ask(CREATE, bearer=secret),
        await site.ask(ROTATE, {"id": key_id}, bearer=secret),
        await site.ask(REVOKE, {"id": key_id}, bearer=secret),
    ]

    kinds = {answer["__typename"] for data in answers for answer in data.values()}
    assert kinds == {"Forbidden"}
    (row,) = await stored(database)
    assert (row["revoked_at"], row["expires_at"]) == (None, None)


async def test_keys_are_listed_newest_first_by_parts(
    site: Site, partner: Person, clock: Clock
) -> None:
    made = []
    for number in range(5):
        if number != 3:  # two of one instant
            clock.advance(seconds=1)
        made.append((await site.new_key(partner, name=f"n{number}"))[0])
    whole = [key["id"] for key in await site.keys_of(partner)]

    parts, after = [], None
    for _ in range(3):
        data = await site.ask(LIST, {"first": 2, "after": after}, bearer=partner.session)
        parts.append(data["viewer"]["apiKeys"])
        after = parts[-1]["pageInfo"]["endCursor"]

    assert (whole[0], {*whole[1:3]}, whole[3:]) == (made[4], {made[2], made[3]}, made[1::-1])
    assert [edge["node"]["id"] for part in parts for edge in part["edges"]] == whole
    assert [part["totalCount"] for part in parts] == [5, 5, 5]
    assert [part["pageInfo"]["hasNextPage"] for part in parts] == [True, True, False]
    assert [part["pageInfo"]["hasPreviousPage"] for part in parts] == [False, True, True]
    last = await site.ask(LIST, {"after": after}, bearer=partner.session)
    assert last["viewer"]["apiKeys"]["edges"] == []
    assert last["viewer"]["apiKeys"]["totalCount"] == 5


@pytest.mark.parametrize("cursor", ["", "nonsense", "MWN1cnNvcjox", "MWtleXBsYWNlOjE6QQ"])
async def test_cursor_of_another_list_is_bad_input(
    site: Site, partner: Person, cursor: str
) -> None:
    response = await site.post(LIST, {"after": cursor}, bearer=partner.session)

    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_key_without_usage_read_finds_itself_and_no_other(
    site: Site, partner: Person
) -> None:
    own_id, alone = await site.new_key(partner, "PAGES_READ")
    other_id, reading = await site.new_key(partner, "USAGE_READ")

    found = [await site.ask(LIST, bearer=key) for key in (alone, reading)]

    seen = [{edge["node"]["id"] for edge in data["viewer"]["apiKeys"]["edges"]} for data in found]
    assert seen == [{own_id}, {own_id, other_id}]
    assert [data["viewer"]["apiKeys"]["totalCount"] for data in found] == [1, 2]


async def test_keys_are_no_nodes(site: Site, partner: Person) -> None:
    key_id, _ = await site.new_key(partner)

    data = await site.ask(
        "query($id: ID!) { node(id: $id) { id } }", {"id": key_id}, bearer=partner.session
    )

    assert data == {"node": None}
