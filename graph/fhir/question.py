"""What $translate is asked: which codes, which way to read the maps, and which maps.

The names of R4 and of R5 for the same are in docs/fhir.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from graph.day import Day
from graph.fhir.given import Coding, Given
from graph.fhir.naming import day_given
from graph.fhir.outcomes import Refused
from graph.fhir.systems import Systems, day_in, is_in, split
from schema.codes import CodeSystem, CodeSystemKey
from schema.crosswalks import TranslationDirection

_TAKEN = (
    *("url", "conceptMapVersion", "date"),
    *("code", "system", "version", "coding", "codeableConcept"),
    *("source", "target", "targetsystem", "reverse"),
    *("sourceCode", "sourceCoding", "sourceCodeableConcept", "sourceScope"),
    *("targetCode", "targetCoding", "targetCodeableConcept", "targetScope", "targetSystem"),
)
_NOT_OFFERED = ("conceptMap", "dependency")
_FORWARD, _REVERSE = TranslationDirection.FORWARD, TranslationDirection.REVERSE


@dataclass(frozen=True)
class Question:
    """One question, over all codings of a concept."""

    codings: Sequence[Coding]
    direction: TranslationDirection
    near: frozenset[CodeSystemKey] | None
    """Systems that the codes have to be of; None for any."""
    to: frozenset[CodeSystemKey] | None
    """Systems at the other end; None for all."""
    kind: str | None
    """The kind of the map; None for every map."""
    label: str | None
    """The release that the map has to be; None for the one in force."""
    day: date | None
    """None for today, or for the day that the version of a code names."""
    version: str | None
    """The release that the codes are of; None for the one in force."""


def question_of(given: Given, systems: Systems, today: Day) -> Question:
    """The question; raises Refused."""
    given.refuse_others("ConceptMap/$translate", _TAKEN, _NOT_OFFERED)
    backwards = given.has("targetCode", "targetCoding", "targetCodeableConcept")
    if backwards and given.has("reverse"):
        raise Refused(400, "A target code asks backwards already; leave out reverse.", "invalid")
    direction = _REVERSE if backwards or given.flag("reverse") else _FORWARD
    system, sought = _ends(given, backwards)
    near, to = _scopes(systems, given, sought, direction)
    codings = _codings(given, system)
    kind, label = _map(systems, given)
    day = day_given(given)
    if label is not None:
        release = systems.map_release(label, kind)
        if day is None:
            day = day_in(release, today).date
        elif not is_in(day, release):
            raise Refused(400, f"{label} was not in force on {day}.", "value")
    return Question(codings, direction, near, to, kind, label, day, given.text("version"))


def _ends(given: Given, backwards: bool) -> tuple[str | None, str | None]:
    """The URIs of the system of the code and of the system sought.

    R5 names the system of a target code `targetSystem` or `system`; where both are given,
    `system` is where the sources are sought.
    """
    system, target = given.text("system"), given.text("targetsystem", "targetSystem")
    if not backwards:
        return system, target
    return (system, None) if target is None else (target, system)


def _codings(given: Given, system: str | None) -> list[Coding]:
    """The codes to translate; of a concept all of them."""
    ways: list[list[Coding]] = []
    if (text := given.text("code", "sourceCode", "targetCode")) is not None:
        ways.append([Coding(system, text)])
    if (coding := given.coding("coding", "sourceCoding", "targetCoding")) is not None:
        ways.append([coding])
    names = ("codeableConcept", "sourceCodeableConcept", "targetCodeableConcept")
    if (codings := given.codings(*names)) is not None:
        ways.append(codings)
    if len(ways) != 1:
        raise Refused(400, "Give one of code with its system, coding, codeableConcept.", "required")
    return ways[0]


def _map(systems: Systems, given: Given) -> tuple[str | None, str | None]:
    """(kind, release) of the map that is named."""
    label = given.text("conceptMapVersion")
    url = given.text("url")
    if url is None:
        return None, label
    name, version = split(url)
    return systems.map_kind(name), label or version


def _scopes(
    systems: Systems, given: Given, sought: str | None, direction: TranslationDirection
) -> tuple[frozenset[CodeSystemKey] | None, frozenset[CodeSystemKey] | None]:
    """The systems that the codes are of, and those sought; None for any.

    R4 has `source` and `target` mean the opposite when it asks backwards, so that `target` is what
    is sought in either direction; R5 has `sourceScope` be where the map comes from in both.
    """
    scopes = given.text("sourceScope"), given.text("targetScope")
    near_scope, far_scope = scopes if direction is _FORWARD else scopes[::-1]
    near = [systems.all_of(set_) for set_ in (given.text("source"), near_scope) if set_]
    far = [systems.all_of(set_) for set_ in (given.text("target"), far_scope) if set_]
    if sought is not None:
        far.append(systems.named(split(sought)[0]))
    return _shared(near), _shared(far)


def _shared(named_systems: Sequence[Sequence[CodeSystem]]) -> frozenset[CodeSystemKey] | None:
    """What all names of a system have in common; None where none is given."""
    if not named_systems:
        return None
    keys = [frozenset(system.key for system in systems) for systems in named_systems]
    shared = frozenset.intersection(*keys)
    if not shared:
        raise Refused(400, "The system and the value set that are named differ.", "invalid")
    return shared
