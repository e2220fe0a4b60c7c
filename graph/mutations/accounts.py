"""Registering, logging in, and what people do with their accounts."""

from collections.abc import Awaitable
from typing import Annotated, TypeVar

import strawberry

from graph import ids
from graph.access import person_of
from graph.context import Info
from graph.lookup import unavailable
from graph.people import logging_in, registering
from graph.people.registering import Proof
from graph.types.people import VerificationSent
from graph.types.problems import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    Unauthenticated,
)
from graph.viewer import SessionStarted, Viewer
from schema.accounts import Account
from schema.errors import StoreUnavailable, TooBusy

Answer = TypeVar("Answer")


@strawberry.input
class RegisterInput:
    """Who wants an account."""

    email: str
    """Where the letter goes that makes it."""
    password: str
    """10 to 200 characters."""


@strawberry.input
class MailedCode:
    """What somebody reads in the letter, and the address it came to."""

    email: str
    """The address."""
    code: str
    """The six digits."""


@strawberry.input(one_of=True)
class ProofInput:
    """What the letter holds, in one of two ways."""

    token: str | None = strawberry.UNSET
    """What the link holds after `token=`."""
    mailed: MailedCode | None = strawberry.UNSET
    """The code."""


@strawberry.input
class VerifyEmailInput:
    """That an address is somebody's."""

    proof: ProofInput
    """What the letter holds."""
    as_token: bool = False
    """Answer with a token instead of a cookie; for apps."""


@strawberry.input
class LogInInput:
    """Who logs in."""

    email: str
    """The address of the account."""
    password: str
    """Its password."""
    as_token: bool = False
    """Answer with a token instead of a cookie; for apps."""


@strawberry.input
class ChangePasswordInput:
    """Another password."""

    password: str
    """The one in force."""
    new_password: str
    """10 to 200 characters."""


@strawberry.input
class ResetPasswordInput:
    """Another password, for whoever has the letter."""

    token: str
    """What the link holds after `token=`."""
    new_password: str
    """10 to 200 characters."""


@strawberry.type
class LogOutSuccess:
    """The session has ended."""

    viewer: Viewer
    """Who is asking now: nobody, who becomes a new guest at the next page."""


@strawberry.type
class PasswordSet:
    """The password is set, and every session has ended."""

    viewer: Viewer
    """Who is asking now."""


@strawberry.type
class AccountDeleted:
    """The account is gone."""

    message: str
    """What is kept, and for what."""
    viewer: Viewer
    """Who is asking now: nobody."""


@strawberry.type
class SessionsEnded:
    """Sessions have ended."""

    count: int
    """How many."""
    viewer: Viewer
    """Who is asking now."""


RegisterResult = Annotated[
    VerificationSent | InvalidInput | RateLimited | Conflict | ServiceUnavailable,
    strawberry.union("RegisterResult", description="That a letter goes out, or why not."),
]
VerifyEmailResult = Annotated[
    SessionStarted | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("VerifyEmailResult", description="The account's session, or why not."),
]
LogInResult = Annotated[
    SessionStarted | Unauthenticated | RateLimited | ServiceUnavailable,
    strawberry.union("LogInResult", description="The session, or why there is none."),
]
LogOutResult = Annotated[
    LogOutSuccess | Unauthenticated | Forbidden | ServiceUnavailable,
    strawberry.union("LogOutResult", description="That the session ended, or why not."),
]
ChangePasswordResult = Annotated[
    SessionStarted | InvalidInput | Unauthenticated | Forbidden | RateLimited | ServiceUnavailable,
    strawberry.union("ChangePasswordResult", description="The one session there is, or why not."),
]
RequestPasswordResetResult = Annotated[
    VerificationSent | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union(
        "RequestPasswordResetResult", description="That a letter goes out, or why not."
    ),
]
ResetPasswordResult = Annotated[
    PasswordSet | InvalidInput | RateLimited | ServiceUnavailable,
    strawberry.union("ResetPasswordResult", description="That the password is set, or why not."),
]
DeleteAccountResult = Annotated[
    AccountDeleted | Unauthenticated | Forbidden | RateLimited | ServiceUnavailable,
    strawberry.union("DeleteAccountResult", description="That the account is gone, or why not."),
]
EndSessionsResult = Annotated[
    SessionsEnded | NotFound | Unauthenticated | Forbidden | ServiceUnavailable,
    strawberry.union("EndSessionsResult", description="That sessions ended, or why not."),
]


async def _answered(answer: Awaitable[Answer]) -> Answer | ServiceUnavailable:
    """The answer, or that a part of the service is away."""
    try:
        return await answer
    except StoreUnavailable as away:
        return unavailable(away)


async def _in_turn(answer: Awaitable[Answer]) -> Answer | ServiceUnavailable | RateLimited:
    """The answer to what has a password hashed, or that too many wait for that."""
    try:
        return await _answered(answer)
    except TooBusy as busy:
        return RateLimited.after(busy.retry_after_seconds)


