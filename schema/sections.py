"""What each section of a page holds, and what it says when it holds nothing."""

from schema.codes import CodeKind, CodeSystemKey
from schema.groupings import GROUP_SYSTEMS
from schema.pages import EmptyState, Page, SectionKind

Emptiness = tuple[EmptyState, str]
"""Why a section has no content for anyone, and the sentence that tells a reader."""

_ICD = frozenset(
    {
        CodeSystemKey.ICD10CM,
        CodeSystemKey.ICD10PCS,
        CodeSystemKey.ICD9CM_DX,
        CodeSystemKey.ICD9CM_PX,
    }
)
_WITH_MODIFIERS = frozenset({CodeSystemKey.HCPCS, CodeSystemKey.CPT, CodeSystemKey.DEMO})
_WITH_GUIDELINES = frozenset({CodeSystemKey.ICD10CM, CodeSystemKey.DEMO})

_OF_REPORTED_CODES = frozenset(
    {
        SectionKind.GUIDELINES,
        SectionKind.MODIFIERS,
        SectionKind.CROSSWALKS,
        SectionKind.CODE_EDITS,
    }
)
"""The sections that only codes of a claim can have."""

SINGLE_TEXT = frozenset({SectionKind.OFFICIAL_DESCRIPTION, SectionKind.COMMON_LANGUAGE})
"""The sections whose content is one text."""


def section_item_count(kind: SectionKind, page: Page) -> int | None:
    """How many things the opened section shows, which even a locked one may tell.

    Rules of every sort and limits of units count alike; a text written above the things is none of
    them. None for a single text, with or without such things, and for a section that is empty.
    """
    return None if emptiness(kind, page) else _count(kind, page) or None


def emptiness(kind: SectionKind, page: Page) -> Emptiness | None:
    """Why a section is empty for everyone; None when it has content."""
    if _count(kind, page) or any(text.kind is kind for text in page.texts):
        return None
    if page.code.key.system in GROUP_SYSTEMS and (
        kind in _OF_REPORTED_CODES or _is_payment_of_mdc(kind, page)
    ):
        name = page.code.key.system.short_name
        return EmptyState.NOT_APPLICABLE, f"{name} codes group other codes and are not reported."
    match kind:
        case SectionKind.OFFICIAL_DESCRIPTION | SectionKind.HISTORY:
            return None
        case SectionKind.COMMON_LANGUAGE:
            reason = "Nobody has written a plain-language description of this code yet."
            return EmptyState.NOT_WRITTEN, reason
        case SectionKind.GUIDELINES:
            return _no_guidelines(page)
        case SectionKind.MODIFIERS:
            return _no_modifiers(page)
        case SectionKind.CROSSWALKS:
            return _no_crosswalks(page)
        case SectionKind.CODE_EDITS:
            is_icd = page.code.key.system in _ICD
            noun = "Medicare Code Editor edits" if is_icd else "code edits"
            return _not_reported(page) or _nothing(kind, noun, page)
        case SectionKind.COVERAGE_AND_PAYMENT:
            return _not_reported(page) or _nothing(kind, "coverage and payment data", page)


def _is_payment_of_mdc(kind: SectionKind, page: Page) -> bool:
    """Nobody is paid by a major diagnostic category, but by the MS-DRGs in it."""
    system = page.code.key.system
    return kind is SectionKind.COVERAGE_AND_PAYMENT and system is CodeSystemKey.MDC


def _count(kind: SectionKind, page: Page) -> int:
    match kind:
        case SectionKind.OFFICIAL_DESCRIPTION | SectionKind.COMMON_LANGUAGE:
            return 0
        case SectionKind.GUIDELINES:
            return len(page.notes)
        case SectionKind.MODIFIERS:
            return len(page.modifiers)
        case SectionKind.CROSSWALKS:
            return sum(translation.total_count for translation in page.translations)
        case SectionKind.CODE_EDITS:
            return page.edit_count + page.add_on_count + len(page.unit_limits)
        case SectionKind.COVERAGE_AND_PAYMENT:
            return len(page.payment) + len(page.groupings) + len(page.relative_values)
        case SectionKind.HISTORY:
            told = (page.previously_coded_as, page.later_coded_as)
            return len(page.history) + sum(one.total_count for one in told if one)


