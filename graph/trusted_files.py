"""Files that list the documents of a client: what its compiler writes, or one document alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLError

from graph.api import api
from graph.documents import Documents
from graph.limits import LIMITS
from graph.trusted import document_id, names_of
from schema.errors import FileRefused
from schema.people import ViewerKind

MOST_BYTES = 20_000_000
"""Largest file that is read."""


def read_documents(path: Path) -> dict[str, str]:
    """The documents of a file by every name that a client may send; raises FileRefused.

    A `.json` file is what graphql-codegen or relay-compiler writes (an object of texts by digest),
    or an Apollo manifest of operations. Any other file is one document. Each has to be valid for
    this schema, and each name the digest of its text.
    """
    file = path.name
    content = _content(path)
    documents = Documents(api())
    named: dict[str, str] = {}
    for given, text in _listed(file, content) if path.suffix == ".json" else [(None, content)]:
        names = names_of(text)
        id = names["sha256"] if given is None else document_id(given)
        if id is None or id not in names.values():
            raise FileRefused(file, f"{given} is not the SHA-256, SHA-1 or MD5 of its document")
        refused = documents.read(text, LIMITS[ViewerKind.PARTNER])
        if isinstance(refused, list):
            raise FileRefused(file, _reason(id, refused[0]))
        named |= {names["sha256"]: text, id: text}
    if not named:
        raise FileRefused(file, "lists no documents")
    return named


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FileRefused(path.name, f"is larger than {MOST_BYTES:,} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as unreadable:
        raise FileRefused(path.name, f"cannot be read: {unreadable.strerror}") from unreadable
    except UnicodeDecodeError as odd:
        raise FileRefused(path.name, "is not UTF-8 text") from odd


def _listed(file: str, content: str) -> Iterator[tuple[str, str]]:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError as broken:
        line, column = broken.lineno, broken.colno
        raise FileRefused(file, "is not JSON", line=line, column=column) from broken
    if not isinstance(told, dict):
        raise FileRefused(file, "is not a JSON object")
    pairs = _operations(told) if "operations" in told else told.items()
    for id, text in pairs:
        if not isinstance(id, str) or not isinstance(text, str):
            raise FileRefused(file, f"has no text for {id}")
        yield id, text


def _operations(manifest: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Ids and texts of an Apollo manifest."""
    operations = manifest["operations"]
    for operation in operations if isinstance(operations, list) else [None]:
        told = operation if isinstance(operation, dict) else {}
        yield told.get("id"), told.get("body")


def _reason(id: str, error: GraphQLError) -> str:
    place = error.locations[0] if error.locations else None
    where = f" (line {place.line}, column {place.column} of it)" if place else ""
    return f"{id}: {error.message}{where}"
