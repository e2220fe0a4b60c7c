"""The chain of the archive: its form, which may never change, and what it finds."""

import json
from hashlib import sha256
from hmac import digest

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from metering.chain import (
    NO_SALT,
    START,
    Checkpoint,
    canonical,
    commitment,
    is_genuine,
    link,
    public_key,
    signed,
    split,
)

SEED = bytes(range(32))
VIEW = {
    "type": "view",
    "epoch": "1",
    "viewer": "gAAAAAAAAAAAAAAAAAAAAAA",
    "kind": "G",
    "plan": "guest.1",
    "assignment": "0",
    "window": "L.0",
    "code": "ICD10CM:I10",
    "outcome": "U",
    "used": "1",
    "limit": "1",
    "network": "abcdefghijkl/1/50",
    "request": "AAAAAAAAAAAA",
    "context": "be",
}
PUBLIC = (
    b'{"assignment":"0","code":"ICD10CM:I10","context":"be","epoch":"1","kind":"G","limit":"1",'
    b'"network":"abcdefghijkl/1/50","outcome":"U","plan":"guest.1","type":"view","used":"1",'
    b'"window":"L.0"}'
)
PRIVATE = b'{"request":"AAAAAAAAAAAA","viewer":"gAAAAAAAAAAAAAAAAAAAAAA"}'


def test_private_fields_are_told_from_public_ones() -> None:
    public, private = split(VIEW)

    assert (canonical(public), canonical(private)) == (PUBLIC, PRIVATE)


def test_the_canonical_form_is_the_json_of_any_library() -> None:
    fields = {"reason": 'ünï "quoted" \\ \n\t\x01\x7f </script> \u2028 \U0001f600', "a": ""}

    written = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert canonical(fields) == written.encode()


def test_known_answers_of_commitment_and_link() -> None:
    committed = commitment(SEED, PRIVATE)
    linked = link(START, "7:1:1764072000001-1", PUBLIC, committed)

    assert committed == sha256(SEED + PRIVATE).digest()
    assert committed.hex() == "30f220eb1a949c9eae4c46a9825ba73b485db56920f828a79d69189be6213ce9"
    assert linked.hex() == "f79d128987ed935a4c99d7f1b9274d4239648d451cd519d0455e4de3df2b7be2"
    after = link(linked, "7:1:1764072000002-2", b"{}", commitment(NO_SALT, b"{}"))
    assert after.hex() == "c6df92e1912dc21eae48a9042c4d0afd2e8ade153ed993fb60d1026c73348754"


@pytest.mark.parametrize(
    "changed",
    [
        (bytes([1]) + bytes(31), "7:1:5-1", b'{"a":"b"}', bytes(32)),
        (START, "7:1:5-2", b'{"a":"b"}', bytes(32)),
        (START, "7:1:5-1", b'{"a":"c"}', bytes(32)),
        (START, "7:1:5-1", b'{"a":"b"}', bytes(31) + b"\1"),
    ],
)
def test_a_link_changes_with_every_part(changed: tuple[bytes, str, bytes, bytes]) -> None:
    assert link(*changed) != link(START, "7:1:5-1", b'{"a":"b"}', bytes(32))


def test_a_checkpoint_proves_who_signed_it_and_what() -> None:
    point = Checkpoint(7, 10_000, bytes(range(32)), 1_764_072_000_000)

    proof = signed(SEED, point)

    assert public_key(SEED).hex() == (
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    )
    assert proof.signature.hex() == (
        "ddc7992b85f40da741f6bac92b49955b054933f7fc5e73aede5499ce15e7f070"
        "04a1193ee7537214a4864bd5e757c0009a329e6348acc4ba3e809ffe294eaa05"
    )
    assert is_genuine(proof, public_key(SEED))
    # An auditor needs the public key and this one line.
    said = f"codestile checkpoint 1 7 10000 {bytes(range(32)).hex()} 1764072000000"
    key = Ed25519PublicKey.from_public_bytes(public_key(SEED))
    key.verify(proof.signature, said.encode())


@pytest.mark.parametrize("field", ["shard", "seq", "chain", "at_ms"])
def test_a_changed_checkpoint_is_not_genuine(field: str) -> None:
    point = Checkpoint(7, 10_000, bytes(range(32)), 1_764_072_000_000)
    proof = signed(SEED, point)
    other = bytes(32) if field == "chain" else 8

    changed = proof._replace(checkpoint=point._replace(**{field: other}))

    assert not is_genuine(changed, public_key(SEED))


def test_a_checkpoint_of_another_signer_is_not_genuine() -> None:
    other = digest(b"another secret of thirty-two bytes", b"codestile ledger checkpoints", "sha256")
    proof = signed(other, Checkpoint(7, 10_000, bytes(32), 0))

    assert is_genuine(proof, public_key(other))
    assert not is_genuine(proof, public_key(SEED))
    assert not is_genuine(proof._replace(public_key=public_key(SEED)), public_key(SEED))