@strawberry.type
class AccountMutations:
    """What people do with their accounts."""

    @strawberry.mutation
    async def register(
        self,
        info: Info,
        input: Annotated[RegisterInput, strawberry.argument(description="Who registers.")],
    ) -> RegisterResult:
        """Ask for an account. The answer is the same whether the address has one or not; what the
        letter holds makes the account. Send an Idempotency-Key: then a retry writes no second
        letter."""
        return await _in_turn(registering.register(info.context, input.email, input.password))

    @strawberry.mutation
    async def verify_email(
        self,
        info: Info,
        input: Annotated[VerifyEmailInput, strawberry.argument(description="The proof.")],
    ) -> VerifyEmailResult:
        """Show that an address is yours: the account is made, and you are logged in. What the
        guest you were had opened stays open and does not count."""
        mailed = input.proof.mailed or None
        proof = Proof(
            token=input.proof.token or None,
            email=mailed.email if mailed else None,
            code=mailed.code if mailed else None,
        )
        return await _answered(registering.verify(info.context, proof, as_token=input.as_token))

    @strawberry.mutation
    async def log_in(
        self, info: Info, input: Annotated[LogInInput, strawberry.argument(description="Who.")]
    ) -> LogInResult:
        """Begin a session. What the guest you were on this device had opened is taken over."""
        return await _in_turn(
            logging_in.log_in(info.context, input.email, input.password, as_token=input.as_token)
        )

    @strawberry.mutation
    async def log_out(self, info: Info) -> LogOutResult:
        """End this session, here and on the server. You are a new guest then."""
        person = person_of(info.context)
        if not isinstance(person, Account):
            return person
        away = await _answered(logging_in.log_out(info.context))
        return away or LogOutSuccess(viewer=Viewer.of(info.context))

    @strawberry.mutation
    async def change_password(
        self,
        info: Info,
        input: Annotated[ChangePasswordInput, strawberry.argument(description="Both passwords.")],
    ) -> ChangePasswordResult:
        """Set another password. Every session ends; one begins here, with a new token."""
        person = person_of(info.context)
        if not isinstance(person, Account):
            return person
        return await _in_turn(
            logging_in.change(info.context, person, input.password, input.new_password)
        )

    @strawberry.mutation
    async def request_password_reset(
        self, info: Info, email: Annotated[str, strawberry.argument(description="The address.")]
    ) -> RequestPasswordResetResult:
        """Have a link sent that sets a password. The answer is the same whether the address has
        an account or not."""
        return await _answered(logging_in.ask_to_reset(info.context, email))

    @strawberry.mutation
    async def reset_password(
        self,
        info: Info,
        input: Annotated[ResetPasswordInput, strawberry.argument(description="The proof.")],
    ) -> ResetPasswordResult:
        """Set a password by the link of a letter. Every session ends: log in then."""
        refused = await _in_turn(logging_in.reset(info.context, input.token, input.new_password))
        return refused or PasswordSet(viewer=Viewer.of(info.context))

    @strawberry.mutation
    async def delete_account(
        self,
        info: Info,
        password: Annotated[str, strawberry.argument(description="The account's password.")],
    ) -> DeleteAccountResult:
        """Delete the account, its keys and everything that is known of it. This cannot be undone,
        and registering again with the same address gives no new free views."""
        person = person_of(info.context)
        if not isinstance(person, Account):
            return person
        refused = await _in_turn(logging_in.delete(info.context, person, password))
        return refused or AccountDeleted(
            message="Your account is deleted. A keyed digest of your address is kept, so that "
            "registering again with it gives no new free views; it tells nobody the address. What "
            "is known of your use is erased within 48 hours.",
            viewer=Viewer.of(info.context),
        )

    @strawberry.mutation
    async def revoke_session(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Which.")]
    ) -> EndSessionsResult:
        """End one of your sessions."""
        person = person_of(info.context)
        if not isinstance(person, Account):
            return person
        decoded = ids.decode(id)
        session_id = decoded[1] if decoded and decoded[0] == "session" else ""
        ended = await _answered(logging_in.end(info.context, person, session_id))
        if isinstance(ended, ServiceUnavailable):
            return ended
        if not ended:
            return NotFound.because("You have no such session; it may have ended.")
        return SessionsEnded(count=1, viewer=Viewer.of(info.context))

    @strawberry.mutation
    async def revoke_other_sessions(self, info: Info) -> EndSessionsResult:
        """End all of your sessions but the one that asks."""
        person = person_of(info.context)
        if not isinstance(person, Account):
            return person
        ended = await _answered(logging_in.end_others(info.context, person))
        if isinstance(ended, ServiceUnavailable):
            return ended
        return SessionsEnded(count=ended, viewer=Viewer.of(info.context))
