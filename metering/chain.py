"""The chain of a shard's archive: each event sealed to all before it, and signed checkpoints.

    public      the public fields of the entry, as JSON
    commitment  SHA-256(salt, private): private fields as JSON, salt of their viewer
    link        SHA-256(link before, id, public, commitment)

The JSON of fields is one object of strings with sorted names, no blanks, UTF-8. A salt, a link and
a commitment are 32 bytes and an id has no brace, so every part of what is hashed has one reading.
Nothing here may change: the links of stored events depend on it.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

START = bytes(32)
"""The link before the first event of a shard."""
NO_SALT = bytes(32)
"""The salt of an event that has no viewer."""
PRIVATE_FIELDS = ("viewer", "request", "from", "to", "codes", "reason")
"""The fields that an erasure takes away; all others are public."""


class Checkpoint(NamedTuple):
    """What is signed: where a shard's chain stood."""

    shard: int
    seq: int
    """The last event of the link."""
    chain: bytes
    at_ms: int
    """When it was signed, by the clock of the signer."""


class SignedCheckpoint(NamedTuple):
    """A checkpoint and what proves it."""

    checkpoint: Checkpoint
    signature: bytes
    """64 bytes, Ed25519."""
    public_key: bytes
    """32 bytes; an auditor compares them with what the operator published."""


def canonical(fields: Mapping[str, str]) -> bytes:
    """Fields as the one text that is hashed."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def split(fields: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The public and the private fields of an entry."""
    public = dict(fields)
    private = {name: public.pop(name) for name in PRIVATE_FIELDS if name in public}
    return public, private


def public_of_view(fields: Sequence[str], epoch: object) -> bytes:
    """The public fields of a view that stands for itself alone, as `canonical` writes them.

    `fields`: what the entry has behind `type` and `epoch`, in that order, none of it in need of an
    escape; what would need one gives a text that is no entry's.
    """
    _, kind, plan, assignment, window, code, outcome, used, limit, network, _, context = fields
    public = (
        f'{{"assignment":"{assignment}","code":"{code}","context":"{context}","epoch":"{epoch}",'
        f'"kind":"{kind}","limit":"{limit}","network":"{network}","outcome":"{outcome}",'
        f'"plan":"{plan}","type":"view","used":"{used}","window":"{window}"}}'
    )
    return public.encode()


def private_of_view(viewer: str, request: str) -> bytes:
    """The private fields of a view, likewise."""
    return f'{{"request":"{request}","viewer":"{viewer}"}}'.encode()


def commitment(salt: bytes, private: bytes) -> bytes:
    """What stands in the chain for private fields, given as `canonical` writes them."""
    return sha256(salt + private).digest()


def link(before: bytes, event_id: str, public: bytes, committed: bytes) -> bytes:
    """The next link; `public` as `canonical` writes it, `event_id` as `<shard>:<epoch>:<id>`."""
    return sha256(before + event_id.encode() + public + committed).digest()


def public_key(seed: bytes) -> bytes:
    """The 32 bytes that verify what a 32-byte seed signs."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def signed(seed: bytes, checkpoint: Checkpoint) -> SignedCheckpoint:
    """A checkpoint with its signature."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return SignedCheckpoint(
        checkpoint, key.sign(_message(checkpoint)), key.public_key().public_bytes_raw()
    )


def is_genuine(found: SignedCheckpoint, trusted_key: bytes) -> bool:
    """Whether the checkpoint was signed by the holder of that key, and nothing of it changed."""
    try:
        Ed25519PublicKey.from_public_bytes(trusted_key).verify(
            found.signature, _message(found.checkpoint)
        )
    except InvalidSignature:
        return False
    return found.public_key == trusted_key


def _message(checkpoint: Checkpoint) -> bytes:
    shard, seq, chain, at_ms = checkpoint
    return f"codestile checkpoint 1 {shard} {seq} {chain.hex()} {at_ms}".encode()
