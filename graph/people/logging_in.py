"""Logging in and out, and what becomes of passwords."""

import secrets
from datetime import timedelta

import structlog

from db.accounts import account_by_id
from db.erasures import delete_account
from db.secrets import (
    Secret,
    change_password,
    keep_reset,
    reset_by_digest,
    reset_password,
    secret_of_account,
    secret_of_address,
)
from db.sessions import begin_session, end_session, end_sessions
from graph.context import Context
from graph.people import letters
from graph.people.addresses import read_address
from graph.people.passwords import fault_of
from graph.people.sessions import enter, new_session
from graph.people.tokens import token_digest
from graph.people.tries import (
    LOG_IN_ADDRESS,
    LOG_IN_ADDRESS_IN_NETWORK,
    LOG_IN_IN_NETWORK,
    PASSWORD_OF_ACCOUNT,
    RESET_ADDRESS,
    RESET_IN_NETWORK,
    VERIFY_IN_NETWORK,
)
from graph.types.people import VerificationSent
from graph.types.problems import InvalidInput, ProblemCode, RateLimited, Unauthenticated
from graph.viewer import SessionStarted
from schema.accounts import Account
from schema.errors import StoreUnavailable
from schema.usage import ClientClass

_log = structlog.get_logger(__name__)

RESET_LIFE = timedelta(hours=1)
"""How long a mailed link that sets a password is good."""
_NOT_BOTH = "The address or the password is wrong."
_NOT_IT = "The password is wrong."
_NO_RESET = "The link is wrong, used or over. Ask for another."


async def log_in(
    context: Context, email: str, password: str, *, as_token: bool
) -> SessionStarted | RateLimited | Unauthenticated:
    """Begin a session for whoever has the password; raises StoreUnavailable, TooBusy."""
    people, database = context.services.people, context.services.database
    address = read_address(email)
    network = (await context.visit.network()).digest
    who = people.digest("address", address.key if address else "").hex()
    wait = await people.tries.wait_seconds(
        (LOG_IN_IN_NETWORK, network),
        (LOG_IN_ADDRESS_IN_NETWORK, f"{network} {who}"),
        (LOG_IN_ADDRESS, who),
    )
    if wait:
        return RateLimited.after(wait)
    secret = await secret_of_address(database, address.key) if address else None
    is_right = await people.passwords.is_right(password, secret.password_hash if secret else None)
    account = await account_by_id(database, secret.account_id) if secret and is_right else None
    if secret is None or account is None:
        return _wrong(_NOT_BOTH)
    session, token = new_session(account.id, account.kind, context.now, as_token=as_token)
    if not await begin_session(database, session, secret.password_hash, context.visit.guest):
        return _wrong(_NOT_BOTH)
    return await enter(context, account, session, token)


async def log_out(context: Context) -> None:
    """End the session that asks; raises StoreUnavailable."""
    visit = context.visit
    if visit.account and visit.session:
        await end_session(context.services.database, visit.account.id, visit.session.id)
    _leave(context)


async def end(context: Context, account: Account, session_id: str) -> bool:
    """End one session of an account, which may be the one that asks; False when there is none.
    Raises StoreUnavailable."""
    ended = await end_session(context.services.database, account.id, session_id)
    current = context.visit.session
    if ended and current is not None and current.id == session_id:
        _leave(context)
    return ended


async def end_others(context: Context, account: Account) -> int:
    """End all sessions but the one that asks; how many that were. Raises StoreUnavailable."""
    current = context.visit.session
    assert current is not None, "a person asks by a session"
    return await end_sessions(context.services.database, account.id, but=current.id)


async def change(
    context: Context, account: Account, old: str, new: str
) -> SessionStarted | InvalidInput | RateLimited | Unauthenticated:
    """Another password: every session ends, and one begins here in the place of the one that asks.
    Raises StoreUnavailable, TooBusy."""
    if (fault := fault_of(new, account.email.lower())) is not None:
        return InvalidInput.at(["input", "newPassword"], "PASSWORD", fault)
    proven = await _proven(context, account, old)
    if not isinstance(proven, Secret):
        return proven
    visit, database = context.visit, context.services.database
    as_token = visit.session is not None and visit.session.client is ClientClass.APP
    session, token = new_session(account.id, account.kind, context.now, as_token=as_token)
    hashed = await context.services.people.passwords.hashed(new)
    if not await change_password(database, proven, hashed, session):
        return _wrong(_NOT_IT)
    return await enter(context, account, session, token)


