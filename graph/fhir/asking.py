"""One question that came over FHIR: who asks, in which version, and what every answer needs."""

from dataclasses import dataclass

from graph.context import Context
from graph.fhir.forms import FhirVersion
from graph.fhir.outcomes import Refused
from graph.fhir.rows import RowBudget
from graph.fhir.systems import Systems


@dataclass(frozen=True)
class Asking:
    """Shared by all entries of a batch, whose reads come together in the loaders."""

    context: Context
    version: FhirVersion
    systems: Systems
    rows: RowBudget
    address: str
    """Where this server answers FHIR, without a slash at the end."""

    def refuse_many(self, things: str, count: int) -> None:
        """Raises Refused for a longer list than whoever asks may send."""
        most = self.context.limits.list_items
        if count > most:
            sentence = f"There are {count} {things}; at most {most} are answered at once."
            raise Refused(413, sentence, "too-costly")
