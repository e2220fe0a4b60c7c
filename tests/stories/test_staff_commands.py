"""The commands that make members of the staff, as an operator runs them."""

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from db.embedded import StoreUrls
from db.pool import Database
from graph.people.tokens import token_digest
from metering.shards import keys_of, shard_of
from tests.graph.accounts import account_on, logged_in
from tests.stories.conftest import run_codestile

TOLD = re.compile(
    r"(u[\w-]{22}) (became|is) a member of the staff\n"
    r"until (\d{4}-\d\d-\d\d \d\d:\d\d) UTC the password is set at\n"
    r"http://127\.0\.0\.1:8000/reset-password#token=(cpr_[\w-]{43})\n"
)


@pytest.fixture
def staff(database_url: str, redis_url: str) -> Callable[..., Any]:
    """Runs `codestile staff …` on stores of the test's own."""

    async def command(*arguments: str, **more: str) -> tuple[int, str, str]:
        return await run_codestile(StoreUrls(database_url, redis_url), "staff", *arguments, **more)

    return command


@pytest.fixture
def ledger(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def told(answer: tuple[int, str, str]) -> tuple[str, str, str, str]:
    """Viewer, verb, end and token, as the command printed them."""
    code, output, errors = answer
    found = TOLD.fullmatch(output)
    assert (code, errors) == (0, "")
    assert found, output
    viewer, verb, ends, token = found.groups()
    return viewer, verb, ends, token


async def plans_of(database: Database, account_id: str) -> list[tuple[Any, ...]]:
    rows = await database.fetch(
        "SELECT number, plan_key, actor FROM assignment WHERE account_id = $1 ORDER BY number",
        account_id,
    )
    return [tuple(row) for row in rows]


async def rows_of(database: Database, table: str) -> int:
    return len(await database.fetch(f"SELECT 1 FROM {table}"))


async def test_the_first_member_of_the_staff_is_made_by_a_command(
    staff: Any, database: Database
) -> None:
    viewer, verb, ends, token = told(await staff("create", "Ada+desk@Codes.example"))

    assert verb == "became"
    [account] = await database.fetch("SELECT id, email, address, password_hash FROM account")
    assert tuple(account) == (viewer, "Ada+desk@codes.example", "ada@codes.example", None)
    assert await plans_of(database, viewer) == [(0, "staff", "system")]
    [reset] = await database.fetch("SELECT digest, account_id, expires_at FROM password_reset")
    assert (reset["digest"], reset["account_id"]) == (token_digest(token), viewer)
    assert f"{reset['expires_at']:%Y-%m-%d %H:%M}" == ends
    life = reset["expires_at"] - datetime.now(UTC)
    assert timedelta(hours=23, minutes=50) < life <= timedelta(hours=24)


async def test_the_link_leads_to_the_page_of_the_site(staff: Any) -> None:
    site = "https://codes.example"

    _, output, _ = await staff(
        *("create", "ada@codes.example"),
        CODESTILE_PUBLIC_URL="https://api.codes.example",
        CODESTILE_SITE_URL=site,
    )

    assert re.search(rf"^{site}/reset-password#token=cpr_[\w-]{{43}}$", output, re.MULTILINE)


async def test_a_reader_who_becomes_staff_has_to_log_in_again(
    staff: Any, database: Database, ledger: Any
) -> None:
    reader = await account_on(database, "registered", "ada@codes.example")
    await logged_in(database, reader)

    viewer, _, _, _ = told(await staff("create", "ada@codes.example"))

    assert viewer == reader.id
    assert (await plans_of(database, viewer))[1:] == [(1, "staff", "system")]
    assert await rows_of(database, "session") == 0
    [(_, event)] = ledger.xrange(keys_of(shard_of(viewer)).log)
    assert (event["type"], event["kind"], event["assignment"]) == ("plan", "T", "1")


async def test_a_member_gets_a_new_link_and_the_old_one_is_good_for_nothing(
    staff: Any, database: Database
) -> None:
    viewer, _, _, first = told(await staff("create", "ada@codes.example"))
    again, verb, _, second = told(await staff("create", "ada@codes.example"))

    assert (again, verb) == (viewer, "is")
    assert first != second
    kept = await database.fetch("SELECT digest FROM password_reset")
    assert [row["digest"] for row in kept] == [token_digest(second)]
    assert len(await plans_of(database, viewer)) == 1


async def test_whoever_is_removed_is_a_reader_and_logged_out(
    staff: Any, database: Database, ledger: Any
) -> None:
    member = await account_on(database, "staff", "ada@codes.example")
    await logged_in(database, member)
    await staff("create", "ada@codes.example")

    answer = await staff("remove", "ADA@codes.example")

    assert answer == (0, f"{member.id} is a member of the staff no more\n", "")
    assert (await plans_of(database, member.id))[1:] == [(1, "registered", "system")]
    assert await rows_of(database, "session") == 0
    assert await rows_of(database, "password_reset") == 0
    [(_, event)] = ledger.xrange(keys_of(shard_of(member.id)).log)
    assert (event["type"], event["kind"], event["plan"]) == ("plan", "R", "registered.1")


@pytest.mark.parametrize("known", [True, False])
async def test_nobody_but_staff_is_removed(staff: Any, database: Database, known: bool) -> None:
    reader = await account_on(database, "subscriber", "ada@codes.example") if known else None

    code, output, _ = await staff("remove", "ada@codes.example")

    assert (code, output) == (1, "nothing done: no member of the staff has that address\n")
    if reader:
        assert len(await plans_of(database, reader.id)) == 1


@pytest.mark.parametrize("email", ["ada", "ada@example", "@codes.example", "a b@codes.example"])
async def test_what_is_no_address_makes_nobody(staff: Any, database: Database, email: str) -> None:
    code, output, errors = await staff("create", email)

    assert (code, output) == (1, "")
    assert errors == f"codestile: {email!r} is no e-mail address\n"
    assert await rows_of(database, "account") == 0


async def test_a_member_who_is_logged_in_reads_the_plans(
    server: Any, new_browser: Any, catalogue: Database
) -> None:
    member = await account_on(catalogue, "staff", f"{secrets.token_hex(6)}@codes.example")
    token = await logged_in(catalogue, member)
    app = new_browser(server, Authorization=f"Bearer {token}")

    data = await app.ask("{ plans { __typename ... on Plans { items { key } } } }")

    assert data["plans"]["__typename"] == "Plans"