async def _proven(
    context: Context, account: Account, password: str
) -> Secret | RateLimited | Unauthenticated:
    """The secret of whoever is logged in, when that is its password; a session that was left open,
    or stolen, is not enough for what cannot be undone. Raises StoreUnavailable, TooBusy."""
    people = context.services.people
    if wait := await people.tries.wait_seconds((PASSWORD_OF_ACCOUNT, account.id)):
        return RateLimited.after(wait)
    secret = await secret_of_account(context.services.database, account.id)
    is_right = await people.passwords.is_right(password, secret.password_hash if secret else None)
    return secret if secret and is_right else _wrong(_NOT_IT)


async def ask_to_reset(
    context: Context, email: str
) -> VerificationSent | InvalidInput | RateLimited:
    """Write to the address, if it has an account; raises StoreUnavailable."""
    people = context.services.people
    address = read_address(email)
    if address is None:
        return InvalidInput.at(["email"], "EMAIL", "This is no e-mail address.")
    network = (await context.visit.network()).digest
    who = people.digest("address", address.key).hex()
    wait = await people.tries.wait_seconds((RESET_IN_NETWORK, network), (RESET_ADDRESS, who))
    if wait:
        return RateLimited.after(wait)
    token, expires_at = f"cpr_{secrets.token_urlsafe(32)}", context.now + RESET_LIFE
    link = f"{people.site}/reset-password#token={token}"
    letter = letters.to_reset(address.email, link, expires_at)
    await keep_reset(
        context.services.database, address.key, token_digest(token), expires_at, letter
    )
    return VerificationSent(sent_to=address.email, expires_at=expires_at)


async def reset(context: Context, token: str, new: str) -> InvalidInput | RateLimited | None:
    """Set the password of whoever has the letter, and end all sessions; None when it is set.
    Raises StoreUnavailable, TooBusy."""
    people, database = context.services.people, context.services.database
    network = (await context.visit.network()).digest
    if wait := await people.tries.wait_seconds((VERIFY_IN_NETWORK, network)):
        return RateLimited.after(wait)
    account_id = await reset_by_digest(database, token_digest(token), context.now)
    account = await account_by_id(database, account_id) if account_id else None
    if account is None:
        return InvalidInput.at(["input", "token"], "PROOF", _NO_RESET)
    if (fault := fault_of(new, account.email.lower())) is not None:
        return InvalidInput.at(["input", "newPassword"], "PASSWORD", fault)
    hashed = await people.passwords.hashed(new)
    if not await reset_password(database, account.id, token_digest(token), hashed):
        return InvalidInput.at(["input", "token"], "PROOF", _NO_RESET)
    return None


async def delete(
    context: Context, account: Account, password: str
) -> RateLimited | Unauthenticated | None:
    """Delete the account and all that is known of it; None when it is gone. The ledger follows
    when it answers. Raises StoreUnavailable, TooBusy."""
    proven = await _proven(context, account, password)
    if not isinstance(proven, Secret):
        return proven
    people = context.services.people
    address = read_address(account.email)
    assert address is not None, "it was read when it was registered"
    digest = people.digest("deleted address", address.key)
    if not await delete_account(context.services.database, proven, digest, context.now):
        return _wrong(_NOT_IT)
    _leave(context)
    try:
        await people.erase(account.id)
    except StoreUnavailable as away:
        _log.warning("erasure_waits", store=away.store, reason=str(away))
    return None


def _leave(context: Context) -> None:
    context.visit.leave()
    context.visit.headers.append(context.services.people.cookie.cleared())


def _wrong(message: str) -> Unauthenticated:
    return Unauthenticated(problem_code=ProblemCode.UNAUTHENTICATED, message=message)