def _no_guidelines(page: Page) -> Emptiness:
    system, release = page.code.key.system, page.code.release
    if system not in _WITH_GUIDELINES or release is None:
        reason = f"Guidelines of {_codes_of(page)} exist and are not loaded here."
        return EmptyState.NOT_LOADED, reason
    if release.notes_of != release.label:
        also = f"; those of {release.notes_of} have none for it" if release.notes_of else ""
        reason = f"The notes of {release.label} on {page.code.display} are not loaded here{also}."
        return EmptyState.NOT_LOADED, reason
    reason = f"{release.label} has no notes that apply to {page.code.display}."
    return EmptyState.NONE, reason


def older_notes(page: Page) -> str | None:
    """The sentence that tells that the notes of a page are those of an older release, and which;
    None where they are of the release that describes the code."""
    release = page.code.release
    if release is None or release.notes_of in (None, release.label):
        return None
    return (
        f"The notes of {release.label} are not loaded here; these are those of {release.notes_of}."
    )


def _no_modifiers(page: Page) -> Emptiness:
    system = page.code.key.system
    if system not in _WITH_MODIFIERS:
        reason = f"Modifiers are not used with {_codes_of(page)}."
        return EmptyState.NOT_APPLICABLE, reason
    return (
        _not_reported(page)
        or _unpaired_modifiers(page)
        or _nothing(SectionKind.MODIFIERS, "modifiers", page)
    )


def _unpaired_modifiers(page: Page) -> Emptiness | None:
    """HCPCS has modifiers, each with a page of its own, that no file of CMS gives to a code."""
    sources = [source for source in page.sources if source.kind is SectionKind.MODIFIERS]
    if page.code.key.system is not CodeSystemKey.HCPCS or sources:
        return None
    unsaid = f"CMS lists modifiers without saying which of them go with {page.code.display}"
    return EmptyState.NOT_LOADED, f"{unsaid}; nothing that says so is loaded here."


def _no_crosswalks(page: Page) -> Emptiness:
    if page.code.kind is not CodeKind.CODE:
        others = "modifiers" if page.code.kind is CodeKind.MODIFIER else "the groups above them"
        reason = f"Crosswalks name codes that can be reported, not {others}."
        return EmptyState.NOT_APPLICABLE, reason
    maps = [told.map_release.label for told in page.translations if told.map_release]
    if maps:
        verb = "does" if len(set(maps)) == 1 else "do"
        return EmptyState.NONE, f"{_listed(maps)} {verb} not name {page.code.display}."
    system = page.code.key.system.short_name
    reason = f"No crosswalk that starts at {system} and is in force on {page.on} is loaded."
    return EmptyState.NOT_LOADED, reason


def _not_reported(page: Page) -> Emptiness | None:
    if page.code.kind is CodeKind.CODE:
        return None
    reason = f"{page.code.display} is a {page.code.kind.lower()} and is not reported by itself."
    return EmptyState.NOT_APPLICABLE, reason


def _nothing(kind: SectionKind, noun: str, page: Page) -> Emptiness:
    """Nothing for this code: none in the data in force, or no data in force."""
    sources = [source for source in page.sources if source.kind is kind]
    in_force = [source.label for source in sources if source.is_in_force(page.on)]
    if in_force:
        return EmptyState.NONE, f"{page.code.display} has no {noun} in {_listed(in_force)}."
    codes = _codes_of(page)
    if not sources:
        reason = f"{noun[0].upper()}{noun[1:]} of {codes} exist and are not loaded here."
        return EmptyState.NOT_LOADED, reason
    reason = f"No {noun} of {codes} in force on {page.on} are loaded"
    later = [begins for source in sources if (begins := source.effective_from) and begins > page.on]
    since = f"; those loaded start on {min(later)}" if later else ""
    return EmptyState.NOT_LOADED, f"{reason}{since}."


def _codes_of(page: Page) -> str:
    """`ICD-9-CM procedure codes`: what the codes of the page's system are called."""
    return f"{page.code.key.system.short_name.removesuffix('s')} codes"


def _listed(labels: list[str]) -> str:
    """The labels, each once, as part of a sentence."""
    *most, last = dict.fromkeys(labels)
    return f"{', '.join(most)} and {last}" if most else last
