"""Reads one GraphQL request from HTTP: what is accepted, from whom, how long, in which shape.

What is refused here is refused by `HTTPException`, with the sentence that the client may read.
The rules are those of GraphQL over HTTP (https://graphql.github.io/graphql-over-http/).
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from graph.identity import Identify, Visit
from graph.trusted import document_id

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
KNOWN_SECONDS = 1.0
"""How long somebody is taken for who they were when their request began. A body may take thirty
times that to arrive, and its session or key may have ended meanwhile."""
_BODY_SECONDS = 30.0
"""Time a client may take to send its body."""
_DISCARDED_BYTES = 64_000_000
"""How much of a body that is too long is read and thrown away. A client listens when it has sent
everything, and closing on it before that loses the answer that says what is wrong."""
Asked = TypeVar("Asked")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{8,64}")


@dataclass(frozen=True, slots=True)
class Params:
    """What a client asks to be run."""

    query: str | None
    """The document; None where only its name is sent."""
    operation_name: str | None
    variables: dict[str, Any]
    document_id: str | None = None
    """Its name, `<algorithm>:<digest>`; None where none is sent."""
    is_apollo: bool = False
    """Whether the name came as Apollo's clients send it, who then send the text with it."""


def answer_type(accept: str | None) -> str | None:
    """The media type to answer with; None when the client takes neither.

    Clients that name no type get application/json, on which every client ever written relies.
    """
    if not accept or not accept.strip():
        return JSON
    ranges = _ranges(accept)
    ranked = max(
        # Of two types wanted alike, the newer one wins if it was named and JSON if it was not.
        (*_wanted(media_type, ranges), is_newer == _names(ranges, GRAPHQL_RESPONSE), media_type)
        for media_type, is_newer in ((JSON, False), (GRAPHQL_RESPONSE, True))
    )
    return ranked[-1] if ranked[0] > 0 else None


def _ranges(accept: str) -> dict[str, float]:
    """The quality asked for each media range."""
    ranges = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        ranges[name] = float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality) else 0.0
    return ranges


def _wanted(media_type: str, ranges: Mapping[str, float]) -> tuple[float, int]:
    """(quality, how precisely it was named) of one type: the most precise range decides."""
    for precision, name in ((2, media_type), (1, "application/*"), (0, "*/*")):
        if name in ranges:
            return ranges[name], precision
    return 0.0, 0


def _names(ranges: Mapping[str, float], media_type: str) -> bool:
    return media_type in ranges


def refuse_foreign_page(request: Request, allowed_origins: Collection[str]) -> None:
    """Raises 403 for a browser acting for another site, unless that site is on the list.

    Queries are guarded like mutations, since opening a page spends a view. Programs that are no
    browsers send neither header and pass: they carry nobody's cookies.
    """
    origin = request.headers.get("origin")
    if origin in allowed_origins:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        # Browsers leave Sec-Fetch-Site out over plain http.
        is_own = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if not is_own:
        raise HTTPException(403, "Requests from pages of other sites are refused.")


def idempotency_key(request: Request) -> str | None:
    """The client's name for this request, by which a retry is known; None when it gave none."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise HTTPException(400, "Idempotency-Key must be 8 to 64 visible ASCII characters.")
    return key


async def asked_by(
    request: Request, identify: Identify, read: Callable[[Visit], Awaitable[Asked]]
) -> tuple[Visit, Asked]:
    """Who asks, once all of the request is there, and what: `read` reads it."""
    began = time.monotonic()
    visit = await identify(request)
    asked = await read(visit)
    if time.monotonic() - began > KNOWN_SECONDS:
        visit = await identify(request)
    return visit, asked


async def read_params(request: Request, most_bytes: int) -> Params:
    """The parameters of a GET or POST; a body is kept no further than `most_bytes`."""
    if request.method == "GET":
        return _params(_from_query(request, most_bytes))
    _refuse_media_type(request)
    body = await read_body(request, most_bytes)
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise HTTPException(400, "The body is not JSON in UTF-8.") from None
    if isinstance(given, list):
        raise HTTPException(400, "Batches are not answered; send one operation a request.")
    if not isinstance(given, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return _params(given)


def _from_query(request: Request, most_bytes: int) -> dict[str, Any]:
    if len(request.scope["query_string"]) > most_bytes:
        raise HTTPException(414, f"The query string is longer than {most_bytes} bytes.")
    given: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if text := given.pop(name, None):
            try:
                given[name] = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise HTTPException(400, f"{name} is not JSON.") from None
    return given


def _refuse_media_type(request: Request) -> None:
    media_type, *parameters = request.headers.get("content-type", "").lower().split(";")
    charsets = [p.strip() for p in parameters if p.strip().startswith("charset=")]
    is_utf8 = all(c.partition("=")[2].strip('"') in ("utf-8", "utf8") for c in charsets)
    is_plain = request.headers.get("content-encoding", "identity").lower() == "identity"
    if media_type.strip() != JSON or not is_utf8 or not is_plain:
        raise HTTPException(
            415, f"Send {JSON} in UTF-8, not compressed.", headers={"Accept-Post": JSON}
        )


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The body of a request; raises HTTPException 413 for a longer one, 408 for a slow one."""
    body, received = bytearray(), 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                received += len(chunk)
                if received <= most_bytes:
                    body += chunk
                elif received > _DISCARDED_BYTES:
                    break
    except TimeoutError:
        message = f"The body did not arrive within {_BODY_SECONDS:.0f} seconds."
        raise HTTPException(408, message, headers={"Connection": "close"}) from None
    if received > most_bytes:
        message = f"The body is longer than {most_bytes} bytes."
        raise HTTPException(413, message, headers={"Connection": "close"})
    return bytes(body)


def _params(given: dict[str, Any]) -> Params:
    operation_name = given.get("operationName")
    if not isinstance(operation_name, str | None):
        raise HTTPException(400, "operationName must be a string.")
    for name in ("variables", "extensions"):
        if not isinstance(given.get(name), dict | None):
            raise HTTPException(400, f"{name} must be an object.")
    document, is_apollo = _named(given)
    query = given.get("query")
    if query is None and document is not None:
        pass
    elif not isinstance(query, str) or not query:
        raise HTTPException(400, "query must be a string that is not empty.")
    elif document is not None and not is_apollo:
        raise HTTPException(400, "Send a document or its name, not both.")
    variables = given.get("variables") or {}
    return Params(query, operation_name or None, variables, document, is_apollo)


def _named(given: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The name of the document, and whether Apollo's clients send it so: `documentId` of the
    specification's appendix, `id` or `doc_id` of Relay, `persistedQuery` of Apollo."""
    for field in ("documentId", "id", "doc_id"):
        if (name := given.get(field)) is not None:
            return _document_id(field, name), False
    persisted = (given.get("extensions") or {}).get("persistedQuery")
    if persisted is None:
        return None, False
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise HTTPException(400, "persistedQuery must be an object of version 1.")
    name = _document_id("sha256Hash", persisted.get("sha256Hash"))
    if not name.startswith("sha256:"):
        raise HTTPException(400, "sha256Hash must be a SHA-256 digest.")
    return name, True


def _document_id(field: str, name: object) -> str:
    known = document_id(name) if isinstance(name, str) else None
    if known is None:
        raise HTTPException(400, f"{field} must be a SHA-256, SHA-1 or MD5 digest in hexadecimal.")
    return known
