"""ConceptMap/$translate: what the loaded maps say about a code, in either direction.

https://hl7.org/fhir/R4/conceptmap-operation-translate.html and the same of R5. For whoever may ask
the catalogue in batches, as `crosswalks` of GraphQL is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from graph.access import may_not_ask_catalogue
from graph.fhir.asking import Asking
from graph.fhir.given import Coding, Given
from graph.fhir.matches import is_match, matches, size
from graph.fhir.naming import Named, day_given, meant, named, several
from graph.fhir.outcomes import Json, Refused
from graph.fhir.rows import ROWS_AT_ONCE
from graph.fhir.systems import day_in, is_in, split
from graph.fhir.written import parameters, value
from graph.loaders import TranslationsAsked
from graph.lookup import NO_CODE
from schema.codes import Code, CodeKey, CodeSystem, CodeSystemKey, MissingReason, normalize
from schema.crosswalks import Translation, TranslationDirection, TranslationStatus

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
class _Question:
    """Codes, which way to read the maps, and which maps."""

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


async def translate(asking: Asking, given: Given) -> Json:
    """The answer to $translate; raises Refused."""
    if forbidden := await may_not_ask_catalogue(asking.context):
        raise Refused(403, forbidden.message)
    given.refuse_others("ConceptMap/$translate", _TAKEN, _NOT_OFFERED)
    question = _question(asking, given)
    version = given.text("version")
    asking.refuse_many("codings", len(question.codings))
    answers = await asyncio.gather(
        *(_answered(asking, question, coding, version) for coding in question.codings),
        return_exceptions=True,
    )
    return await _written(asking, question, _found(answers))


def _question(asking: Asking, given: Given) -> _Question:
    backwards = given.has("targetCode", "targetCoding", "targetCodeableConcept")
    if backwards and given.has("reverse"):
        raise Refused(400, "A target code asks backwards already; leave out reverse.", "invalid")
    direction = _REVERSE if backwards or given.flag("reverse") else _FORWARD
    system, sought = _ends(given, backwards)
    near, to = _scopes(asking, given, sought, direction)
    codings = _codings(given, system)
    kind, label = _map(asking, given)
    day = day_given(given)
    if label is not None:
        release = asking.systems.map_release(label, kind)
        if day is None:
            day = day_in(release, asking.context.today).date
        elif not is_in(day, release):
            raise Refused(400, f"{label} was not in force on {day}.", "value")
    return _Question(codings, direction, near, to, kind, label, day)


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


def _map(asking: Asking, given: Given) -> tuple[str | None, str | None]:
    """(kind, release) of the map that is named."""
    label = given.text("conceptMapVersion")
    url = given.text("url")
    if url is None:
        return None, label
    name, version = split(url)
    return asking.systems.map_kind(name), label or version


def _scopes(
    asking: Asking, given: Given, sought: str | None, direction: TranslationDirection
) -> tuple[frozenset[CodeSystemKey] | None, frozenset[CodeSystemKey] | None]:
    """The systems that the codes are of, and those sought; None for any.

    R4 has `source` and `target` mean the opposite when it asks backwards, so that `target` is what
    is sought in either direction; R5 has `sourceScope` be where the map comes from in both.
    """
    scopes = given.text("sourceScope"), given.text("targetScope")
    near_scope, far_scope = scopes if direction is _FORWARD else scopes[::-1]
    near = [asking.systems.all_of(set_) for set_ in (given.text("source"), near_scope) if set_]
    far = [asking.systems.all_of(set_) for set_ in (given.text("target"), far_scope) if set_]
    if sought is not None:
        far.append(asking.systems.named(split(sought)[0]))
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


async def _answered(
    asking: Asking, question: _Question, coding: Coding, version: str | None
) -> list[Translation]:
    """What the maps say about one code; raises Refused."""
    wanted = await named(asking, coding, question.day, version)
    if question.near is not None and question.near.isdisjoint(wanted.systems):
        raise Refused(400, "The code is not of the value set that is named.", "invalid")
    by_system = await _load(asking, question, wanted)
    codes = [code for found in by_system if (code := _code(found)) is not None]
    chosen = meant(wanted.text, codes)
    if len(chosen) > 1:
        chosen = _mapped(wanted.text, question, chosen, by_system)
    told = [each for found in by_system for each in found if _is_of(each, question)]
    if normalize(wanted.text) is None:
        told = [each.model_copy(update={"reason": NO_CODE}) for each in told]
    if chosen:
        told = [each for each in told if each.source == chosen[0]]
    rows, context, way = asking.rows, asking.context, question.direction
    told = [await rows.whole(context, each, way, wanted.on) for each in told]
    for each in told:
        rows.take(size(each, way) - len(each.crosswalks))
    return _without_gaps(told)


def _mapped(
    text: str,
    question: _Question,
    codes: Sequence[Code],
    by_system: Sequence[Sequence[Translation]],
) -> list[Code]:
    """Of several codes the one that can be meant, since the map or the system that is named maps
    no other; raises Refused where that leaves several."""
    found = [each for answers in by_system for each in answers if _is_of(each, question)]
    mapped = [
        code
        for code in codes
        if any(each.source == code and each.map_release is not None for each in found)
    ]
    if len(mapped) == 1 and (question.to, question.kind) != (None, None):
        return mapped
    raise several(text, codes)


async def _load(asking: Asking, question: _Question, wanted: Named) -> list[list[Translation]]:
    """What the maps say about a code of each system, with the first rows."""
    # A text that is no code is looked up as one that no system has: its answer says unknown.
    value = normalize(wanted.text) or "?"
    loader, first = asking.context.loaders.translations, asking.rows.at_first
    return await loader.load_many(
        [
            TranslationsAsked(
                CodeKey(system, value), question.to, question.direction, wanted.on, first
            )
            for system in wanted.systems
        ]
    )


def _code(found: Sequence[Translation]) -> Code | None:
    return next((each.source for each in found if each.source is not None), None)


def _is_of(found: Translation, question: _Question) -> bool:
    """Whether a translation is by the map that is asked for."""
    release = found.map_release
    if release is None:
        return True
    return question.kind in (None, release.kind) and question.label in (None, release.label)


def _without_gaps(told: list[Translation]) -> list[Translation]:
    """Without the maps that are not loaded, where others answer: a URI may stand for two systems
    of which only one is mapped."""
    answered = [each for each in told if each.status is not TranslationStatus.NOT_LOADED]
    return answered or told


def _found(answers: Sequence[list[Translation] | BaseException]) -> list[Translation]:
    """What is known of any code; raises what kept all from being answered."""
    found = [each for answer in answers if not isinstance(answer, BaseException) for each in answer]
    is_loaded = any(each.status is not TranslationStatus.NOT_LOADED for each in found)
    for failed in answers:
        if isinstance(failed, BaseException) and not (is_loaded and isinstance(failed, Refused)):
            raise failed
    if not is_loaded:
        reason = found[0].reason if found else "The map that is named does not map this system."
        raise Refused(404, reason, problem=MissingReason.NOT_LOADED)
    return _without_gaps(found)


async def _written(asking: Asking, question: _Question, found: Sequence[Translation]) -> Json:
    is_translated = any(is_match(row) for each in found for row in each.crosswalks)
    told = [
        value("result", "Boolean", is_translated),
        value("message", "String", " ".join(_sentences(found))),
    ]
    for each in found:
        for match in matches(each, question.direction, asking.version, asking.systems):
            told.append(match)
            if len(told) % ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)  # others are answered in between
    return parameters(told)


def _sentences(found: Sequence[Translation]) -> list[str]:
    """What the maps say as a whole, and what of it should be newer; each sentence once."""
    reasons = [each.reason for each in found]
    maps = [each.map_release.stale_reason for each in found if each.map_release]
    codes = [each.source.release for each in found if each.source]
    releases = [release.stale_reason for release in codes if release]
    return list(dict.fromkeys(part for part in (*reasons, *maps, *releases) if part))
