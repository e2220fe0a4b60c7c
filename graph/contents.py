"""What the sections of a page hold, before anybody is asked whether they may read it."""

from graph.day import Day
from graph.types import sections as types
from graph.types.codes import Code
from graph.types.crosswalks import Translation
from graph.types.edits import UnitLimit
from graph.types.facts import FactRelease
from graph.types.fees import ServiceValue
from graph.types.groupings import Grouping
from schema.crosswalks import TranslationDirection
from schema.pages import Page, SectionKind
from schema.sections import older_notes

FORWARD, REVERSE = TranslationDirection.FORWARD, TranslationDirection.REVERSE


def content_of(kind: SectionKind, page: Page, on: Day) -> types.SectionContent:
    """What a section that is not empty says, whoever reads it."""
    match kind:
        case SectionKind.OFFICIAL_DESCRIPTION | SectionKind.COMMON_LANGUAGE:
            return _written(kind, page) or _title(page)
        case SectionKind.GUIDELINES:
            return _notes(page, on)
        case SectionKind.MODIFIERS:
            return _modifiers(page, on)
        case SectionKind.CROSSWALKS:
            return _crosswalks(page, on)
        case SectionKind.CODE_EDITS:
            return _edits(page, on)
        case SectionKind.COVERAGE_AND_PAYMENT:
            return _payment(page, on)
        case SectionKind.HISTORY:
            return _history(page, on)


def _written(kind: SectionKind, page: Page) -> types.TextContent | None:
    for text in page.texts:
        if text.kind is kind:
            return types.TextContent(text=text.markdown, format=types.TextFormat.MARKDOWN)
    return None


def introduction_of(kind: SectionKind, page: Page) -> types.TextContent | None:
    """What somebody wrote about the section; above notes of an older release, whose they are."""
    written = _written(kind, page)
    reason = older_notes(page) if kind is SectionKind.GUIDELINES else None
    if reason is None:
        return written
    text = reason if written is None else f"{reason}\n\n{written.text}"
    return types.TextContent(text=text, format=types.TextFormat.MARKDOWN)


def _title(page: Page) -> types.TextContent:
    return types.TextContent(text=page.code.title or "", format=types.TextFormat.PLAIN)


def _notes(page: Page, on: Day) -> types.NotesContent:
    return types.NotesContent(
        notes=[
            types.Note(
                kind=note.kind,
                text=note.text,
                inherited_from=Code.of(note.inherited_from, on) if note.inherited_from else None,
                references=[types.NoteReference.of(named, on) for named in note.references],
            )
            for note in page.notes
        ]
    )


def _modifiers(page: Page, on: Day) -> types.ModifiersContent:
    return types.ModifiersContent(
        modifiers=[
            types.ModifierUse(modifier=Code.of(use.modifier, on), guidance=use.guidance)
            for use in page.modifiers
        ]
    )


def _crosswalks(page: Page, on: Day) -> types.CrosswalksContent:
    return types.CrosswalksContent(
        translations=[Translation.of(found, FORWARD, on) for found in page.translations]
    )


def _edits(page: Page, on: Day) -> types.CodeEditsContent:
    limits = [UnitLimit.of(limit) for limit in page.unit_limits]
    releases = _releases(SectionKind.CODE_EDITS, page)
    return types.CodeEditsContent(unit_limits=limits, releases=releases, shape=page, on=on)


def _releases(kind: SectionKind, page: Page) -> list[FactRelease]:
    return [FactRelease.of(one.release) for one in page.editions if kind in one.sections]


def _payment(page: Page, on: Day) -> types.CoverageAndPaymentContent:
    return types.CoverageAndPaymentContent(
        facts=[
            types.PaymentFact(name=fact.name, value=fact.value, source=fact.source)
            for fact in page.payment
        ],
        groupings=[Grouping.of(grouping, on) for grouping in page.groupings],
        relative_values=[ServiceValue.of(page.code.key, value) for value in page.relative_values],
        releases=_releases(SectionKind.COVERAGE_AND_PAYMENT, page),
    )


def _history(page: Page, on: Day) -> types.HistoryContent:
    return types.HistoryContent(
        entries=[
            types.HistoryEntry(
                change=entry.change,
                release_label=entry.release_label,
                effective_from=entry.effective_from,
                effective_to=entry.effective_to,
                title=entry.title,
                is_billable=entry.is_billable,
            )
            for entry in page.history
        ],
        previously_coded_as=Translation.where(page.previously_coded_as, FORWARD, on),
        later_coded_as=Translation.where(page.later_coded_as, REVERSE, on),
    )
