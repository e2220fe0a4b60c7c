"""Why nothing was done to a viewer's ledger, in words."""

from schema.acts import ActOutcome

_WHY_NOT = {
    ActOutcome.UNCHANGED: "it is so already",
    ActOutcome.NOT_UNLOCKED: "the viewer was not charged for that code in its last window",
    ActOutcome.NO_SUCH_GRANT: "the viewer has no grant of that number",
    ActOutcome.TOO_MANY_GRANTS: "the viewer has as many grants as one may have",
}


def why_not(outcome: ActOutcome) -> str:
    """The reason, without a capital or a stop; for any outcome but DONE."""
    return _WHY_NOT.get(outcome, outcome.value)
