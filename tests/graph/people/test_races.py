"""What two do to one account at the same time: one of them has done it first."""

import asyncio
import hashlib
from typing import Any

import pytest

from db.queries import statements
from db.secrets import reset_password
from graph.people import logging_in, registering
from tests.graph.people.conftest import PASSWORD, Browser, Site, log_in, register, verify

OTHER = "another long passphrase"


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


async def _reset(site: Site, email: str, somebody: Browser) -> None:
    """Set another password by a letter."""
    await somebody.change(f'requestPasswordReset(email: "{email}") {{ __typename }}')
    token, _ = await site.proof(email)
    done = await somebody.change(
        f'resetPassword(input: {{token: "{token}", newPassword: "{OTHER}"}}) {{ __typename }}'
    )
    assert done == {"__typename": "PasswordSet"}


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_password_that_is_changed_while_it_is_checked_logs_nobody_in(
    site: Site, monkeypatch: pytest.MonkeyPatch, is_deleted: bool
) -> None:
    owner, thief = await site.browser(), await site.browser()
    email = await site.member(owner)
    real = logging_in.account_by_id

    async def meanwhile(database: Any, account_id: str) -> Any:
        found = await real(database, account_id)
        monkeypatch.undo()
        if is_deleted:
            await site.database.fetch("DELETE FROM account WHERE id = $1", account_id)
        else:
            await _reset(site, email, owner)
        return found

    monkeypatch.setattr(logging_in, "account_by_id", meanwhile)
    answer = await log_in(thief, email)

    assert answer["__typename"] == "Unauthenticated"
    assert (await thief.viewer("kind"))["kind"] == "GUEST"


@pytest.mark.parametrize(
    "change",
    [
        f'changePassword(input: {{password: "{PASSWORD}", newPassword: "a third passphrase"}})',
        f'deleteAccount(password: "{PASSWORD}")',
    ],
)
async def test_a_password_that_is_changed_while_it_is_checked_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    owner, thief = await site.browser(), await site.browser()
    email = await site.member(owner)
    await log_in(thief, email)
    real = logging_in.secret_of_account

    async def meanwhile(database: Any, account_id: str) -> Any:
        found = await real(database, account_id)
        monkeypatch.undo()
        await _reset(site, email, owner)
        return found

    monkeypatch.setattr(logging_in, "secret_of_account", meanwhile)
    answer = await thief.change(f"{change} {{ __typename }}")

    assert answer == {"__typename": "Unauthenticated"}
    assert (await thief.viewer("kind"))["kind"] == "GUEST"
    assert (await log_in(owner, email, OTHER))["__typename"] == "SessionStarted"


async def test_an_account_that_is_deleted_while_its_address_is_proven_again_gives_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, again = await site.browser(), await site.browser()
    email = await site.member(reader)
    real = registering.make_account

    async def nobody(database: Any, address: str) -> None:
        """As it was a moment ago."""

    async def meanwhile(*given: Any, **named: Any) -> None:
        done = await reader.change(f'deleteAccount(password: "{PASSWORD}") {{ __typename }}')
        assert done == {"__typename": "AccountDeleted"}
        await real(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(registering, "account_by_address", nobody)
        await register(again, email)
    token, _ = await site.proof(email)
    with monkeypatch.context() as patched:
        patched.setattr(registering, "make_account", meanwhile)
        started = await verify(again, token)

    assert started["__typename"] == "SessionStarted"
    assert await again.viewer("user { planKey } allowance { limit }") == {
        "user": {"planKey": "returned"},
        "allowance": {"limit": 0},
    }


async def test_a_reset_of_an_account_that_is_being_deleted_is_answered_as_any_other(
    site: Site,
) -> None:
    owner, stranger = await site.browser(), await site.browser()
    email = await site.member(owner)
    account_id = await id_of(site, email)
    ask = f'requestPasswordReset(email: "{email}") {{ ... on VerificationSent {{ sentTo }} }}'

    async with site.database.connection() as connection, connection.transaction():
        await connection.execute(statements("erasures")["delete_account"], account_id)
        asked = asyncio.create_task(stranger.change(ask))
        await asyncio.sleep(0.2)

    assert await asked == {"sentTo": email}
