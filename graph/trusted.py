"""Documents by name: those that the site's own clients were built with, and those that a keyed
client sent before."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace

from graph.limits import LIMITS, Limits
from schema.people import ViewerKind

REMEMBERED_BYTES = 10_000
"""Longest document, in UTF-8, that is kept for a keyed client."""
_KEPT_TEXTS = 1_000
_ID = re.compile(r"(?:(sha256|sha1|md5):)?([0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})", re.IGNORECASE)
_ALGORITHMS = {64: "sha256", 40: "sha1", 32: "md5"}


def document_id(text: str) -> str | None:
    """The name `<algorithm>:<digest>` that a client means; None for what is no digest.

    Clients write the digest alone, too: its length tells the algorithm.
    """
    found = _ID.fullmatch(text)
    if found is None:
        return None
    algorithm, digest = found[1], found[2].lower()
    meant = _ALGORITHMS[len(digest)]
    return f"{meant}:{digest}" if algorithm is None or algorithm.lower() == meant else None


def names_of(text: str) -> dict[str, str]:
    """Every name that a text may go by, by algorithm."""
    raw = text.encode()
    return {
        algorithm: f"{algorithm}:{hashlib.new(algorithm, raw, usedforsecurity=False).hexdigest()}"
        for algorithm in _ALGORITHMS.values()
    }


def trusted_limits(limits: Limits) -> Limits:
    """What a document that we know may cost whoever sends it: the lists it is given, the time it
    takes and the points it costs bound it, not its form."""
    partner, registered = LIMITS[ViewerKind.PARTNER], LIMITS[ViewerKind.REGISTERED]
    return replace(
        partner,
        body_bytes=limits.body_bytes,
        code_pages=max(limits.code_pages, registered.code_pages),
        list_items=limits.list_items,
        deadline_seconds=limits.deadline_seconds,
    )


class TrustedTexts:
    """The documents that were added, those used longest ago forgotten first. Raises
    StoreUnavailable for one that is not in memory while PostgreSQL is away."""

    def __init__(self, find: Callable[[str], Awaitable[str | None]]) -> None:
        """`find` answers the text of a name, None where there is none."""
        self._find = find
        self._kept: OrderedDict[str, str] = OrderedDict()

    async def text_of(self, id: str) -> str | None:
        """The text of that name; None when nobody added it."""
        text = self._kept.get(id)
        if text is None:
            # One that is unknown is asked for each time: it may be added meanwhile.
            text = await self._find(id)
            if text is None:
                return None
            self._kept[id] = text
            if len(self._kept) > _KEPT_TEXTS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(id)
        return text
