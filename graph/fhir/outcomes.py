"""Refusals as FHIR tells them: a status, and an OperationOutcome with a code and a sentence."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from schema.codes import CodeMissing, MissingReason

Json = dict[str, Any]
"""A resource, or a part of one, as it is written."""
PROBLEMS = "urn:codestile:problem"
"""The system of the codes that tell why a code cannot be answered, those of `MissingReason`."""
_CODES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    413: "too-long",
    414: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
    504: "timeout",
}
"""What kind of refusal a status is, in the words of FHIR's issue-type."""
SHOWN = 80
"""Characters that are repeated of a text which was not understood."""


class Refused(HTTPException):
    """What cannot be answered; the sentence is for whoever asked."""

    def __init__(
        self,
        status: int,
        sentence: str,
        code: str | None = None,
        *,
        problem: MissingReason | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`code` is one of FHIR's issue-type, by default that of the status; `problem` tells
        apart what is unknown and what is not loaded."""
        super().__init__(status, sentence, headers)
        self.code = code or _CODES[status]
        self.problem = problem


def outcome(refused: HTTPException) -> Json:
    """The OperationOutcome that tells a refusal, ours or one of HTTP."""
    code = refused.code if isinstance(refused, Refused) else _CODES.get(refused.status_code)
    issue: Json = {
        "severity": "error",
        "code": code or "processing",
        "diagnostics": refused.detail,
    }
    if isinstance(refused, Refused) and refused.problem is not None:
        issue["details"] = {"coding": [{"system": PROBLEMS, "code": refused.problem.value}]}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def broken() -> Json:
    """The OperationOutcome for a fault of ours; the cause is in the log."""
    issue = {"severity": "fatal", "code": "exception", "diagnostics": "Internal error"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def absent(found: CodeMissing) -> Refused:
    """Why there is no such code; what is not loaded is never told as what does not exist."""
    if found.reason is MissingReason.NOT_A_CODE:
        return Refused(400, found.message, "code-invalid", problem=found.reason)
    return Refused(404, found.message, problem=found.reason)


def shown(text: str) -> str:
    """A text as a sentence repeats it."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
