"""What each section of a page holds, and what it says when it holds nothing."""

from schema.codes import CodeKind, CodeSystemKey
from schema.pages import EmptyReason, Page, SectionKind

Emptiness = tuple[EmptyReason, str]
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


def section_item_count(kind: SectionKind, page: Page) -> int | None:
    """How many things a section holds, which even a locked one may tell; None when it is empty."""
    return None if empty_reason(kind, page) else _count(kind, page)


def empty_reason(kind: SectionKind, page: Page) -> Emptiness | None:
    """Why a section is empty for everyone; None when it has content, if only "none" as a fact."""
    if _count(kind, page):
        return None
    match kind:
        case SectionKind.OFFICIAL_DESCRIPTION | SectionKind.HISTORY:
            return None
        case SectionKind.COMMON_LANGUAGE:
            reason = "Nobody has written a plain-language description of this code yet."
            return EmptyReason.NOT_WRITTEN, reason
        case SectionKind.GUIDELINES:
            return _no_guidelines(page)
        case SectionKind.MODIFIERS:
            return _no_modifiers(page)
        case SectionKind.CROSSWALKS:
            return _no_crosswalks(page)
        case SectionKind.CODE_EDITS:
            return _no_edits(page)
        case SectionKind.COVERAGE_AND_PAYMENT:
            return _no_payment(page)


def _count(kind: SectionKind, page: Page) -> int:
    texts = sum(text.kind is kind for text in page.texts)
    match kind:
        case SectionKind.OFFICIAL_DESCRIPTION:
            return max(texts, 1 if page.code.title else 0)
        case SectionKind.COMMON_LANGUAGE:
            return texts
        case SectionKind.GUIDELINES:
            return texts + len(page.notes)
        case SectionKind.MODIFIERS:
            return texts + len(page.modifiers)
        case SectionKind.CROSSWALKS:
            return texts + sum(translation.total_count for translation in page.translations)
        case SectionKind.CODE_EDITS:
            return texts + len(page.edits) + (page.units_per_day is not None)
        case SectionKind.COVERAGE_AND_PAYMENT:
            return texts + len(page.payment)
        case SectionKind.HISTORY:
            return texts + len(page.history)


def _no_guidelines(page: Page) -> Emptiness | None:
    if page.code.key.system in _WITH_GUIDELINES:
        return None
    reason = f"Guidelines of {page.code.key.system} exist and are not loaded here."
    return EmptyReason.NOT_LOADED, reason


def _no_modifiers(page: Page) -> Emptiness | None:
    system = page.code.key.system
    if system not in _WITH_MODIFIERS:
        return EmptyReason.NOT_APPLICABLE, f"Modifiers are not used with {system} codes."
    if page.code.kind is not CodeKind.CODE:
        return EmptyReason.NOT_APPLICABLE, _not_reported(page)
    if system is CodeSystemKey.DEMO:
        return None
    return EmptyReason.NOT_LOADED, f"Modifiers of {system} codes exist and are not loaded here."


def _no_crosswalks(page: Page) -> Emptiness | None:
    if page.code.kind is not CodeKind.CODE:
        reason = "Crosswalks name codes that can be reported, not the groups above them."
        return EmptyReason.NOT_APPLICABLE, reason
    if page.translations:
        return None
    return EmptyReason.NOT_LOADED, f"No crosswalk that starts at {page.code.key.system} is loaded."


def _no_edits(page: Page) -> Emptiness | None:
    system = page.code.key.system
    if system is CodeSystemKey.DEMO:
        is_code = page.code.kind is CodeKind.CODE
        return None if is_code else (EmptyReason.NOT_APPLICABLE, _not_reported(page))
    edits = "Medicare Code Editor edits" if system in _ICD else "Code edits"
    return EmptyReason.NOT_LOADED, f"{edits} of {system} exist and are not loaded here."


def _no_payment(page: Page) -> Emptiness | None:
    system = page.code.key.system
    if system is CodeSystemKey.DEMO:
        is_code = page.code.kind is CodeKind.CODE
        return None if is_code else (EmptyReason.NOT_APPLICABLE, _not_reported(page))
    reason = f"Coverage and payment data for {system} exist and are not loaded here."
    return EmptyReason.NOT_LOADED, reason


def _not_reported(page: Page) -> str:
    return f"{page.code.display} is a {page.code.kind.lower()} and is not reported by itself."
