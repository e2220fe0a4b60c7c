"""The name of a change: what its Idempotency-Key makes of it, so that a retry changes nothing more.

A change does its work under ids derived from its name, so doing it again finds it done; nothing of
its answer is kept. What is kept, for a day, is a digest of its input: another request under the
same name is refused.
"""

import hashlib

import orjson

from db.requests import claim
from graph.context import Context
from graph.people.request_ids import request_id_of
from graph.types.problems import Conflict, ProblemCode

__all__ = ["mismatch", "name_of", "request_id_of"]


def name_of(context: Context, operation: str, who: str) -> bytes:
    """32 bytes that name this change of this client, the same on each retry.

    `who` is whoever asks: the same key of somebody else names another change. Without a key of the
    client's own every request is another.
    """
    parts = "\0".join((operation, who, context.request_key))
    return hashlib.sha256(parts.encode()).digest()


async def mismatch(context: Context, name: bytes, wanted: object) -> Conflict | None:
    """The refusal of a name that was given to another request before; `wanted` is the input, ready
    for JSON. Raises StoreUnavailable."""
    if not context.has_own_key:
        return None
    digest = hashlib.sha256(orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)).digest()
    if await claim(context.services.database, name, digest):
        return None
    return Conflict(
        problem_code=ProblemCode.IDEMPOTENCY_MISMATCH,
        message="This Idempotency-Key came before with another request. Send a new one.",
    )
