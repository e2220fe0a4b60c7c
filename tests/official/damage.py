"""What may happen to a file on its way: cut, mixed up, written over, put into another encoding."""

import random
from collections.abc import Callable

_ENCODINGS = ("utf-16", "utf-8-sig", "cp500", "utf-32-be")


def damaged(content: bytes, seed: int) -> bytes:
    """The bytes with one to three faults; the same seed makes the same ones."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(_FAULTS)(content, chance)
    return content


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _taken_out(content: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(content) + 1), chance.choice((1, 2, 10, 400))
    return content[:at] + content[at + length :]


def _swapped(content: bytes, chance: random.Random) -> bytes:
    if len(content) < 4:
        return content[::-1]
    first, second, third = sorted(chance.sample(range(len(content)), 3))
    return content[:first] + content[second:third] + content[first:second] + content[third:]


def _written_over(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 5, 50))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _line_doubled(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return b"".join(lines)


def _re_encoded(content: bytes, chance: random.Random) -> bytes:
    return content.decode("latin-1").encode(chance.choice(_ENCODINGS), errors="replace")


_FAULTS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_cut, _taken_out, _swapped, _written_over, _line_doubled, _re_encoded),
)
