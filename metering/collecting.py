"""The collector of cycles, while millions of values without any are made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = (200_000, 20, 50)


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let the collector look far more seldom: it walks over all that a fold holds, each time, and
    finds nothing. What has no cycle goes at once as ever."""
    before = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
