"""The operations by their paths: what one request, or one entry of a batch, asks for."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from graph.fhir.asking import Asking
from graph.fhir.capability import metadata
from graph.fhir.given import Given
from graph.fhir.lookup import lookup
from graph.fhir.outcomes import Json, Refused, shown
from graph.fhir.translate import translate
from graph.fhir.validate import validate_code

Operation = Callable[[Asking, Given], Awaitable[Json]]
_OPERATIONS: dict[str, Operation] = {
    "metadata": metadata,
    "CodeSystem/$lookup": lookup,
    "CodeSystem/$validate-code": validate_code,
    "ConceptMap/$translate": translate,
}
_FIELDS_MOST = 500
"""Parameters that the query of one address may hold."""


@dataclass(frozen=True)
class Asked:
    """One operation, with what it is given."""

    path: str
    operation: Operation
    given: Given

    async def answer(self, asking: Asking) -> Json:
        """The resource that answers; raises Refused, StoreUnavailable."""
        return await self.operation(asking, self.given)


def asked_of(method: object, path: str, query: str, body: object = None) -> Asked:
    """The operation at a path below the address of FHIR; raises Refused.

    `body` is the resource of a POST; a GET has none.
    """
    path = path.strip("/")
    operation = _OPERATIONS.get(path)
    if operation is None:
        offered = ", ".join(_OPERATIONS)
        sentence = f"{shown(path)} is not offered here; there are {offered}."
        raise Refused(404, sentence, "not-supported")
    allowed = ("GET",) if path == "metadata" else ("GET", "POST")
    if method not in allowed:
        headers = {"Allow": ", ".join(allowed)}
        raise Refused(405, f"Use {' or '.join(allowed)}.", headers=headers)
    given = _of_query(query)
    if method == "POST":
        given += Given.of_resource(body)
    return Asked(path, operation, given)


def path_and_query(url: str) -> tuple[str, str]:
    """What the address of an entry asks for; a whole address is taken for one of this server."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused(400, f"{shown(url)} is no address.", "value") from None
    path = re.sub(r"^.*/fhir/", "", parts.path) if parts.scheme else parts.path
    return unquote(path), parts.query


def _of_query(query: str) -> Given:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_FIELDS_MOST)
    except ValueError:
        raise Refused(400, f"The address has more than {_FIELDS_MOST} parameters.") from None
    return Given.of_query(pairs)
