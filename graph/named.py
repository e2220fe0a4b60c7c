"""From what a client sends to the document it means: the text itself, or the name of one."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from graphql import GraphQLError

from graph.documents import Document, Documents
from graph.identity import Visit
from graph.limits import Limits
from graph.masking import ErrorCode, coded
from graph.request import Params
from graph.trusted import REMEMBERED_BYTES, TrustedTexts, trusted_limits
from metering.remembered import RememberedDocuments
from schema.errors import StoreUnavailable

Read = tuple[Document, Limits] | list[GraphQLError]
"""A document and what it may cost, or why there is none."""


@dataclass(frozen=True, slots=True)
class Named:
    """Where documents that are sent by name come from."""

    trusted: TrustedTexts
    remembered: RememberedDocuments
    takes_any: bool = True
    """Whether other documents than the trusted ones are answered."""


class DocumentReader:
    """Reads the document of a request."""

    def __init__(self, documents: Documents, named: Named | None) -> None:
        """`named` None: no document has a name."""
        self._documents = documents
        self._named = named

    async def read(self, params: Params, visit: Visit, limits: Limits) -> Read:
        """The document that is meant. Raises StoreUnavailable where its name cannot be looked
        up."""
        if self._named is None:
            return self._judged(params.query, limits) if params.query else _not_found()
        if params.document_id is not None:
            if params.query is not None and not _is_named(params.query, params.document_id):
                return [coded(ErrorCode.BAD_USER_INPUT, "sha256Hash is not that of the query.")]
            text = await self._named.trusted.text_of(params.document_id)
            if text is not None:
                return self._judged(text, trusted_limits(limits))
        if not self._named.takes_any:
            return _not_supported("Only documents that this server knows are answered.")
        if params.query is None:
            return await self._remembered(params, visit, limits)
        read = self._judged(params.query, limits)
        if params.document_id is not None and isinstance(read, tuple):
            await self._keep(params.query, params.document_id, visit)
        return read

    def _judged(self, text: str, limits: Limits) -> Read:
        document = self._documents.read(text, limits)
        return (document, limits) if isinstance(document, Document) else document

    async def _remembered(self, params: Params, visit: Visit, limits: Limits) -> Read:
        """A document that a keyed client sent before; of others none is kept."""
        assert self._named is not None
        assert params.document_id is not None
        if not params.is_apollo:
            return _not_found()
        if visit.key is None:
            return _not_supported("Documents are kept for clients with a key only.")
        text = await self._named.remembered.find(_digest(params.document_id))
        if text is None or not _is_named(text, params.document_id):
            return _not_found()
        return self._judged(text, limits)

    async def _keep(self, text: str, id: str, visit: Visit) -> None:
        """Keep a document that passed, for whoever with a key sends its name next."""
        assert self._named is not None
        if visit.key is not None and len(text.encode()) <= REMEMBERED_BYTES:
            with suppress(StoreUnavailable):  # the client sends it again
                await self._named.remembered.keep(_digest(id), text)


def _digest(id: str) -> bytes:
    return bytes.fromhex(id.partition(":")[2])


def _is_named(text: str, id: str) -> bool:
    return hashlib.sha256(text.encode()).digest() == _digest(id)


def _not_found() -> list[GraphQLError]:
    # Apollo's clients compare the words.
    return [coded(ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")]


def _not_supported(reason: str) -> list[GraphQLError]:
    error = coded(
        ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported", reason=reason
    )
    return [error]
