"""The day that an answer is given as of."""

from dataclasses import dataclass
from datetime import date

EARLIEST = date(1900, 1, 1)
LATEST = date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Day:
    """A day, and whether the question named it.

    What is told as of a named day is another thing than what is told as of today, with an id of
    its own: a client's cache must never take the title of one year for that of another.
    """

    date: date
    is_named: bool = False
