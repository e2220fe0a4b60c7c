"""The clock of the simulated store: it runs with the loop, and is put forward and back."""

from tests.sim.loop import US_PER_SECOND, VirtualLoop

US_PER_MS = 1000


class StoreClock:
    """Shows microseconds since 1970, and remembers every time it was set."""

    def __init__(self, loop: VirtualLoop, starts_ms: int) -> None:
        self._loop = loop
        self._sets: list[tuple[int, int]] = [(loop.now_us, starts_ms * US_PER_MS)]
        """When it was set, by the loop, and to what."""

    def now_us(self) -> int:
        """What the clock shows."""
        set_us, shown_us = self._sets[-1]
        return shown_us + self._loop.now_us - set_us

    @property
    def now_ms(self) -> int:
        return self.now_us() // US_PER_MS

    def step(self, by_ms: int) -> None:
        """Put the clock forward, or back."""
        self._sets.append((self._loop.now_us, self.now_us() + by_ms * US_PER_MS))

    def latest_ms(self, since_us: int, until_us: int) -> int:
        """The latest time it showed between two moments of the loop."""
        latest = 0
        ends = [*(at for at, _ in self._sets[1:]), until_us]
        for (set_us, shown_us), end_us in zip(self._sets, ends, strict=True):
            low, high = max(set_us, since_us), min(end_us, until_us)
            if low <= high:
                latest = max(latest, shown_us + high - set_us)
        return latest // US_PER_MS

    def shown_ms(self, at_us: int) -> int:
        """What it showed at a moment of the loop."""
        return self.latest_ms(at_us, at_us)


def seconds(us: int) -> float:
    return us / US_PER_SECOND
