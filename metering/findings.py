"""What a proof of the ledger found: the first difference of each kind, and how many."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of difference between the log and what is stored."""

    kind: str
    first: str
    """The first difference of the kind: where it is, what is there, what the log says."""
    count: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was compared, and what did not agree."""

    events: int
    viewers: int
    networks: int
    receipts: int
    archived: int
    """How many of the events are in the archive."""
    problems: tuple[Problem, ...]

    @property
    def holds(self) -> bool:
        """Whether everything agreed."""
        return not self.problems


@dataclass(slots=True)
class Findings:
    """Gathers what a proof meets on its way."""

    compared: Counter[str] = field(default_factory=Counter)
    _counts: Counter[str] = field(default_factory=Counter)
    _firsts: dict[str, str] = field(default_factory=dict)

    @property
    def is_silent(self) -> bool:
        """Whether nothing differs so far."""
        return not self._counts

    def add(self, kind: str, sentence: str) -> None:
        """One more difference of a kind."""
        self._counts[kind] += 1
        self._firsts.setdefault(kind, sentence)

    def take_over(self, later: "Findings") -> None:
        """Everything that was found elsewhere, as if it had been found after all of this."""
        self.compared.update(later.compared)
        self._counts.update(later._counts)
        for kind, first in later._firsts.items():
            self._firsts.setdefault(kind, first)

    def differ(
        self, noun: str, name: str, stored: Mapping[str, str], said: Mapping[str, str]
    ) -> None:
        """One difference for each field whose stored value is not what the log says."""
        for key in sorted({*stored, *said}):
            if stored.get(key) != said.get(key):
                kind = "code" if ":" in key else key
                self.add(
                    f"{noun} {kind}",
                    f"{noun} {name}: {key} is {stored.get(key, 'missing')}, "
                    f"the log says {said.get(key, 'nothing')}",
                )

    def report(self) -> VerifyReport:
        """Everything found, in the order in which the kinds were first met."""
        return VerifyReport(
            events=self.compared["events"],
            viewers=self.compared["viewers"],
            networks=self.compared["networks"],
            receipts=self.compared["receipts"],
            archived=self.compared["archived"],
            problems=tuple(
                Problem(kind, first, self._counts[kind]) for kind, first in self._firsts.items()
            ),
        )
