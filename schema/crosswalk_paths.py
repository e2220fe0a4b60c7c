"""Ways from a code through several maps and groupings, one after the other."""

from collections.abc import Sequence
from itertools import pairwise

from schema.codes import Code, CodeSystemKey
from schema.crosswalks import Crosswalk, MapRelease, Relationship, TranslationStatus
from schema.shape import Shape


class CrosswalkHop(Shape):
    """One step of a way: a row of a map, and the edition of the map that has it."""

    row: Crosswalk
    map_release: MapRelease


class CrosswalkPath(Shape):
    """A way from a code to one in the last system, a row for each step."""

    hops: tuple[CrosswalkHop, ...]

    @property
    def relationship(self) -> Relationship:
        """How the first code relates to the last: equivalent where every step is; what a step only
        calls related, no further step makes more of."""
        told = {hop.row.relationship for hop in self.hops}
        return told.pop() if len(told) == 1 else _narrowing(told)


def _narrowing(told: set[Relationship]) -> Relationship:
    """Equivalence before or after a narrower or broader step changes nothing about it."""
    others = told - {Relationship.EQUIVALENT}
    is_one_way = others in ({Relationship.SOURCE_NARROWER}, {Relationship.SOURCE_BROADER})
    return others.pop() if is_one_way else Relationship.RELATED_TO


class CrosswalkRoute(Shape):
    """All ways from one code through the systems asked for."""

    requested: str
    """The code asked about, as printed."""
    source: Code | None
    """None when it is unknown."""
    status: TranslationStatus
    reason: str
    paths: tuple[CrosswalkPath, ...]
    """Those asked for, by the codes on them."""
    total_count: int


class PathCounts(Shape):
    """How many ways of each sort lead from one code to the last system."""

    total: int
    chosen: int
    """Codes that the last map between code systems led to: what a record has to choose from."""
    combination: int
    """Ways with a row in them that means something only together with others."""
    equivalent: int
    """Ways of equivalences only."""
    no_map: int
    """Rows that say that nothing corresponds to a code on a way."""
    ends_at_groups: bool = False
    """Whether the ways end where a grouping has no group for their codes, which is an answer."""
    reached: tuple[int, ...]
    """How many codes each step came to, the steps that came to none left out."""


def missing_map(
    systems: Sequence[CodeSystemKey], maps: Sequence[MapRelease]
) -> tuple[CodeSystemKey, CodeSystemKey] | None:
    """The first two systems of a way that no map joins; None where all are joined."""
    joined = {(one.source_system, one.target_system) for one in maps}
    return next((pair for pair in pairwise(systems) if pair not in joined), None)


def route_verdict(
    code: Code, systems: Sequence[CodeSystemKey], counts: PathCounts
) -> tuple[TranslationStatus, str]:
    """What the maps say together about a code, and the sentence that says why.

    Categories are no choice: a code is in all that a grouping puts it in. So what decides is how
    many codes the last map between code systems leads to.
    """
    printed, last = code.display, systems[-1].short_name
    if counts.total == 0:
        is_told = counts.no_map or counts.ends_at_groups
        status = TranslationStatus.NO_MAP if is_told else TranslationStatus.UNKNOWN_CODE
        return status, _dead_end(printed, systems, counts)
    if counts.combination == counts.total:
        reason = f"Every way from {printed} to {last} leads through a combination of codes."
        return TranslationStatus.COMBINATION, reason
    if counts.chosen > 1:
        reason = f"{counts.chosen} codes are on the ways from {printed}; the record must decide."
        return TranslationStatus.AMBIGUOUS, reason
    if counts.equivalent == counts.total:
        reason = f"One code is on the way from {printed}, equivalent to it."
        return TranslationStatus.EQUIVALENT, reason
    return TranslationStatus.APPROXIMATE, f"One code is on the way from {printed}, near in meaning."


def _dead_end(printed: str, systems: Sequence[CodeSystemKey], counts: PathCounts) -> str:
    """Where the ways of a code end before the last system, and whether a map says so."""
    at = len(counts.reached)
    here, there = systems[at].short_name, systems[at + 1].short_name
    code = printed if at == 0 else f"any code of {here} that {printed} leads to"
    if counts.ends_at_groups:
        return f"No group of {there} holds {code}."
    if counts.no_map:
        return f"The map from {here} to {there} says that nothing corresponds to {code}."
    return f"No map from {here} to {there} names {code}."
