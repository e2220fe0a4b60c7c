"""The sections of a code page: open with content, locked with a reason, or empty with a state."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

import strawberry

from graph.context import Info
from graph.day import Day
from graph.types.codes import Code
from graph.types.crosswalks import Translation
from graph.types.edits import AddOnRule, CodePairEdit, UnitLimit, add_ons_of, pairs_of
from graph.types.facts import FactRelease
from graph.types.fees import ServiceValue
from graph.types.groupings import Grouping
from graph.types.relay import FIRST_DEFAULT, After, Connection, First
from graph.types.upgrade import UpgradeOffer
from schema import references as shapes
from schema.pages import (
    EmptyState,
    HistoryChange,
    LockReason,
    NoteKind,
    Page,
    SectionKind,
)

for published in (SectionKind, LockReason, EmptyState, NoteKind, HistoryChange):
    strawberry.enum(published)


@strawberry.enum
class TextFormat(StrEnum):
    """How a text is to be read."""

    PLAIN = "PLAIN"
    """As it stands."""
    MARKDOWN = "MARKDOWN"
    """As CommonMark."""


@strawberry.type
class TextContent:
    """A text."""

    text: str
    """The text itself."""
    format: TextFormat
    """How to read it."""


@strawberry.type
class NoteReference:
    """A code, a header or a range that an instruction names."""

    raw: str
    """As printed: `E08-E13`, `F10.-`."""
    target: Code | None
    """The code, or the first of a range; null where the text names nothing that a release has."""
    target_end: Code | None
    """The last code of a range; null outside ranges."""
    is_open: bool
    """Whether a dash tells that codes below are meant."""
    condition: str | None
    """What must hold of the codes meant, in the words of the note; null when all are."""

    @classmethod
    def of(cls, named: shapes.NoteReference, on: Day) -> Self:
        """The published form of a reference as of `on`."""
        return cls(
            raw=named.raw,
            target=Code.of(named.target, on) if named.target else None,
            target_end=Code.of(named.target_end, on) if named.target_end else None,
            is_open=named.is_open,
            condition=named.condition,
        )


@strawberry.type
class Note:
    """One instruction that applies to the code."""

    kind: NoteKind
    """What kind of instruction."""
    text: str
    """As printed, without a comma that joined it to its heading. A lead-in that ends in a colon and
    the items below it are notes of their own, in that order."""
    inherited_from: Code | None
    """The code above that says it; null when the code itself does."""
    references: list[NoteReference]
    """The codes that it names, in the order of its text; empty when it names none."""


@strawberry.type
class NotesContent:
    """The instructions of the official list that apply to the code."""

    notes: list[Note]
    """By kind, the code's own before inherited ones; empty when the list has none."""


@strawberry.type
class ModifierUse:
    """A modifier that may be appended to the code."""

    modifier: Code
    """The modifier."""
    guidance: str | None
    """When to use it."""


@strawberry.type
class ModifiersContent:
    """The modifiers that may be appended."""

    modifiers: list[ModifierUse]
    """In the order of their codes."""


@strawberry.type
class CrosswalksContent:
    """What the loaded maps say about the code."""

    translations: list[Translation]
    """One for each map that starts at the code's system."""


@strawberry.type
class CodeEditsContent:
    """The loaded rules about reporting the code with others, and how often."""

    unit_limits: list[UnitLimit]
    """One for each setting; empty when the loaded releases have none."""
    releases: list[FactRelease]
    """The editions in force that the rules and limits are of, and whether they are stale."""
    shape: strawberry.Private[Page]
    on: strawberry.Private[Day]

    @strawberry.field
    async def pairs(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[CodePairEdit]:
        """The rules in force that name the code in either column: where it is the one paid, then
        where it is denied, each by the other code."""
        return await pairs_of(info, self.shape, self.on, first, after)

    @strawberry.field
    async def add_ons(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[AddOnRule]:
        """The rules in force about add-on codes that name the code: as an add-on, then as a
        primary code, each by the other code."""
        page = self.shape
        at_hand, total = page.add_ons, page.add_on_count
        return await add_ons_of(info, page.code, at_hand, total, self.on, first, after)


@strawberry.type
class PaymentFact:
    """One named value of coverage or payment."""

    name: str
    """What the value is."""
    value: str
    """As published, with its unit."""
    source: str
    """Who published it."""


@strawberry.type
class CoverageAndPaymentContent:
    """What is known of coverage and payment."""

    facts: list[PaymentFact]
    """In the order of their publication."""
    groupings: list[Grouping]
    """The groups that the code is in and what it weighs, by kind."""
    relative_values: list[ServiceValue]
    """What the physician fee schedule says: of the code alone first, then by modifier; empty when
    none is loaded or it does not have the code."""
    releases: list[FactRelease]
    """The editions in force that the facts and relative values are of, and whether they are stale;
    groupings name their own."""


@strawberry.type
class HistoryEntry:
    """What one release changed about the code."""

    change: HistoryChange
    """What became of the code."""
    release_label: str
    """The release; of an end the first one without the code, or the last of a closed system."""
    effective_from: date
    """First day of that release; of an end the first day without the code."""
    effective_to: date | None
    """Last day of what is said; null while it holds, and for an end."""
    title: str | None
    """The official title in that release; null for an end, and when its licence forbids."""
    is_billable: bool | None
    """Whether the code could be submitted on a claim; null for an end."""


@strawberry.type
class HistoryContent:
    """The code through the loaded releases."""

    entries: list[HistoryEntry]
    """Newest first; a release that changed nothing has none."""
    previously_coded_as: Translation | None
    """What the code's conditions were coded as before the code began, as the newest loaded table of
    conversions says; null where none names the code."""
    later_coded_as: Translation | None
    """Codes that began later for conditions coded here until then: the same table read backwards.
    They need not have replaced this one, which may stay in force; null where there are none."""


SectionContent = Annotated[
    TextContent
    | NotesContent
    | ModifiersContent
    | CrosswalksContent
    | CodeEditsContent
    | CoverageAndPaymentContent
    | HistoryContent,
    strawberry.union("SectionContent", description="What a section holds, by its kind."),
]


@strawberry.interface
class PageSection:
    """One section of a code page; the member says whether it is open, locked or empty."""

    id: strawberry.ID
    """Opaque and stable."""
    kind: SectionKind
    """Which section."""
    title: str
    """The heading to show."""
    position: int
    """Place on the page, from 1."""


@strawberry.type
class OpenSection(PageSection):
    """A section this viewer may read."""

    copyright: str | None
    """The notice to show under the content; null for works of the US government."""
    introduction: TextContent | None
    """A text about the whole section, above its items; null where nobody wrote one, and where
    the content is itself a text."""
    content: SectionContent
    """What the section says."""


@strawberry.type
class LockedSection(PageSection):
    """A section closed to this viewer: it has no content field at all."""

    reason: LockReason
    """Why it is closed."""
    item_count: int | None
    """How many items it holds; null for a single text."""
    summary: str
    """What it holds, in a line that gives none of it away."""
    upgrade: UpgradeOffer | None
    """What would open it; null when nothing the viewer can do would."""


@strawberry.type
class EmptySection(PageSection):
    """A section with no content for anyone, which is not the same as "none"."""

    state: EmptyState
    """Why there is no content."""
    explanation: str
    """The same in a sentence."""
