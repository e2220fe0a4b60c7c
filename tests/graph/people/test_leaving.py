"""A deleted account is gone here at once, from the ledger as well, and gives nothing twice."""

from datetime import timedelta
from hashlib import sha256

import orjson
import redis

from db.assignments import assign
from db.pool import Database
from metering.shards import keys_of, shard_of
from schema.acts import SYSTEM
from tests.graph.people.conftest import PASSWORD, Site, log_in, register, verify

DELETE = (
    f'deleteAccount(password: "{PASSWORD}") '
    "{ __typename ... on AccountDeleted { message viewer { kind } } }"
)


async def id_of(database: Database, email: str) -> str:
    [row] = await database.fetch("SELECT id FROM account WHERE address = $1", email)
    return str(row["id"])


async def test_a_deleted_account_is_gone_with_what_it_opened(site: Site, redis_url: str) -> None:
    reader = await site.browser()
    await reader.open("I10")
    email = await site.member(reader)
    await reader.open("J45")
    account_id = await id_of(site.database, email)
    other = await site.browser()
    await log_in(other, email)

    wrong = await reader.change('deleteAccount(password: "not the password") { __typename }')
    still = await id_of(site.database, email)
    deleted = await reader.change(DELETE)

    assert wrong == {"__typename": "Unauthenticated"}
    assert still == account_id
    assert deleted["__typename"] == "AccountDeleted"
    assert deleted["viewer"] == {"kind": "GUEST"}
    assert "no new free views" in deleted["message"]
    assert (await other.viewer("kind"))["kind"] == "GUEST"
    assert (await log_in(other, email))["__typename"] == "Unauthenticated"
    for table in ("account", "assignment", "session", "carried_guest"):
        column = "id" if table == "account" else "account_id"
        assert (
            await site.database.fetch(f"SELECT 1 FROM {table} WHERE {column} = $1", account_id)
            == []
        )
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        keys = keys_of(shard_of(account_id))
        assert client.exists(keys.viewer(account_id)) == 0
        types = [fields["type"] for _, fields in client.xrange(keys.log)]
    assert types[-1] == "erase"


async def test_registering_again_gives_no_new_free_views(site: Site) -> None:
    reader = await site.browser()
    email = await site.member(reader)
    await reader.change(DELETE)
    again = await site.browser()
    name, _, domain = email.partition("@")

    await register(again, f"{name}+again@{domain}")
    started = await verify(again, (await site.proof(f"{name}+again@{domain}"))[0])
    viewer = await again.viewer("kind allowance { limit used remaining }")
    page = await again.open("J45")

    assert started["__typename"] == "SessionStarted"
    assert viewer == {
        "kind": "REGISTERED",
        "allowance": {"limit": 0, "used": 0, "remaining": 0},
    }
    assert page["__typename"] == "ViewLimitReached"


async def test_a_paid_plan_that_ends_gives_no_new_free_views_either(site: Site) -> None:
    reader, again = await site.browser(), await site.browser()
    email = await site.member(reader)
    await reader.change(DELETE)
    await site.member(again, email)
    account_id = await id_of(site.database, email)
    ends_at = site.clock() + timedelta(days=30)
    await assign(
        *(site.database, account_id, "subscriber"), ends_at=ends_at, actor=SYSTEM, reason="Paid."
    )
    paid = await again.viewer("kind allowance { limit }")
    site.clock.pass_by(days=30)
    started = await log_in(again, email)

    over = await again.viewer("kind user { planKey } allowance { limit }")

    assert paid == {"kind": "SUBSCRIBER", "allowance": {"limit": None}}
    assert started["viewer"]["kind"] == "REGISTERED"
    assert over == {
        "kind": "REGISTERED",
        "user": {"planKey": "returned"},
        "allowance": {"limit": 0},
    }


async def test_of_a_deleted_address_a_keyed_digest_stays(site: Site) -> None:
    reader = await site.browser()
    email = await site.member(reader)
    await reader.change(DELETE)

    rows = await site.database.fetch("SELECT digest FROM deleted_address")
    kept = await site.database.fetch("SELECT 1 FROM letter WHERE recipient = $1", email)

    assert {len(row["digest"]) for row in rows} == {32}
    assert kept == []


async def test_nothing_of_a_deleted_address_stays_however_it_was_written(site: Site) -> None:
    reader, host = await site.browser(), await site.browser()
    email = await site.member(reader)
    name, tagged = email.partition("@")[0], email.replace("@", "+later@")
    await register(host, tagged, Idempotency_Key=f"again-{name}")
    await host.change(f'requestPasswordReset(email: "{tagged}") {{ __typename }}')

    deleted = await reader.change(DELETE)

    assert deleted["__typename"] == "AccountDeleted"
    for table in ("account", "letter", "registration"):
        statement = f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%' || $1 || '%'"
        [row] = await site.database.fetch(statement, name)
        assert (table, row["count"]) == (table, 0)
    guessed = [sha256(orjson.dumps(given)).digest() for given in ({"email": tagged}, tagged)]
    named = "SELECT count(*) FROM named_request WHERE input = ANY ($1::bytea[])"
    [row] = await site.database.fetch(named, guessed)
    assert row["count"] == 0
