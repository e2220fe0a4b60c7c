"""From a reference in a question to a code, or to the typed answer that says why there is none."""

from datetime import date
from typing import Annotated

import strawberry
import structlog

from graph import ids
from graph.day import EARLIEST, LATEST, Day
from graph.types.codes import Code
from graph.types.problems import (
    CodeCandidates,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
)
from graph.wanted import CodeAsked
from schema import codes as shapes
from schema.codes import CodeMissing, CodeSystemKey, MissingReason
from schema.errors import StoreUnavailable

NO_CODE = "The text cannot be a code of any system."
"""Why a text has no translations that no system could have as a code."""

_log = structlog.get_logger(__name__)


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


def day_of(as_of: date | None, today: Day, name: str = "asOf") -> Day | InvalidInput:
    """The day to answer as of, or why the one that the argument `name` gives cannot be."""
    if not as_of:
        return today
    if EARLIEST <= as_of <= LATEST:
        return Day(as_of, is_named=True)
    message = f"{name} must be from {EARLIEST} to {LATEST}, not {as_of}."
    return InvalidInput.at([name], "DATE_RANGE", message)


def asked_of(
    ref: CodeRef, as_of: date | None, today: Day, path: list[str]
) -> CodeAsked | InvalidInput:
    """What a reference at `path` asks for, or why it asks for nothing.

    An id that names a day asks as of that day, unless the question names another.
    """
    on = day_of(as_of, today)
    if isinstance(on, InvalidInput):
        return on
    if ref.key:
        return CodeAsked(ref.key.system, ref.key.value, on)
    if ref.id is strawberry.UNSET:
        return CodeAsked(None, ref.value or "", on)
    decoded = ids.decode_code(ref.id or "")
    if decoded is None:
        return InvalidInput.at([*path, "id"], "CODE_ID", "The id is not the id of a code.")
    key, named = decoded
    return CodeAsked(key.system, key.value, on if as_of else named or on)


def text_of(ref: CodeRef) -> str:
    """The reference as it was given, for the answer to repeat."""
    if ref.key:
        return f"{ref.key.system}:{ref.key.value}"
    return ref.value or ref.id or ""


def answer(found: shapes.CodeLookup, on: Day, path: list[str]) -> CodeLookupResult:
    """The published form of the result of looking up the reference at `path`."""
    if isinstance(found, CodeMissing):
        return missing(found, path)
    if isinstance(found, tuple):
        return CodeCandidates(candidates=[Code.of(code, on) for code in found])
    return Code.of(found, on)


def missing(found: CodeMissing, path: list[str]) -> NotFound | InvalidInput:
    """The answer when there is no code: never "not found" for what is merely not loaded."""
    match found.reason:
        case MissingReason.UNKNOWN:
            return NotFound(problem_code=ProblemCode.NOT_FOUND, message=found.message)
        case MissingReason.NOT_LOADED:
            return InvalidInput.at(path, "NOT_LOADED", found.message, ProblemCode.NOT_LOADED)
        case MissingReason.NOT_A_CODE:
            return InvalidInput.at(path, "CODE_FORM", found.message)


def unavailable(away: StoreUnavailable) -> ServiceUnavailable:
    """The answer while a store is away, which the log is told too."""
    _log.warning("store_unavailable", store=away.store, reason=str(away))
    if away.store == "valkey":
        # A call that was sent may still be carried out, however late its store answers.
        code, message = (
            ProblemCode.METER_UNAVAILABLE,
            (
                "Pages cannot be opened at the moment. Please ask again for the same code: "
                "it is never charged twice."
            ),
        )
    else:
        code, message = (
            ProblemCode.STORE_UNAVAILABLE,
            ("The catalogue is away at the moment. Please ask again."),
        )
    return ServiceUnavailable(
        problem_code=code,
        message=message,
        retry_after_seconds=away.retry_after_seconds,
    )
