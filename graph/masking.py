"""Errors as clients see them: a code, a sentence and the id of the request; causes go to the log.

Only three kinds of error keep their words: those of the document and its variables, those a
resolver raised on purpose with a code, and nothing else. graphql-core puts the value it could not
serialize into its message, so even its own errors are masked when they come out of an answer.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError

from schema.errors import StoreUnavailable

_log = structlog.get_logger(__name__)


class ErrorCode(StrEnum):
    """The `extensions.code` of an error; clients switch on these names, some of them Apollo's."""

    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    BAD_REQUEST = "BAD_REQUEST"
    """The HTTP request is at fault, before any GraphQL was read."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    """No document has the name that was sent; Apollo's clients then send the text."""
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    """Documents are kept for keyed clients only, or this server takes none but its own."""
    OPERATION_LIMIT_EXCEEDED = "OPERATION_LIMIT_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    """The viewer's points are spent; the answer says when to ask again."""
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


def coded(code: ErrorCode, message: str, **extensions: object) -> GraphQLError:
    """An error that clients may read as it is."""
    return GraphQLError(message, extensions={"code": code.value, **extensions})


def shown(errors: Iterable[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """The `errors` entry of a response; logs every unexpected cause, each once."""
    logged: set[int] = set()
    answer = []
    for error in errors:
        formatted: dict[str, Any] = {**error.formatted, **_public(error, logged)}
        formatted["extensions"] = {**formatted["extensions"], "requestId": request_id}
        answer.append(formatted)
    return answer


def shown_exception(error: Exception, request_id: str) -> list[dict[str, Any]]:
    """The `errors` entry for an exception that came from outside any field."""
    return shown([GraphQLError(str(error), original_error=error)], request_id)


def _public(error: GraphQLError, logged: set[int]) -> dict[str, Any]:
    cause = _cause(error)
    if isinstance(cause, StoreUnavailable):
        _log_once(error, cause, logged)
        return _unavailable(cause)
    extensions = dict(error.extensions or {})
    if isinstance(cause, GraphQLError) and extensions.get("code") in ErrorCode.__members__:
        return {"message": error.message, "extensions": extensions}
    if _is_about_input(error, cause):
        return {"message": error.message, "extensions": {"code": ErrorCode.BAD_USER_INPUT.value}}
    _log_once(error, cause, logged)
    code = ErrorCode.INTERNAL_SERVER_ERROR
    return {"message": "Internal error", "extensions": {"code": code.value}}


def _unavailable(cause: StoreUnavailable) -> dict[str, Any]:
    return {
        "message": "A store did not answer. Please ask again.",
        "extensions": {
            "code": ErrorCode.STORE_UNAVAILABLE.value,
            "retryable": True,
            "retryAfterSeconds": cause.retry_after_seconds,
        },
    }


def _cause(error: GraphQLError) -> Exception:
    """The exception that was raised first."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_about_input(error: GraphQLError, cause: Exception) -> bool:
    """Whether what the client sent is at fault.

    graphql-core blames the part of the document that holds the bad value, a variable definition
    or an argument's value, and blames the field for what went wrong in answering it.
    """
    if isinstance(cause, StrawberryInputCoercionError):
        return True
    if error.nodes:
        return not isinstance(error.nodes[0], FieldNode)
    return error.path is None and isinstance(cause, GraphQLError)


def _log_once(error: GraphQLError, cause: Exception, logged: set[int]) -> None:
    """One line for each cause, even where it failed several fields."""
    if id(cause) in logged:
        return
    logged.add(id(cause))
    path = ".".join(map(str, error.path or ()))
    if isinstance(cause, StoreUnavailable):
        _log.warning("store_unavailable", path=path, store=cause.store, reason=str(cause))
    else:
        _log.error("request_failed", path=path, exc_info=cause)
