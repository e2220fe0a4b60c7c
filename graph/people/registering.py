"""Registering: an account is asked for by anybody, and made for whoever reads the address's mail.

Whether an address has an account is told to nobody but its mailbox: the answer, the statements and
the time are the same.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from db.accounts import account_by_address, account_by_id
from db.registrations import (
    AddressTaken,
    BudgetSpent,
    NetworkBudget,
    NewAccount,
    Registration,
    Returned,
    keep_registration,
    kept_until,
    make_account,
    registration_by_link,
    registrations_of_address,
)
from graph.context import Context
from graph.people import letters
from graph.people.addresses import Address, read_address
from graph.people.naming import mismatch, name_of, request_id_of
from graph.people.passwords import fault_of
from graph.people.sessions import enter, new_session
from graph.people.tokens import token_digest
from graph.people.tries import (
    REGISTER_ADDRESS,
    REGISTER_IN_NETWORK,
    VERIFY_ADDRESS,
    VERIFY_IN_NETWORK,
)
from graph.types.people import VerificationSent
from graph.types.problems import Conflict, FieldProblem, InvalidInput, RateLimited
from graph.viewer import SessionStarted
from schema.people import ViewerKind

PROOF_LIFE = timedelta(hours=2)
"""How long a mailed link and its code are good."""
FREE_PLAN = "registered"
"""What an account begins on."""
RETURNED_PLAN = "returned"
"""Of whoever deleted an account and registers again: free views are given once."""
_NO_PROOF = "The link or the code is wrong, used or over. Register again to get another."


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody has from the letter: the link's token, or the code and the address."""

    token: str | None
    email: str | None
    code: str | None


async def register(
    context: Context, email: str, password: str
) -> VerificationSent | InvalidInput | RateLimited | Conflict:
    """Keep what is asked for and write the letter; raises StoreUnavailable, TooBusy."""
    address = read_address(email)
    if not isinstance(address, Address) or fault_of(password, address.key):
        return _faults(address, password)
    people, database = context.services.people, context.services.database
    network = (await context.visit.network()).digest
    if wait := await people.tries.wait_seconds((REGISTER_IN_NETWORK, network)):
        return RateLimited.after(wait)
    who = people.digest("address", address.key).hex()
    name = name_of(context, "register", who)
    # Under a key: what is kept of it for a day outlives an account that is deleted meanwhile.
    if other := await mismatch(context, name, people.digest("e-mail", address.email).hex()):
        return other
    request_id = request_id_of(name)
    if (before := await kept_until(database, request_id)) is not None:
        return VerificationSent(sent_to=address.email, expires_at=before)
    if wait := await people.tries.wait_seconds((REGISTER_ADDRESS, who)):
        return RateLimited.after(wait)
    password_hash = await people.passwords.hashed(password)
    return await _kept(context, request_id, address, password_hash)


async def _kept(
    context: Context, request_id: str, address: Address, password_hash: str
) -> VerificationSent:
    people, database = context.services.people, context.services.database
    token, code = f"cvl_{secrets.token_urlsafe(32)}", f"{secrets.randbelow(1_000_000):06d}"
    expires_at = context.now + PROOF_LIFE
    link = f"{people.site}/verify-email#token={token}"
    letter = letters.to_prove(address.email, code, link, expires_at)
    if await account_by_address(database, address.key) is not None:
        letter = letters.to_known(address.email, people.site, expires_at)
        # What is kept for it nobody can prove.
        code = secrets.token_urlsafe(32)
    asked = Registration(
        id=request_id,
        email=address.email,
        address=address.key,
        password_hash=password_hash,
        code_digest=people.digest("code", f"{request_id} {code}"),
    )
    await keep_registration(
        database, asked, link_digest=token_digest(token), expires_at=expires_at, letter=letter
    )
    return VerificationSent(sent_to=address.email, expires_at=expires_at)


def _faults(address: Address | None, password: str) -> InvalidInput:
    found = []
    if address is None:
        text = "This is no e-mail address."
        found.append(FieldProblem(path=["input", "email"], message=text, rule="EMAIL"))
    if (text_ := fault_of(password, address.key if address else "")) is not None:
        found.append(FieldProblem(path=["input", "password"], message=text_, rule="PASSWORD"))
    return InvalidInput.of(found)


async def verify(
    context: Context, proof: Proof, *, as_token: bool
) -> SessionStarted | InvalidInput | RateLimited:
    """Make the account of whoever has the letter, and log them in; raises StoreUnavailable."""
    people, database, visit = context.services.people, context.services.database, context.visit
    network = await visit.network()
    if wait := await people.tries.wait_seconds((VERIFY_IN_NETWORK, network.digest)):
        return RateLimited.after(wait)
    proven = await _proven(context, proof)
    if not isinstance(proven, Registration):
        return proven
    returned = Returned(people.digest("deleted address", proven.address), RETURNED_PLAN)
    id = f"u{secrets.token_urlsafe(16)}"
    account = NewAccount(id, FREE_PLAN, context.now, returned)
    session, token = new_session(account.id, ViewerKind.REGISTERED, context.now, as_token=as_token)
    budget = NetworkBudget(network.digest, context.now.date(), people.accounts_a_day)
    try:
        await make_account(
            *(database, proven, account, session),
            budget=None if visit.is_exempt() else budget,
            guest=visit.guest,
        )
    except AddressTaken:
        return _no_proof(proof)
    except BudgetSpent:
        return RateLimited.after(_seconds_to_midnight(context.now))
    made = await account_by_id(database, account.id)
    assert made is not None, "it was made by the transaction before"
    return await enter(context, made, session, token)


async def _proven(context: Context, proof: Proof) -> Registration | InvalidInput | RateLimited:
    people, database = context.services.people, context.services.database
    if proof.token is not None:
        found = await registration_by_link(database, token_digest(proof.token), context.now)
        return found or _no_proof(proof)
    address = read_address(proof.email or "")
    if address is None:
        return _no_proof(proof)
    who = people.digest("address", address.key).hex()
    if wait := await people.tries.wait_seconds((VERIFY_ADDRESS, who)):
        return RateLimited.after(wait)
    for asked in await registrations_of_address(database, address.key, context.now):
        digest = people.digest("code", f"{asked.id} {(proof.code or '').strip()}")
        if hmac.compare_digest(digest, asked.code_digest):
            return asked
    return _no_proof(proof)


def _no_proof(proof: Proof) -> InvalidInput:
    place = ["token"] if proof.token is not None else ["mailed", "code"]
    return InvalidInput.at(["input", "proof", *place], "PROOF", _NO_PROOF)


def _seconds_to_midnight(now: datetime) -> int:
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return max(1, -int((now - midnight).total_seconds()))
