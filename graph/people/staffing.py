"""What the mutations of staff have in common: their parts, their names, their faults."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from graph.context import Context
from graph.lookup import unavailable
from graph.people.naming import mismatch, name_of, request_id_of
from graph.people.terms import Fault
from graph.types.problems import (
    Conflict,
    FieldProblem,
    InvalidInput,
    NotFound,
    ProblemCode,
    ServiceUnavailable,
)
from schema.accounts import Account
from schema.acts import REASON_MAX_LENGTH
from schema.errors import StoreUnavailable
from schema.subscriptions import LATEST_END


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants a change, and why."""

    staff: Account
    operation: str
    reason: str

    async def request_id(self, context: Context, wanted: Mapping[str, object]) -> str | Conflict:
        """What the change is called in the stores, the same on each retry; or the refusal of an
        Idempotency-Key that came with another input. Raises StoreUnavailable."""
        name = name_of(context, self.operation, self.staff.id)
        clash = await mismatch(context, name, dict(wanted))
        if clash is not None:
            return clash
        # Names are forgotten after a day: another input is then another change all the same.
        return request_id_of(name, orjson.dumps(dict(wanted), option=orjson.OPT_SORT_KEYS).decode())


def faults_of_reason(reason: str) -> list[Fault]:
    """What is wrong with a reason, which stands in the log for ever."""
    if reason.strip() and len(reason) <= REASON_MAX_LENGTH and reason.isprintable():
        return []
    message = f"A reason is one line of 1 to {REASON_MAX_LENGTH} characters that names nobody."
    return [("reason", "REASON", message)]


def faults_of_end(name: str, at: datetime | None, now: datetime) -> list[Fault]:
    """What is wrong with the end of something that begins now."""
    if at is not None and at <= now:
        return [(name, "IN_THE_PAST", "The end must lie ahead.")]
    if at is not None and at >= LATEST_END:
        return [(name, "TOO_LATE", "The end must lie before the year 3000; null is for never.")]
    return []


def utc(at: datetime | None) -> datetime | None:
    """An instant as it was given; without a zone it is UTC."""
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def invalid(faults: Iterable[Fault]) -> InvalidInput:
    """The published form of the faults of the argument `input`."""
    found = [
        FieldProblem(path=["input", *map(_camel, name.split("."))], message=message, rule=rule)
        for name, rule, message in faults
    ]
    return InvalidInput(
        problem_code=ProblemCode.INVALID_INPUT,
        message=" ".join(fault.message for fault in found),
        fields=found,
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def no_account() -> NotFound:
    """The answer when a text means no account."""
    return NotFound.because("No account has that id or address.")


def away(lost: StoreUnavailable) -> ServiceUnavailable:
    """The answer when nobody knows whether a change was made."""
    answer = unavailable(lost)
    answer.message = (
        "A store does not answer. It may have been done all the same: send it again with the same "
        "Idempotency-Key within the hour, and it is done once."
    )
    return answer
