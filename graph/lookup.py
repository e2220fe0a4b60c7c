"""From a reference in a question to a code, or to the typed answer that says why there is none."""

from datetime import date
from typing import Annotated

import strawberry

from graph import ids
from graph.loaders import CodeAsked
from graph.types.codes import Code
from graph.types.problems import (
    CodeCandidates,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
)
from schema import codes as shapes
from schema.codes import CodeMissing, CodeSystemKey, MissingReason
from schema.errors import StoreUnavailable


@strawberry.input
class CodeKeyInput:
    """A code by its identity."""

    system: CodeSystemKey
    """The system."""
    value: str
    """The code as printed or as stored: dots, blanks and case do not matter."""


@strawberry.input(one_of=True)
class CodeRef:
    """A code, in one of three ways."""

    id: strawberry.ID | None = strawberry.UNSET
    """By the id of an earlier answer."""
    key: CodeKeyInput | None = strawberry.UNSET
    """By system and value."""
    value: str | None = strawberry.UNSET
    """By value alone, which may be answered with candidates."""


CodeLookupResult = Annotated[
    Code | CodeCandidates | NotFound | InvalidInput | ServiceUnavailable,
    strawberry.union("CodeLookupResult", description="The code, or why there is none."),
]


@strawberry.type
class CodeLookupItem:
    """The answer to one reference of a batch."""

    requested: str
    """The reference as it was given."""
    result: CodeLookupResult
    """The code, or why there is none."""


AsOf = Annotated[
    date | None,
    strawberry.argument(description="The date to answer as of; null for today, UTC."),
]


def asked_of(ref: CodeRef, on: date) -> CodeAsked | InvalidInput:
    """What a reference asks for, or why it asks for nothing."""
    if ref.key:
        return CodeAsked(ref.key.system, ref.key.value, on)
    if ref.value:
        return CodeAsked(None, ref.value, on)
    key = ids.decode_code(ref.id or "")
    if key is None:
        return InvalidInput.at(["ref", "id"], "CODE_ID", "The id is not the id of a code.")
    return CodeAsked(key.system, key.value, on)


def text_of(ref: CodeRef) -> str:
    """The reference as it was given, for the answer to repeat."""
    if ref.key:
        return f"{ref.key.system}:{ref.key.value}"
    return ref.value or ref.id or ""


def answer(found: shapes.CodeLookup, on: date) -> CodeLookupResult:
    """The published form of a look-up's result."""
    if isinstance(found, CodeMissing):
        return missing(found)
    if isinstance(found, tuple):
        return CodeCandidates(candidates=[Code.of(code, on) for code in found])
    return Code.of(found, on)


def missing(found: CodeMissing) -> NotFound | InvalidInput:
    """The answer when there is no code: never "not found" for what is merely not loaded."""
    match found.reason:
        case MissingReason.UNKNOWN:
            return NotFound(problem_code=ProblemCode.NOT_FOUND, message=found.message)
        case MissingReason.NOT_LOADED:
            return InvalidInput.at(["asOf"], "NOT_LOADED", found.message, ProblemCode.NOT_LOADED)
        case MissingReason.NOT_A_CODE:
            return InvalidInput.at(["ref"], "CODE_FORM", found.message)


def unavailable(away: StoreUnavailable) -> ServiceUnavailable:
    """The answer while a store is away."""
    if away.store == "valkey":
        code, message = ProblemCode.METER_UNAVAILABLE, "Pages cannot be opened at the moment."
    else:
        code, message = ProblemCode.STORE_UNAVAILABLE, "The catalogue is away at the moment."
    return ServiceUnavailable(
        problem_code=code,
        message=f"{message} Nothing was charged; please ask again.",
        retry_after_seconds=away.retry_after_seconds,
    )
