"""CodeSystem/$validate-code: whether a code is one, and under which title.

https://hl7.org/fhir/R4/codesystem-operation-validate-code.html and the same of R5. A code that has
ended is still a code of its system, and so is a header; the message says what to know.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from graph.fhir.asking import Asking
from graph.fhir.forms import FhirVersion
from graph.fhir.given import Coding, Given
from graph.fhir.lookup import GROUPS, coding_given
from graph.fhir.naming import day_given, look_up, named
from graph.fhir.outcomes import Json, Refused, absent
from graph.fhir.written import parameters, value, version
from schema.codes import Code, CodeMissing, CodeStatus, MissingReason

_TAKEN = (
    *("url", "system", "code", "version", "display", "coding", "codeableConcept", "date"),
    "abstract",
)
_NOT_OFFERED = ("codeSystem", "useSupplement")


@dataclass(frozen=True)
class _Verdict:
    is_valid: bool
    message: str | None
    code: Code | None = None


async def validate_code(asking: Asking, given: Given) -> Json:
    """The answer to $validate-code; raises Refused."""
    given.refuse_others("CodeSystem/$validate-code", _TAKEN, _NOT_OFFERED)
    codings = _codings(asking, given)
    day, label, may_group = day_given(given), given.text("version"), given.flag("abstract")
    verdicts = await asyncio.gather(
        *(_judged(asking, coding, day, label, may_group=may_group) for coding in codings),
        return_exceptions=True,
    )
    return parameters(_written(asking, _best(verdicts)))


def _codings(asking: Asking, given: Given) -> list[Coding]:
    """What is to be judged: one that is right is enough. Those of another system than the one
    named are left out of a concept."""
    url = given.text("url", "system")
    codings = given.codings("codeableConcept")
    if codings is None:
        coding = coding_given(given, url)
        if url is not None and coding.system not in (None, url):
            raise Refused(400, "The coding is of another system than url names.", "invalid")
        display = given.text("display") or coding.display
        return [Coding(coding.system or url, coding.code, coding.version, display)]
    if given.has("code", "coding"):
        raise Refused(400, "Give one of code, coding and codeableConcept.", "invalid")
    asking.refuse_many("codings", len(codings))
    codings = [coding for coding in codings if url in (None, coding.system)]
    if not codings:
        raise Refused(400, "No coding is of the system that url names.", "invalid")
    return codings


def _best(verdicts: Sequence[_Verdict | BaseException]) -> _Verdict:
    """The first that is valid, else the first; raises what kept all of them from being judged."""
    judged = [verdict for verdict in verdicts if isinstance(verdict, _Verdict)]
    for failed in verdicts:
        if isinstance(failed, BaseException) and not (judged and isinstance(failed, Refused)):
            raise failed
    return next((verdict for verdict in judged if verdict.is_valid), judged[0])


async def _judged(
    asking: Asking, coding: Coding, day: date | None, label: str | None, *, may_group: bool
) -> _Verdict:
    found = await look_up(asking, await named(asking, coding, day, label))
    if isinstance(found, CodeMissing):
        if found.reason is MissingReason.NOT_LOADED:
            raise absent(found)
        return _Verdict(False, found.message)
    if found.status is CodeStatus.UNKNOWN:
        sentence = f"No release that describes {found.display} and had begun is loaded."
        raise Refused(404, sentence, problem=MissingReason.NOT_LOADED)
    if found.release is None:
        return _Verdict(False, f"No loaded release has {found.display}; only a map names it.")
    if found.status is CodeStatus.FUTURE:
        return _Verdict(False, found.why_not_billable, found)
    if found.kind in GROUPS and not may_group:
        sentence = f"{found.display} is a {found.kind.lower()}, which is no code: see abstract."
        return _Verdict(False, sentence, found)
    if not _is_called(found, coding.display):
        return _Verdict(False, f"{found.display} is not called so: see display.", found)
    told = [found.why_not_billable, found.release.stale_reason]
    return _Verdict(True, " ".join(part for part in told if part) or None, found)


def _is_called(code: Code, display: str | None) -> bool:
    """Whether a text is a title of a code; nobody can tell where its titles are not shown."""
    titles = [title for title in (code.title, code.short_title) if title is not None]
    return display is None or not titles or _folded(display) in map(_folded, titles)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _written(asking: Asking, verdict: _Verdict) -> list[Json]:
    told = [value("result", "Boolean", verdict.is_valid)]
    if verdict.message is not None:
        told.append(value("message", "String", verdict.message))
    code = verdict.code
    if code is None:
        return told
    if code.title is not None:
        told.append(value("display", "String", code.title))
    if asking.version is FhirVersion.R5:
        told.append(value("code", "Code", code.display))
        told.append(value("system", "Uri", asking.systems.uri_of(code.key.system)))
        told += version(code)
    return told
