"""Whether a store that was away may decide again: it has answered for a while, and is safe."""

import time
from collections.abc import Callable, Sequence
from typing import Literal

from metering.safety import check_store
from metering.store import Store
from schema.errors import StoreUnavailable

OnUnsafe = Literal["refuse", "warn"]
OnProblems = Callable[[Sequence[str]], None]
"""Takes what makes the store unsafe, one sentence each, whenever that is found to be another."""
STEADY_SECONDS = 3.0
"""How long a store answers before it is trusted again."""


def _say_nothing(_: Sequence[str]) -> None:
    pass


class Trust:
    """In one store, lost when it does not answer and earned anew."""

    def __init__(
        self,
        store: Store,
        *,
        on_unsafe: OnUnsafe = "refuse",
        on_problems: OnProblems = _say_nothing,
        steady_seconds: float = STEADY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `warn` an unsafe store is trusted all the same. `clock` counts seconds."""
        self._store = store
        self._on_unsafe = on_unsafe
        self._on_problems = on_problems
        self._steady_seconds = steady_seconds
        self._clock = clock
        self._answers_since: float | None = None
        self._found: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """What keeps a store that answers from being trusted, one sentence each."""
        return self._found if self._on_unsafe == "refuse" else ()

    def lose(self) -> None:
        """The store is away, or another decides: it begins anew."""
        self._answers_since = None
        self._found = ()

    async def is_earned(self) -> bool:
        """Whether the store may decide now. Its options are read anew each time: who started it
        again may have done so without the file that makes it safe."""
        try:
            if not await self._is_steady():
                return False
            found = tuple(await check_store(self._store, "warn"))
        except StoreUnavailable:
            self.lose()
            return False
        if found and found != self._found:
            self._on_problems(found)
        self._found = found
        return not self.doubts

    async def _is_steady(self) -> bool:
        await self._store.ping()
        now = self._clock()
        if self._answers_since is None:
            self._answers_since = now
        return now - self._answers_since >= self._steady_seconds
