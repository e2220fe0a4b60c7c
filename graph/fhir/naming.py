"""Which code is meant: a URI, a text, a version and a date become codes to look up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from graph.day import EARLIEST, LATEST, Day
from graph.fhir.asking import Asking
from graph.fhir.given import Coding, Given
from graph.fhir.outcomes import Refused, absent, shown
from graph.fhir.systems import day_in, is_in, releases_named, split
from graph.wanted import CodeAsked
from schema.codes import Code, CodeMissing, CodeStatus, CodeSystemKey, MissingReason

_WORST_FIRST = (MissingReason.NOT_A_CODE, MissingReason.NOT_LOADED, MissingReason.UNKNOWN)


@dataclass(frozen=True)
class Named:
    """A code as named: of one of these systems, on a day."""

    systems: tuple[CodeSystemKey, ...]
    """In system order; more than one where their URI is one."""
    text: str
    on: Day

    def asked(self) -> list[CodeAsked]:
        """What to look up, one for each system."""
        return [CodeAsked(system, self.text, self.on) for system in self.systems]


def day_given(given: Given) -> date | None:
    """The day of the parameter `date`; None when it is not given."""
    text = given.text("date")
    if text is None:
        return None
    try:
        day = date.fromisoformat(text[:10]) if len(text) >= len("2026-11-25") else None
    except ValueError:
        day = None
    if day is None:
        raise Refused(400, f"date must name a day, as 2026-11-25, not {shown(text)}.", "value")
    if not EARLIEST <= day <= LATEST:
        raise Refused(400, f"date must be from {EARLIEST} to {LATEST}, not {day}.", "value")
    return day


async def named(asking: Asking, coding: Coding, day: date | None, version: str | None) -> Named:
    """The code that a coding means; raises Refused.

    A version is a release: its codes are told as of a day on which it was in force, today if it
    still is. A date besides must lie in the release.
    """
    if coding.system is None or not coding.system.strip():
        raise await _nameless(asking, coding.code)
    uri, own_version = split(coding.system.strip())
    systems = asking.systems.named(uri)
    today = asking.context.today
    on = today if day is None else Day(day, is_named=True)
    label = version or coding.version or own_version
    if label is None:
        return Named(tuple(system.key for system in systems), coding.code, on)
    releases = releases_named(systems, label)
    if day is None:
        on = day_in(releases[0], today)
    elif not is_in(day, releases[0]):
        raise Refused(400, f"{releases[0].label} was not in force on {day}.", "value")
    return Named(tuple(release.system for release in releases), coding.code, on)


async def look_up(asking: Asking, wanted: Named) -> Code | CodeMissing:
    """The one code that is meant; raises Refused when there are several, or no service."""
    found = await asking.context.loaders.codes.load_many(wanted.asked())
    codes = meant(wanted.text, [code for code in found if isinstance(code, Code)])
    if len(codes) == 1:
        return codes[0]
    if codes:
        raise several(wanted.text, codes)
    missing = [answer for answer in found if isinstance(answer, CodeMissing)]
    return min(missing, key=lambda answer: _WORST_FIRST.index(answer.reason))


def meant(text: str, codes: Sequence[Code]) -> list[Code]:
    """Of codes of systems that share a URI, the one that is printed so; else all.

    The place of the dot tells a diagnosis of ICD-9-CM (`336`) from a procedure (`33.6`). What only
    a map names gives way to what a release describes.
    """
    printed = [code for code in codes if code.display == text.upper()]
    described = [code for code in codes if code.status is not CodeStatus.UNKNOWN]
    return list(printed or described or codes) if len(codes) > 1 else list(codes)


def several(text: str, codes: Sequence[Code]) -> Refused:
    """The refusal to choose between codes."""
    names = " and ".join(f"{code.display} of {code.key.system.short_name}" for code in codes)
    sentence = f"{shown(text)} is {names}: write it with its dot, or name the system by its OID."
    return Refused(422, sentence, "multiple-matches")


async def _nameless(asking: Asking, text: str) -> Refused:
    """The refusal to guess a system: a value alone is a code of several."""
    [found] = await asking.context.loaders.codes.load_many(
        [CodeAsked(None, text, asking.context.today)]
    )
    if isinstance(found, CodeMissing):
        return absent(found) if found.reason is MissingReason.NOT_A_CODE else _needed("")
    codes = (found,) if isinstance(found, Code) else found
    names = ", ".join(
        f"{code.key.system.short_name} ({asking.systems.uri_of(code.key.system)})" for code in codes
    )
    return _needed(f" {shown(text)} is a code of {names}.")


def _needed(hint: str) -> Refused:
    return Refused(400, f"Name the system of the code by its URI.{hint}", "required")
