"""Damage to the bytes of a file: cut, swapped, overwritten, re-encoded."""

import random
from collections.abc import Callable

Damage = Callable[[bytes, random.Random], bytes]


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def _swapped(content: bytes, dice: random.Random) -> bytes:
    one, other = sorted(dice.sample(range(len(content)), 2))
    middle = content[one + 1 : other]
    return (
        b"".join((content[:one], content[other : other + 1], middle, content[one : one + 1]))
        + content[other + 1 :]
    )


def _overwritten(content: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(content))
    return content[:at] + dice.randbytes(dice.randint(1, 4)) + content[at + 1 :]


def _repeated(content: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(content))
    piece = content[start : start + dice.randint(1, 40)]
    return content[:start] + piece + content[start:]


def _reencoded(content: bytes, dice: random.Random) -> bytes:
    return content.decode("latin-1").encode(dice.choice(["utf-16", "utf-32", "cp037", "utf-8-sig"]))


DAMAGES: tuple[Damage, ...] = (_cut, _swapped, _overwritten, _repeated, _reencoded)


def damaged(content: bytes, seed: int) -> bytes:
    """The content with one to three damages; the same seed gives the same ones."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 3)):
        if len(content) < 2:
            break
        content = dice.choice(DAMAGES)(content, dice)
    return content
