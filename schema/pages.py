"""Code pages: everything we say about one code, section by section, before any lock is applied."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from schema.codes import Code, CodeSystemKey
from schema.crosswalks import Translation
from schema.edits import AddOnRule, CodePairEdit, UnitLimit
from schema.facts import FactRelease
from schema.groupings import Grouping
from schema.references import NoteReference
from schema.relative_values import RelativeValue
from schema.shape import Shape


class SectionKind(StrEnum):
    """The sections of every page, in the order of the page."""

    OFFICIAL_DESCRIPTION = "OFFICIAL_DESCRIPTION"
    """What the publisher calls the code, in full."""
    COMMON_LANGUAGE = "COMMON_LANGUAGE"
    """The code in plain words, written by editors."""
    GUIDELINES = "GUIDELINES"
    """Instructions and notes of the official list: includes, excludes, code first and others."""
    MODIFIERS = "MODIFIERS"
    """The modifiers that may be appended."""
    CROSSWALKS = "CROSSWALKS"
    """What the loaded maps say about the code."""
    CODE_EDITS = "CODE_EDITS"
    """Rules about reporting the code with others, and how often."""
    COVERAGE_AND_PAYMENT = "COVERAGE_AND_PAYMENT"
    """Fees, coverage and groupings."""
    HISTORY = "HISTORY"
    """The code through the loaded releases."""


class LockReason(StrEnum):
    """Why a section is closed to this viewer; the first that applies, in this order."""

    LICENSE_RESTRICTED = "LICENSE_RESTRICTED"
    """The text is licensed, and no licence covers the viewer's plan."""
    VIEW_LIMIT_REACHED = "VIEW_LIMIT_REACHED"
    """The viewer's allowance is spent."""
    NETWORK_LIMIT_REACHED = "NETWORK_LIMIT_REACHED"
    """Too many new guests of the viewer's network have opened pages."""
    SUBSCRIPTION_REQUIRED = "SUBSCRIPTION_REQUIRED"
    """Subscribers read it."""
    REGISTRATION_REQUIRED = "REGISTRATION_REQUIRED"
    """Registered readers read it."""
    PREVIEW = "PREVIEW"
    """The page was asked for as a preview, which opens nothing and charges nothing."""


