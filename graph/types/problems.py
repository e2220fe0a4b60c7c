"""Expected refusals as data: what was asked, what was found, what to do."""

from enum import StrEnum

import strawberry

from graph.types.codes import Code
from graph.types.upgrade import UpgradeOffer
from schema.accounts import ApiScope

strawberry.enum(ApiScope)


@strawberry.enum
class ProblemCode(StrEnum):
    """The kinds of refusal, for programs."""

    NOT_FOUND = "NOT_FOUND"
    """The system is loaded and has no such code."""
    INVALID_INPUT = "INVALID_INPUT"
    """The question cannot be asked so."""
    NOT_LOADED = "NOT_LOADED"
    """What was asked about exists, and is not loaded here for that date."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """Nobody is logged in, or what was given proves nobody."""
    FORBIDDEN = "FORBIDDEN"
    """This viewer may not ask that."""
    CONFLICT = "CONFLICT"
    """It cannot be done as things stand."""
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    """The same Idempotency-Key came before with another request."""
    VIEW_LIMIT_REACHED = "VIEW_LIMIT_REACHED"
    """The allowance of code page views is spent."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too many requests in a short time."""
    METER_UNAVAILABLE = "METER_UNAVAILABLE"
    """The usage ledger does not answer, so no page can be opened. The view may have been recorded
    all the same: asking again for the same code is never charged twice."""
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    """The catalogue does not answer."""


@strawberry.interface
class Problem:
    """A refusal that the product expects."""

    problem_code: ProblemCode
    """What kind of refusal, for programs."""
    message: str
    """What was asked, what was found and what to do, for people."""


@strawberry.type
class FieldProblem:
    """What is wrong with one input."""

    path: list[str]
    """The names from the root field's arguments down to the input."""
    message: str
    """What is wrong."""
    rule: str
    """The rule that was broken, for programs."""


@strawberry.type
class InvalidInput(Problem):
    """The question cannot be answered as it was asked."""

    fields: list[FieldProblem]
    """Every fault found."""

    @classmethod
    def of(cls, faults: list[FieldProblem]) -> "InvalidInput":
        """Several faults, one or more."""
        message = " ".join(fault.message for fault in faults)
        return cls(problem_code=ProblemCode.INVALID_INPUT, message=message, fields=faults)

    @classmethod
    def at(
        cls, path: list[str], rule: str, message: str, code: ProblemCode = ProblemCode.INVALID_INPUT
    ) -> "InvalidInput":
        """One fault in one input."""
        fault = FieldProblem(path=path, message=message, rule=rule)
        return cls(problem_code=code, message=message, fields=[fault])


@strawberry.type
class NotFound(Problem):
    """There is nothing that the question names: no such code in that system, or nothing of that
    id that the viewer may know of."""

    @classmethod
    def because(cls, message: str) -> "NotFound":
        """What was not found, and what to do."""
        return cls(problem_code=ProblemCode.NOT_FOUND, message=message)


@strawberry.type
class Forbidden(Problem):
    """This viewer may not ask that."""

    upgrade: UpgradeOffer | None = None
    """What would allow it; null when nothing the viewer can do would."""
    required_scope: ApiScope | None = None
    """The scope that the key lacks; null when that is not why."""


@strawberry.type
class Unauthenticated(Problem):
    """Nobody is logged in, or what was given proves nobody."""


@strawberry.type
class Conflict(Problem):
    """It cannot be done as things stand; the message says what stands in its way."""


@strawberry.type
class RateLimited(Problem):
    """Too many requests in a short time."""

    retry_after_seconds: int
    """How long to wait."""

    @classmethod
    def after(cls, seconds: int) -> "RateLimited":
        """The refusal of what may be tried again in so many seconds."""
        return cls(
            problem_code=ProblemCode.RATE_LIMITED,
            message=f"Too many tries. Try again in {_in_words(seconds)}.",
            retry_after_seconds=seconds,
        )


@strawberry.type
class ServiceUnavailable(Problem):
    """A part of the service is away. Ask again: nothing is lost, and nothing charged twice."""

    retry_after_seconds: int
    """How long to wait before asking again."""


@strawberry.type
class CodeCandidates:
    """The codes that a text without a system may mean."""

    candidates: list[Code]
    """One for each system that has it, in the order of the systems."""


def _in_words(seconds: int) -> str:
    """A time to wait, as people say it, never too short."""
    for unit, name in ((3600, "hour"), (60, "minute")):
        if seconds > unit:
            count = -(-seconds // unit)
            return f"{count} {name}s" if count > 1 else f"{count} {name}"
    return f"{seconds} seconds" if seconds > 1 else "a second"
