"""ConceptMap/$translate: what the loaded maps say about a code, in either direction.

https://hl7.org/fhir/R4/conceptmap-operation-translate.html and the same of R5. For whoever may ask
the catalogue in batches, as `crosswalks` of GraphQL is.
"""

import asyncio
from collections.abc import Sequence

from graph.access import may_not_ask_catalogue
from graph.fhir.asking import Asking
from graph.fhir.given import Coding, Given
from graph.fhir.matches import is_match, matches, size
from graph.fhir.naming import Named, meant, named, several
from graph.fhir.outcomes import Json, Refused
from graph.fhir.question import Question, question_of
from graph.fhir.rows import ROWS_AT_ONCE
from graph.fhir.written import parameters, value
from graph.lookup import NO_CODE
from graph.wanted import TranslationsAsked
from schema.codes import Code, CodeKey, MissingReason, normalize
from schema.crosswalks import Translation, TranslationStatus


async def translate(asking: Asking, given: Given) -> Json:
    """The answer to $translate; raises Refused."""
    if forbidden := await may_not_ask_catalogue(asking.context):
        raise Refused(403, forbidden.message)
    question = question_of(given, asking.systems, asking.context.today)
    asking.refuse_many("codings", len(question.codings))
    answers = await asyncio.gather(
        *(_answered(asking, question, coding) for coding in question.codings),
        return_exceptions=True,
    )
    return await _written(asking, question, _found(answers))


async def _answered(asking: Asking, question: Question, coding: Coding) -> list[Translation]:
    """What the maps say about one code; raises Refused."""
    wanted = await named(asking, coding, question.day, question.version)
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
    question: Question,
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


async def _load(asking: Asking, question: Question, wanted: Named) -> list[list[Translation]]:
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


def _is_of(found: Translation, question: Question) -> bool:
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


async def _written(asking: Asking, question: Question, found: Sequence[Translation]) -> Json:
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
