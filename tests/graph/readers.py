"""Readers of every kind, on plans of a test's own, who ask without the limits of HTTP."""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, execute

from db.accounts import account_by_id
from db.registrations import NewAccount, Registration, keep_registration, make_account
from db.secrets import keep_reset
from graph.api import api
from graph.context import Context, Services
from graph.identity import Visit
from graph.limits import LIMITS
from graph.masking import ErrorCode
from graph.people.sessions import new_session
from graph.people.tokens import token_digest
from metering.shards import shard_of
from schema.accounts import Account, Session
from schema.mail import Letter
from schema.people import Assignment, Network, Viewer, ViewerKind

PASSWORD, OTHER = "a long enough passphrase", "another long passphrase"


@dataclass
class Somebody:
    """A reader who asks without the limits of HTTP, and is handed whole answers."""

    services: Services
    viewer: Viewer
    account: Account | None = None
    session: Session | None = None
    may_charge: bool = True
    verify: str = ""
    """The token of a letter that proves an address."""
    reset: str = ""
    """The token of a letter that sets the password."""
    email: str = ""

    def given(self, mutation: str) -> dict[str, str]:
        """The arguments with which a mutation succeeds for this reader, as GraphQL literals."""
        token = self.reset if mutation == "resetPassword" else self.verify
        known = {"email": self.email, "password": PASSWORD, "newPassword": OTHER, "token": token}
        return {name: json.dumps(text) for name, text in known.items()}

    async def answer(self, document: DocumentNode, variables: Any = None) -> str:
        """The answer to an operation, as JSON; every error in it is one of ours."""
        network = Network(digest=secrets.token_urlsafe(16), period=1)

        async def nearby() -> Network:
            return network

        visit = Visit(
            viewer=self.viewer,
            may_charge=self.may_charge,
            account=self.account,
            session=self.session,
            network=nearby,
            is_exempt=lambda: True,
        )
        services, schema = self.services, api()
        context = Context(
            services, visit, secrets.token_hex(8), services.now(), LIMITS[self.viewer.kind]
        )
        executed = execute(
            schema._schema,
            document,
            variable_values=variables,
            context_value=context,
            executor_class=schema.execution_context_class,
        )
        result = await executed if isawaitable(executed) else executed
        codes = [(error.extensions or {}).get("code") for error in result.errors or ()]
        assert set(codes) <= set(ErrorCode), result.errors
        return json.dumps(result.formatted, ensure_ascii=False)


async def guest_on(services: Services, plan: str) -> Somebody:
    """Somebody new without an account, who has registered and not proven the address."""
    id = "g" + secrets.token_urlsafe(16)
    assignment = Assignment(plan_key=plan, plan_version=1, number=1)
    return Somebody(
        services,
        Viewer(
            id=id,
            kind=ViewerKind.GUEST,
            shard=shard_of(id),
            assignment=assignment,
            network=None,
        ),
        verify=await _registered(services),
    )


async def member_on(
    services: Services, kind: ViewerKind, plan: str, password_hash: str
) -> Somebody:
    """Somebody with an account, who is logged in."""
    email = f"reader-{secrets.token_hex(8)}@codes.example"
    new = NewAccount("u" + secrets.token_urlsafe(16), plan, services.now())
    session, _ = new_session(new.id, kind, services.now(), as_token=False)
    proven = Registration(
        id=secrets.token_urlsafe(16),
        email=email,
        address=email,
        password_hash=password_hash,
        code_digest=b"",
    )
    await make_account(services.database, proven, new, session, budget=None, guest=None)
    account = await account_by_id(services.database, new.id)
    assert account is not None
    return Somebody(
        services,
        account.viewer(shard_of(new.id)),
        account,
        session.session(),
        verify=await _registered(services),
        reset=await _to_reset(services, email),
        email=email,
    )


async def _registered(services: Services) -> str:
    """The token that proves an address nobody had before."""
    token, email = secrets.token_urlsafe(), f"other-{secrets.token_hex(8)}@codes.example"
    asked = Registration(
        id=secrets.token_urlsafe(16),
        email=email,
        address=email,
        password_hash="$",
        code_digest=secrets.token_bytes(32),
    )
    letter = _letter(services, email)
    await keep_registration(
        services.database,
        asked,
        link_digest=token_digest(token),
        expires_at=letter.expires_at,
        letter=letter,
    )
    return token


async def _to_reset(services: Services, email: str) -> str:
    """The token that sets the password of the account of that address."""
    token, letter = secrets.token_urlsafe(), _letter(services, email)
    await keep_reset(services.database, email, token_digest(token), letter.expires_at, letter)
    return token


def _letter(services: Services, email: str) -> Letter:
    until = services.now() + timedelta(hours=1)
    return Letter(recipient=email, subject="Subject", body="Body\n", expires_at=until)
