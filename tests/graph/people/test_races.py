"""What two do to one account at the same time: one of them has done it first."""

import asyncio
import hashlib

from db.queries import statements
from db.secrets import reset_password
from tests.graph.people.conftest import Site


async def id_of(site: Site, email: str) -> str:
    [row] = await site.database.fetch("SELECT id FROM account WHERE address = $1", email)
    return str(row["id"])


async def test_two_who_set_a_password_at_once_do_not_wait_for_each_other(site: Site) -> None:
    owner = await site.browser()
    email = await site.member(owner)
    account_id = await id_of(site, email)
    await owner.change(f'requestPasswordReset(email: "{email}") {{ __typename }}')
    token, _ = await site.proof(email)
    digest, named = hashlib.sha256(token.encode()).digest(), statements("accounts")

    async with site.database.connection() as connection, connection.transaction():
        await connection.execute(named["set_password"], account_id, "the first")
        second = asyncio.create_task(reset_password(site.database, account_id, digest, "second"))
        await asyncio.sleep(0.2)
        await connection.execute(named["forget_resets"], account_id)

    assert await second is False
    [row] = await site.database.fetch("SELECT password_hash FROM account WHERE id = $1", account_id)
    assert row["password_hash"] == "the first"
