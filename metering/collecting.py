"""The collector of cycles, while many values without any are made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = (200_000, 20, 50)
_before: list[tuple[int, int, int]] = []
"""How often it looked before, once for each that asks for rest now."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let the collector look far more seldom: it walks over all that is held, each time, and finds
    nothing. What has no cycle goes at once as ever. Several may ask for it at the same time."""
    _before.append(_before[0] if _before else gc.get_threshold())
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        before = _before.pop()
        if not _before:
            gc.set_threshold(*before)
