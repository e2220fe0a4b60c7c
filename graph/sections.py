"""Which sections of a page are open to whom: the one place where text meets its lock."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from graph import ids
from graph.contents import content_of, introduction_of
from graph.day import Day
from graph.types import sections as types
from graph.types.upgrade import UpgradeAction, UpgradeOffer
from schema.pages import LockReason, Page, SectionKind
from schema.people import ViewerKind
from schema.plans import Plan
from schema.sections import SINGLE_TEXT, emptiness, section_item_count


class Grant(Enum):
    """What the meter said about the page as a whole."""

    OPEN = auto()
    VIEWER_LIMIT = auto()
    NETWORK_LIMIT = auto()
    PREVIEW = auto()


@dataclass(frozen=True)
class Reader:
    """Who reads: what their plan opens, and what registering would."""

    plan: Plan
    plans: Mapping[str, Plan]
    more: UpgradeOffer | None


_TITLES = {
    SectionKind.OFFICIAL_DESCRIPTION: "Official Description",
    SectionKind.COMMON_LANGUAGE: "Common Language Description",
    SectionKind.GUIDELINES: "Guidelines",
    SectionKind.MODIFIERS: "Modifiers",
    SectionKind.CROSSWALKS: "Crosswalks",
    SectionKind.CODE_EDITS: "Code Edits",
    SectionKind.COVERAGE_AND_PAYMENT: "Coverage and Payment",
    SectionKind.HISTORY: "History",
}

_REFUSED = {
    Grant.VIEWER_LIMIT: LockReason.VIEW_LIMIT_REACHED,
    Grant.NETWORK_LIMIT: LockReason.NETWORK_LIMIT_REACHED,
}

REGISTER_TO_UNLOCK = UpgradeOffer(
    action=UpgradeAction.REGISTER,
    text="Create a free account to unlock this content.",
    additional_views=None,
)
SUBSCRIBE_TO_UNLOCK = UpgradeOffer(
    action=UpgradeAction.SUBSCRIBE,
    text="Subscribe to unlock this content.",
    additional_views=None,
)
ASK_TO_UNLOCK = UpgradeOffer(
    action=UpgradeAction.CONTACT_SALES,
    text="Ask us to unlock this content.",
    additional_views=None,
)


def lock_reason(kind: SectionKind, page: Page, grant: Grant, reader: Reader) -> LockReason | None:
    """Why a section that has content is closed; None when it is open."""
    if kind is SectionKind.OFFICIAL_DESCRIPTION and _is_withheld(page):
        return LockReason.LICENSE_RESTRICTED
    if grant in _REFUSED:
        return _REFUSED[grant]
    if kind not in reader.plan.open_sections:
        opens = kind in reader.plans["registered"].open_sections
        is_guest = reader.plan.viewer_kind is ViewerKind.GUEST
        return (
            LockReason.REGISTRATION_REQUIRED
            if opens and is_guest
            else LockReason.SUBSCRIPTION_REQUIRED
        )
    return LockReason.PREVIEW if grant is Grant.PREVIEW else None


def _is_withheld(page: Page) -> bool:
    """Whether a licence keeps the official text back."""
    is_written = any(text.kind is SectionKind.OFFICIAL_DESCRIPTION for text in page.texts)
    return page.code.title is None and not is_written


def sections_of(page: Page, grant: Grant, reader: Reader, on: Day) -> list[types.PageSection]:
    """The eight sections of a page, in order, each as this reader may see it."""
    return [
        _section(kind, position, page, grant, reader, on)
        for position, kind in enumerate(SectionKind, start=1)
    ]


def _section(
    kind: SectionKind, position: int, page: Page, grant: Grant, reader: Reader, on: Day
) -> types.PageSection:
    id, title = ids.encode_section(page.code.key, on, kind), _TITLES[kind]
    empty = emptiness(kind, page)
    if empty is not None:
        state, explanation = empty
        return types.EmptySection(
            id=id,
            kind=kind,
            title=title,
            position=position,
            state=state,
            explanation=explanation,
        )
    locked = lock_reason(kind, page, grant, reader)
    if locked is not None:
        return types.LockedSection(
            id=id,
            kind=kind,
            title=title,
            position=position,
            reason=locked,
            item_count=section_item_count(kind, page),
            summary=_summary(kind, page),
            upgrade=_upgrade(kind, locked, reader),
        )
    return types.OpenSection(
        id=id,
        kind=kind,
        title=title,
        position=position,
        copyright=_copyright(kind, page),
        introduction=None if kind in SINGLE_TEXT else introduction_of(kind, page),
        content=content_of(kind, page, on),
    )


def _copyright(kind: SectionKind, page: Page) -> str | None:
    for text in page.texts:
        if text.kind is kind:
            return text.copyright
    return page.title_copyright if kind in _WITH_TITLES else None


_WITH_TITLES = frozenset({SectionKind.OFFICIAL_DESCRIPTION, SectionKind.HISTORY})
"""The sections that show titles of the code itself."""

_NOUNS = {
    SectionKind.GUIDELINES: ("instruction", "instructions"),
    SectionKind.MODIFIERS: ("modifier", "modifiers"),
    SectionKind.CROSSWALKS: ("crosswalk row", "crosswalk rows"),
    SectionKind.CODE_EDITS: ("code edit rule", "code edit rules"),
    SectionKind.COVERAGE_AND_PAYMENT: ("value", "values"),
    SectionKind.HISTORY: ("entry", "entries"),
}


def _summary(kind: SectionKind, page: Page) -> str:
    count = section_item_count(kind, page)
    if count is None or kind not in _NOUNS:
        return "One text."
    one, many = _NOUNS[kind]
    return f"{count} {one if count == 1 else many}."


def _upgrade(kind: SectionKind, locked: LockReason, reader: Reader) -> UpgradeOffer | None:
    match locked:
        case LockReason.VIEW_LIMIT_REACHED | LockReason.NETWORK_LIMIT_REACHED:
            return reader.more
        case LockReason.REGISTRATION_REQUIRED:
            return REGISTER_TO_UNLOCK
        case LockReason.SUBSCRIPTION_REQUIRED:
            return _paid(kind, reader)
        case LockReason.PREVIEW | LockReason.LICENSE_RESTRICTED:
            return None


def _paid(kind: SectionKind, reader: Reader) -> UpgradeOffer | None:
    """What would open a section that registering does not; None for those who pay already, and
    where subscribing would not either."""
    if reader.plan.viewer_kind is ViewerKind.PARTNER:
        return ASK_TO_UNLOCK
    is_free = reader.plan.viewer_kind in (ViewerKind.GUEST, ViewerKind.REGISTERED)
    is_sold = kind in reader.plans["subscriber"].open_sections
    return SUBSCRIBE_TO_UNLOCK if is_free and is_sold else None
