"""Making, replacing and taking back a partner's keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import strawberry

from db.keys import KeyRefusal
from graph.access import nobody, partner_of
from graph.context import Context, Info
from graph.lookup import unavailable
from graph.people.keys import RULES, Made
from graph.people.naming import mismatch, name_of
from graph.types.keys import ApiKey, key_id_of
from graph.types.problems import (
    Conflict,
    FieldProblem,
    Forbidden,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
    Unauthenticated,
)
from graph.viewer import Viewer
from schema.accounts import Account, ApiScope
from schema.errors import StoreUnavailable

NAME_LENGTH = 80
LIFE = timedelta(days=3653)
"""Longest life of a key that ends at all."""
OVERLAP_HOURS = 720
_TOO_MANY = f"An account has at most {RULES.most_good} good keys. Revoke one first"
_NO_KEY = "Your account has no such key."
_AGAIN = (
    "This Idempotency-Key made another key, or made this one too long ago to show its secret "
    "again. Send a new one."
)


@strawberry.type
class CreateApiKeySuccess:
    """A new key."""

    api_key: ApiKey
    """The key as it is known from now on."""
    secret: str
    """The whole key, as it is sent in the Authorization header. Only this answer has it, and a
    retry with the same Idempotency-Key within a day."""
    viewer: Viewer
    """Who is asking."""


@strawberry.type
class RotateApiKeySuccess:
    """A new key in place of an old one."""

    api_key: ApiKey
    """The new key; `replaces` names the old one."""
    secret: str
    """The whole new key, as it is sent in the Authorization header. Only this answer has it, and a
    retry with the same Idempotency-Key within a day."""
    viewer: Viewer
    """Who is asking."""


@strawberry.type
class RevokeApiKeySuccess:
    """The key is refused from now on."""

    api_key: ApiKey
    """The key that was taken back."""
    viewer: Viewer
    """Who is asking."""


CreateApiKeyResult = Annotated[
    CreateApiKeySuccess
    | InvalidInput
    | Unauthenticated
    | Forbidden
    | Conflict
    | ServiceUnavailable,
    strawberry.union("CreateApiKeyResult", description="The new key, or why there is none."),
]
RotateApiKeyResult = Annotated[
    RotateApiKeySuccess
    | InvalidInput
    | Unauthenticated
    | Forbidden
    | NotFound
    | Conflict
    | ServiceUnavailable,
    strawberry.union("RotateApiKeyResult", description="The new key, or why there is none."),
]
RevokeApiKeyResult = Annotated[
    RevokeApiKeySuccess | Unauthenticated | Forbidden | NotFound | ServiceUnavailable,
    strawberry.union("RevokeApiKeyResult", description="The revoked key, or why it is not."),
]
KeyId = Annotated[strawberry.ID, strawberry.argument(description="Which key.")]


@strawberry.type
class KeyMutations:
    """What partners do with their keys."""

    @strawberry.mutation
    async def create_api_key(
        self,
        info: Info,
        name: Annotated[
            str,
            strawberry.argument(description=f"What you call it, 1 to {NAME_LENGTH} characters."),
        ],
        scopes: Annotated[
            list[ApiScope],
            strawberry.argument(description="What it may be used for; one scope at least."),
        ],
        expires_at: Annotated[
            datetime | None,
            strawberry.argument(
                description="From when it is refused, within ten years; null for never."
            ),
        ] = None,
    ) -> CreateApiKeyResult:
        """Make a key, for partners who are logged in: a key makes no keys. An account has at most
        20 good ones. Send an Idempotency-Key: a retry then answers the same key and secret."""
        context = info.context
        partner = partner_of(context)
        if not isinstance(partner, Account):
            return partner
        label, wanted = name.strip(), frozenset(scopes)
        if faults := _faults(context, label, wanted, expires_at):
            return _invalid(faults)
        change = name_of(context, "createApiKey", partner.id)
        try:
            asked = [label, sorted(wanted), expires_at and expires_at.isoformat()]
            if refused := await mismatch(context, change, asked):
                return refused
            done = await context.services.keys.create(partner, change, label, wanted, expires_at)
        except StoreUnavailable as away:
            return unavailable(away)
        if done is KeyRefusal.NO_ACCOUNT:
            return nobody()
        if done is KeyRefusal.TOO_MANY:
            return InvalidInput.at([], "TOO_MANY_KEYS", f"{_TOO_MANY}.")
        if not isinstance(done, Made):
            return _conflict(_AGAIN, ProblemCode.IDEMPOTENCY_MISMATCH)
        return CreateApiKeySuccess(
            api_key=ApiKey.of(done.key), secret=done.text, viewer=Viewer.of(context)
        )

    @strawberry.mutation
    async def rotate_api_key(
        self,
        info: Info,
        id: KeyId,
        overlap_hours: Annotated[
            int,
            strawberry.argument(
                description=f"How long the old key stays good, 0 to {OVERLAP_HOURS} hours."
            ),
        ] = 24,
    ) -> RotateApiKeyResult:
        """Make a key in place of one that is good: with its name and scopes, and living as long.
        The old one is refused after the overlap, or sooner if it ends sooner. A key is rotated
        once. Send an Idempotency-Key: a retry then answers the same key and secret."""
        context = info.context
        partner = partner_of(context)
        if not isinstance(partner, Account):
            return partner
        if not 0 <= overlap_hours <= OVERLAP_HOURS:
            message = f"overlapHours must be from 0 to {OVERLAP_HOURS}, not {overlap_hours}."
            return InvalidInput.at(["overlapHours"], "RANGE", message)
        key_id = key_id_of(id)
        if key_id is None:
            return NotFound.because(_NO_KEY)
        change = name_of(context, "rotateApiKey", partner.id)
        overlap = timedelta(hours=overlap_hours)
        try:
            if refused := await mismatch(context, change, [key_id, overlap_hours]):
                return refused
            done = await context.services.keys.rotate(partner, change, key_id, overlap)
        except StoreUnavailable as away:
            return unavailable(away)
        if isinstance(done, Made):
            return RotateApiKeySuccess(
                api_key=ApiKey.of(done.key), secret=done.text, viewer=Viewer.of(context)
            )
        return _not_rotated(done)

    @strawberry.mutation
    async def revoke_api_key(self, info: Info, id: KeyId) -> RevokeApiKeyResult:
        """Take a key back: from now on it is refused. Doing so again changes nothing."""
        context = info.context
        partner = partner_of(context)
        if not isinstance(partner, Account):
            return partner
        key_id = key_id_of(id)
        try:
            keys = context.services.keys
            revoked = None if key_id is None else await keys.revoke(partner, key_id)
        except StoreUnavailable as away:
            return unavailable(away)
        if revoked is None:
            return NotFound.because(_NO_KEY)
        return RevokeApiKeySuccess(api_key=ApiKey.of(revoked), viewer=Viewer.of(context))


def _faults(
    context: Context, name: str, scopes: frozenset[ApiScope], expires_at: datetime | None
) -> list[FieldProblem]:
    """Everything that is wrong with the input of a new key."""
    found = []
    if not 1 <= len(name) <= NAME_LENGTH:
        found.append(("name", "LENGTH", f"name must have 1 to {NAME_LENGTH} characters."))
    elif not name.isprintable():
        found.append(("name", "CHARACTERS", "name must be one line of printable characters."))
    if not scopes:
        found.append(("scopes", "EMPTY", "scopes names none; a key needs one at least."))
    if expires_at is not None and expires_at.tzinfo is None:
        found.append(("expiresAt", "TIME_ZONE", "expiresAt must say its offset, such as Z."))
    elif expires_at is not None and not context.now < expires_at <= context.now + LIFE:
        found.append(("expiresAt", "RANGE", "expiresAt must be in the next ten years."))
    return [FieldProblem(path=[at], message=text, rule=rule) for at, rule, text in found]


def _invalid(faults: Sequence[FieldProblem]) -> InvalidInput:
    message = " ".join(fault.message for fault in faults)
    return InvalidInput(
        problem_code=ProblemCode.INVALID_INPUT, message=message, fields=list(faults)
    )


def _not_rotated(refusal: KeyRefusal) -> InvalidInput | NotFound | Conflict:
    match refusal:
        case KeyRefusal.NO_KEY | KeyRefusal.NO_ACCOUNT:
            return NotFound.because(_NO_KEY)
        case KeyRefusal.TOO_MANY:
            message = f"{_TOO_MANY}, or leave no overlap."
            return InvalidInput.at(["overlapHours"], "TOO_MANY_KEYS", message)
        case KeyRefusal.NOT_GOOD:
            return _conflict("The key is revoked or over. Create a new one.")
        case KeyRefusal.REPLACED:
            return _conflict("The key was rotated before. Rotate the one that replaced it.")
        case KeyRefusal.OTHER_KEY:
            return _conflict(_AGAIN, ProblemCode.IDEMPOTENCY_MISMATCH)


def _conflict(message: str, code: ProblemCode = ProblemCode.CONFLICT) -> Conflict:
    return Conflict(problem_code=code, message=message)