class EmptyState(StrEnum):
    """Why a section has no content for anyone."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    """The system has no such thing for this kind of code."""
    NOT_LOADED = "NOT_LOADED"
    """The data exists, and is not loaded here: this is never to be read as "none"."""
    NOT_WRITTEN = "NOT_WRITTEN"
    """The text is written by editors, and nobody has yet."""
    NONE = "NONE"
    """The loaded data has nothing here for this code: a fact, not a gap."""


class NoteKind(StrEnum):
    """The instructions of a tabular list, in the words of the ICD-10-CM conventions."""

    INCLUDES = "INCLUDES"
    """What the category includes, or an example of it."""
    INCLUSION_TERM = "INCLUSION_TERM"
    """A condition for which the code is to be used."""
    EXCLUDES1 = "EXCLUDES1"
    """Not coded here: the two are never coded together."""
    EXCLUDES2 = "EXCLUDES2"
    """Not included here: both may be coded when the patient has both."""
    CODE_FIRST = "CODE_FIRST"
    """The underlying condition is coded before this one."""
    USE_ADDITIONAL = "USE_ADDITIONAL"
    """A further code is added, if it applies."""
    CODE_ALSO = "CODE_ALSO"
    """Two codes may be needed; their order depends on the encounter."""
    NOTE = "NOTE"
    """Any other note."""
    SEVENTH_CHARACTER_NOTE = "SEVENTH_CHARACTER_NOTE"
    """The sentence that tells to add a seventh character."""
    SEVENTH_CHARACTER = "SEVENTH_CHARACTER"
    """One admitted seventh character and its meaning, `A: initial encounter`."""


class Note(Shape):
    """One instruction that applies to a code, its own or that of a code above it.

    The kind is the heading it is printed under. A lead-in that ends in a colon and the items below
    it are notes of their own, in that order.
    """

    kind: NoteKind
    text: str
    """As printed, without a comma that joined it to its heading."""
    inherited_from: Code | None
    """The chapter, block or category that says it; None when the code itself does."""
    references: tuple[NoteReference, ...] = ()
    """The codes that it names, in the order of its text."""


class PageText(Shape):
    """A text that an editor or a publisher wrote for one section of one page."""

    kind: SectionKind
    markdown: str
    copyright: str | None
    """The notice to show under the text; None for works of the US government."""


class ModifierUse(Shape):
    """A modifier that may be appended to the code."""

    modifier: Code
    guidance: str | None


class PaymentFact(Shape):
    """One named value of coverage or payment."""

    name: str
    value: str
    """As published, with its unit where it has one."""
    source: str


class HistoryChange(StrEnum):
    """What a release did to a code."""

    FIRST_LOADED = "FIRST_LOADED"
    """The first loaded release of the system has it; the code may be older."""
    ADDED = "ADDED"
    """It came, or came back."""
    REVISED = "REVISED"
    """Its title, its kind, its place or whether it is billable changed."""
    ENDED = "ENDED"
    """It is in force no more."""


class HistoryEntry(Shape):
    """What a release said about the code, from its first day until a later one said otherwise."""

    change: HistoryChange
    release_label: str
    """The first loaded release that says so; of an end the first without the code, or the last
    release of a closed system."""
    effective_from: date
    """First day of that release; of an end the first day without the code."""
    effective_to: date | None
    """Last day of what is said, inclusive; None while it holds, and for an end."""
    title: str | None
    """None for an end and where the licence forbids."""
    is_billable: bool | None
    """None for an end."""


class SectionSource(Shape):
    """A loaded release that fills one section of the pages of a system, in force or not."""

    kind: SectionKind
    """MODIFIERS, CODE_EDITS or COVERAGE_AND_PAYMENT."""
    label: str
    effective_from: date | None
    """None when it has always been in force."""
    effective_to: date | None
    """Last day in force, inclusive; None until a successor is loaded."""

    def is_in_force(self, on: date) -> bool:
        """Whether the release holds on a day."""
        has_begun = self.effective_from is None or self.effective_from <= on
        return has_begun and (self.effective_to is None or on <= self.effective_to)


class SectionEdition(Shape):
    """A release of values about codes, in force on the day, and the sections that it fills."""

    sections: tuple[SectionKind, ...]
    """CODE_EDITS, COVERAGE_AND_PAYMENT or both."""
    release: FactRelease


class Page(Shape):
    """Everything known about one code on one date. Holds locked text: never published as it is."""

    code: Code
    on: date
    """The day asked about."""
    texts: tuple[PageText, ...]
    """In the order of their sections."""
    notes: tuple[Note, ...]
    """By kind in the order of NoteKind, the code's own before inherited ones, nearest first, then
    in the order of the list."""
    modifiers: tuple[ModifierUse, ...]
    translations: tuple[Translation, ...]
    """One for each loaded map that starts at the code's system."""
    edits: tuple[CodePairEdit, ...]
    """The first of those in force: where the code is the one paid, then where it is denied."""
    edit_count: int
    """All of those in force, however many are at hand."""
    add_ons: tuple[AddOnRule, ...]
    """The first of those in force: the code as an add-on, then as a primary code."""
    add_on_count: int
    """All of those in force, however many are at hand."""
    unit_limits: tuple[UnitLimit, ...]
    """The limit for every setting first, then by setting; empty when none is loaded."""
    payment: tuple[PaymentFact, ...]
    groupings: tuple[Grouping, ...]
    """By kind, then by group in system order."""
    relative_values: tuple[RelativeValue, ...]
    """The code alone first, then by modifier."""
    history: tuple[HistoryEntry, ...]
    """Newest first."""
    previously_coded_as: Translation | None = None
    """What the conditions of the code were coded as before it; None where no table says."""
    later_coded_as: Translation | None = None
    """Which codes came later for conditions coded here, the same table read backwards; None where
    no table names the code as a previous one."""
    sources: tuple[SectionSource, ...]
    """What is loaded for modifiers, edits and payment of the code's system, whether or not it names
    the code: by section, oldest first."""
    editions: tuple[SectionEdition, ...] = ()
    """The releases of edits, limits, fees and coverage in force for the code's system, by kind:
    what the values above are of, and whether they are stale. Groupings name their own."""
    title_copyright: str | None = None
    """The notice to show beside the titles of the code; None unless a licence asks for one."""


_SEVENTH = frozenset({NoteKind.SEVENTH_CHARACTER_NOTE, NoteKind.SEVENTH_CHARACTER})
_NOTE_PLACES = {kind: place for place, kind in enumerate(NoteKind)}


def notes_in_force(code: Code, notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes that apply to a code, of its own and of those above it, by kind.

    `notes` come with the code's own first, then nearest first. What a chapter, block or category
    says holds for every code below it, with two exceptions: inclusion terms name conditions of
    their own code (and of that code with its seventh character), and only the nearest set of
    seventh characters counts (ICD-10-CM guidelines, sections I.A.5 and I.A.11).
    """
    stem = code.parent_id if _has_seventh_character(code) else None
    nearest = next((note for note in notes if note.kind in _SEVENTH), None)
    kept = [note for note in notes if _applies(note, stem, nearest)]
    return tuple(sorted(kept, key=lambda note: _NOTE_PLACES[note.kind]))


def _has_seventh_character(code: Code) -> bool:
    return code.key.system is CodeSystemKey.ICD10CM and len(code.key.value) == 7


def _applies(note: Note, stem: int | None, nearest: Note | None) -> bool:
    giver = note.inherited_from
    if note.kind in _SEVENTH:
        return nearest is not None and giver == nearest.inherited_from
    return note.kind is not NoteKind.INCLUSION_TERM or giver is None or giver.id == stem
