"""A batch: several operations in one Bundle, each with an answer of its own, read together.

https://hl7.org/fhir/R4/http.html#transaction; what asks together here changes nothing, so that
nothing is lost by refusing transactions.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException

from graph.fhir.asking import Asking
from graph.fhir.operations import Asked, asked_of, path_and_query
from graph.fhir.outcomes import Json, Refused, broken, outcome
from schema.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

AWAY = "The catalogue is away at the moment. Please ask again."
Entry = Asked | Refused
"""What an entry asks for, or why it asks for nothing."""


def entries_of(resource: object) -> list[Entry]:
    """What each entry of a batch asks for; raises Refused for what is no batch."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Bundle":
        raise Refused(400, "The body must be a resource of the type Bundle.", "structure")
    if resource.get("type") != "batch":
        sentence = "A Bundle that asks must be of the type batch; transactions are not offered."
        raise Refused(400, sentence, "not-supported")
    listed = resource.get("entry", [])
    if not isinstance(listed, list):
        raise Refused(400, "entry must be a list.", "structure")
    return [_entry(item) for item in listed]


def _entry(item: object) -> Entry:
    request = item.get("request") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(request, dict):
        return Refused(400, "An entry must hold a request.", "structure")
    if not isinstance(request.get("url"), str):
        return Refused(400, "request.url must be a text.", "structure")
    try:
        path, query = path_and_query(request["url"])
        return asked_of(request.get("method"), path, query, item.get("resource"))
    except Refused as refused:
        return refused


async def answered(asking: Asking, entries: Sequence[Entry]) -> Json:
    """The Bundle that answers every entry in its place, whatever became of the others."""
    causes: dict[int, StoreUnavailable] = {}
    told = await asyncio.gather(*(_answer(asking, entry, causes) for entry in entries))
    for away in causes.values():
        _log.warning("store_unavailable", store=away.store, reason=str(away))
    return {"resourceType": "Bundle", "type": "batch-response", "entry": told}


async def _answer(asking: Asking, entry: Entry, causes: dict[int, StoreUnavailable]) -> Json:
    """The answer to one entry; an absence is put among the causes, as one read is many entries'."""
    try:
        if isinstance(entry, Refused):
            raise entry
        resource = await entry.answer(asking)
    except HTTPException as refused:
        return _refused(refused.status_code, outcome(refused))
    except StoreUnavailable as away:
        causes[id(away)] = away
        return _refused(503, outcome(Refused(503, AWAY)))
    except Exception:
        _log.exception("request_failed")
        return _refused(500, broken())
    return {"resource": resource, "response": {"status": _status(200)}}


def _refused(status: int, told: Json) -> Json:
    return {"response": {"status": _status(status), "outcome": told}}


def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}"
