"""People with accounts, as the tests make them, and what they ask."""

import secrets
from datetime import datetime
from typing import Any

from graphql import execute, parse

from db.accounts import account_by_id
from db.pool import Database
from graph.api import api
from graph.context import Context, Services
from graph.identity import Visit
from graph.limits import LIMITS
from graph.people.addresses import read_address
from graph.people.tokens import new_token, token_digest
from metering.shards import shard_of
from schema.accounts import Account


async def account_on(
    database: Database, plan_key: str, email: str | None = None, at: datetime | None = None
) -> Account:
    """A new account on the newest version of a plan, by its assignment number 0; `at` is when it
    was made, by default now."""
    id, email = f"u{secrets.token_urlsafe(16)}", email or f"{secrets.token_hex(6)}@codes.example"
    address = read_address(email)
    assert address is not None
    async with database.connection() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO account (id, email, address, created_at) "
            "VALUES ($1, $2, $3, COALESCE($4, now()))",
            *(id, email, address.key, at),
        )
        await connection.execute(
            "INSERT INTO assignment (account_id, number, plan_key, plan_version, actor, reason, "
            "fenced_at) SELECT $1, 0, key, max(version), 'system', 'Registered.', "
            "COALESCE($3, now()) FROM plan WHERE key = $2 GROUP BY key",
            *(id, plan_key, at),
        )
    account = await account_by_id(database, id)
    assert account is not None
    return account


async def logged_in(database: Database, account: Account, at: datetime | None = None) -> str:
    """The token of a session of the account, begun at that time or now, good for a long time."""
    token = new_token()
    await database.fetch(
        "INSERT INTO session (id, digest, account_id, client, created_at, last_seen_at, "
        "idle_seconds, expires_at) SELECT $1, $2, $3, 'app', begun, begun, 86400000, "
        "begun + interval '1000 days' FROM COALESCE($4, now()) AS begun",
        *(secrets.token_urlsafe(12), token_digest(token), account.id, at),
    )
    return token


async def ask(
    services: Services,
    account: Account | None,
    query: str,
    variables: dict[str, Any] | None = None,
    key: str | None = None,
) -> Any:
    """The `data` of what somebody asks; `key` is their Idempotency-Key."""
    viewer = account.viewer(shard_of(account.id)) if account else None
    visit = Visit(viewer=viewer, may_charge=True, account=account)
    context = Context(
        services,
        visit,
        key or secrets.token_hex(8),
        services.now(),
        LIMITS[visit.viewer_kind],
        has_own_key=key is not None,
    )
    schema = api()
    result = await execute(  # type: ignore[misc]
        schema._schema,
        parse(query),
        context_value=context,
        variable_values=variables,
        executor_class=schema.execution_context_class,
    )
    assert result.errors is None, result.errors
    return result.data
