"""Reads of code pages: every section's content, notes from above, and what a page refuses."""

from datetime import UTC, date, datetime

import pytest

from db.codes import CodeRef, codes_by_ref
from db.load.demo import write_demo
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import Code, CodeMissing, CodeSystemKey, MissingReason
from schema.crosswalks import TranslationStatus
from schema.pages import NoteKind, Page, SectionKind
from schema.sections import empty_reason, section_item_count

TODAY = date(2026, 11, 23)
ICD10CM, DEMO = CodeSystemKey.ICD10CM, CodeSystemKey.DEMO


async def page(database: Database, system: CodeSystemKey, value: str, on: date = TODAY) -> Page:
    (found,) = await pages_by_ref(database, [(system, value)], on)
    assert isinstance(found, Page)
    return found


def notes(of: Page, kind: NoteKind) -> list[tuple[str, str | None]]:
    """Text and giver of the notes of one kind."""
    return [
        (note.text, note.inherited_from.display if note.inherited_from else None)
        for note in of.notes
        if note.kind is kind
    ]


async def test_the_demo_page_fills_every_section(catalogue: Database) -> None:
    stile = await page(catalogue, DEMO, "DM-4120")

    assert {kind: section_item_count(kind, stile) for kind in SectionKind} == {
        SectionKind.OFFICIAL_DESCRIPTION: 1,
        SectionKind.COMMON_LANGUAGE: 1,
        SectionKind.GUIDELINES: 11,
        SectionKind.MODIFIERS: 3,
        SectionKind.CROSSWALKS: 3,
        SectionKind.CODE_EDITS: 3,
        SectionKind.COVERAGE_AND_PAYMENT: 6,
        SectionKind.HISTORY: 2,
    }


async def test_the_demo_page_tells_texts_with_their_copyright(catalogue: Database) -> None:
    stile = await page(catalogue, DEMO, "DM-4120")

    texts = {text.kind: text for text in stile.texts}
    official = texts[SectionKind.OFFICIAL_DESCRIPTION]
    assert (
        official.markdown == "Stile adjustment with levelling of the landing, one side of the wall."
    )
    assert official.copyright == (
        "Descriptions © 2026 Stileworks Nomenclature Guild, an invented publisher."
    )
    common = texts[SectionKind.COMMON_LANGUAGE]
    assert common.markdown.startswith("Where walkers step down, the ground before a stile wears")
    assert common.copyright == "Plain-language text © 2026 the Codestile authors."
    assert texts[SectionKind.GUIDELINES].copyright is None


async def test_the_demo_page_tells_modifiers_edits_units_and_fees(catalogue: Database) -> None:
    stile = await page(catalogue, DEMO, "DM-4120")

    assert [use.modifier.key.value for use in stile.modifiers] == ["DM-M1", "DM-M2", "DM-M3"]
    assert stile.modifiers[1].guidance == "Rare; say what undid the work."
    assert [
        (edit.column_one.display, edit.column_two.display, edit.is_modifier_allowed)
        for edit in stile.edits
    ] == [("DM-4120", "DM-4110", True), ("DM-4120", "DM-4111", True)]
    assert stile.edits[0].effective_from == date(2026, 1, 1)
    assert stile.units_per_day == 2
    assert [(fact.name, fact.value) for fact in stile.payment][:4] == [
        ("Work units", "1.20"),
        ("Material units", "0.85"),
        ("Conversion factor", "20.00 USD per unit"),
        ("Fee", "41.00 USD"),
    ]
    assert {fact.source for fact in stile.payment} == {"Stileworks fee list 2026 (invented)"}


async def test_an_edit_is_told_on_the_pages_of_both_codes(catalogue: Database) -> None:
    denied = await page(catalogue, DEMO, "DM-4210")

    (edit,) = denied.edits
    assert (edit.column_one.display, edit.column_two.display) == ("DM-4211", "DM-4210")
    assert edit.is_modifier_allowed is False


async def test_history_tells_each_change_newest_first(catalogue: Database) -> None:
    stile = await page(catalogue, DEMO, "DM-4120")

    assert [
        (entry.release_label, entry.effective_from, entry.effective_to, entry.title)
        for entry in stile.history
    ] == [
        (
            "DEMO-2026",
            date(2026, 1, 1),
            None,
            "Stile adjustment with levelling of the landing, one side",
        ),
        (
            "DEMO-2025",
            date(2025, 1, 1),
            date(2025, 12, 31),
            "Stile adjustment with levelling of landing",
        ),
    ]


async def test_a_page_holds_what_was_in_force_on_the_day(catalogue: Database) -> None:
    before = await page(catalogue, DEMO, "DM-4120", date(2025, 6, 1))

    assert before.code.title == "Stile adjustment with levelling of landing"
    assert (before.edits, before.modifiers, before.texts, before.payment) == ((), (), (), ())
    assert before.units_per_day is None
    assert before.translations == ()


async def test_notes_come_from_the_category_block_and_chapter_nearest_first(
    catalogue: Database,
) -> None:
    asthma = await page(catalogue, ICD10CM, "J45901")

    assert notes(asthma, NoteKind.EXCLUDES1) == [
        ("detergent asthma (J69.8)", "J45"),
        ("miner's asthma (J60)", "J45"),
        ("wheezing NOS (R06.2)", "J45"),
        ("wood asthma (J67.8)", "J45"),
        ("bronchitis due to chemicals, gases, fumes and vapors (J68.0)", "J40-J4A"),
    ]
    assert ("smoke inhalation (T59.81-)", "CH10") in notes(asthma, NoteKind.EXCLUDES2)
    kinds = [list(NoteKind).index(note.kind) for note in asthma.notes]
    assert kinds == sorted(kinds)


async def test_inclusion_terms_hold_for_their_code_and_its_seventh_characters_only(
    catalogue: Database,
) -> None:
    category = await page(catalogue, ICD10CM, "A692")
    below = await page(catalogue, ICD10CM, "A6922")
    stem = await page(catalogue, ICD10CM, "T360X1")
    extended = await page(catalogue, ICD10CM, "T360X1A")

    assert notes(category, NoteKind.INCLUSION_TERM) == [
        ("Erythema chronicum migrans due to Borrelia burgdorferi", None)
    ]
    assert [giver for _, giver in notes(below, NoteKind.INCLUSION_TERM)] == [None] * 3
    assert notes(stem, NoteKind.INCLUSION_TERM) == [("Poisoning by penicillins NOS", None)]
    assert notes(extended, NoteKind.INCLUSION_TERM) == [("Poisoning by penicillins NOS", "T36.0X1")]


async def test_only_the_nearest_set_of_seventh_characters_counts(catalogue: Database) -> None:
    fracture = await page(catalogue, ICD10CM, "S52521A")

    characters = notes(fracture, NoteKind.SEVENTH_CHARACTER)
    assert [text[0] for text, _ in characters] == ["A", "D", "G", "K", "P", "S"]
    assert {giver for _, giver in characters} == {"S52.52"}
    assert {giver for _, giver in notes(fracture, NoteKind.SEVENTH_CHARACTER_NOTE)} == {"S52.52"}


async def test_translations_of_a_page_stop_at_fifty_rows_and_count_all(
    catalogue: Database,
) -> None:
    aftercare = await page(catalogue, CodeSystemKey.ICD9CM_DX, "V5412")

    (translation,) = aftercare.translations
    assert (len(translation.crosswalks), translation.total_count) == (50, 533)
    assert section_item_count(SectionKind.CROSSWALKS, aftercare) == 533
    assert translation.status is TranslationStatus.AMBIGUOUS


async def test_a_header_has_no_crosswalks_of_its_own(catalogue: Database) -> None:
    header = await page(catalogue, ICD10CM, "J45")

    assert section_item_count(SectionKind.CROSSWALKS, header) is None
    assert empty_reason(SectionKind.CROSSWALKS, header) is not None


async def test_pages_answer_in_the_order_asked_with_candidates_and_reasons(
    catalogue: Database,
) -> None:
    row = await catalogue.fetch_one(
        "SELECT min(c.value) AS value FROM code c WHERE c.system = 'ICD10CM'"
        " AND NOT EXISTS (SELECT FROM code_version v WHERE v.code_id = c.id)"
    )
    assert row is not None
    refs: list[CodeRef] = [
        (None, "E030"),
        (None, "i10"),
        (ICD10CM, "QQQ"),
        (ICD10CM, row["value"]),
        (None, "??"),
    ]

    both, i10, unknown, bare, odd = await pages_by_ref(catalogue, refs, TODAY)

    assert isinstance(both, tuple)
    assert [str(candidate.key) for candidate in both] == ["ICD10CM:E030", "ICD9CM_DX:E030"]
    assert isinstance(i10, Page)
    assert i10.code.title == "Essential (primary) hypertension"
    reasons = [one.reason for one in (unknown, bare, odd) if isinstance(one, CodeMissing)]
    assert reasons == [MissingReason.UNKNOWN, MissingReason.NOT_LOADED, MissingReason.NOT_A_CODE]


async def test_a_page_and_a_look_up_tell_the_same_code(catalogue: Database) -> None:
    refs: list[CodeRef] = [(ICD10CM, "J45901"), (DEMO, "DM-4130"), (ICD10CM, "CH10")]

    pages = await pages_by_ref(catalogue, refs, TODAY)

    codes = await codes_by_ref(catalogue, refs, TODAY)
    assert [one.code for one in pages if isinstance(one, Page)] == codes


@pytest.mark.parametrize("value", ["DM-4110", "DM-4210", "DM-5121", "DM-5220"])
async def test_every_demo_code_has_both_descriptions(catalogue: Database, value: str) -> None:
    told = await page(catalogue, DEMO, value)

    assert isinstance(told.code, Code)
    assert section_item_count(SectionKind.COMMON_LANGUAGE, told) == 1
    assert {text.kind for text in told.texts} == {
        SectionKind.OFFICIAL_DESCRIPTION,
        SectionKind.COMMON_LANGUAGE,
    }


async def test_a_new_wording_is_a_new_version_of_the_text(
    database: Database, database_url: str
) -> None:
    await load(database_url, [write_demo])
    await database.fetch(
        "UPDATE page_text SET markdown = 'Old words.' WHERE section = 'GUIDELINES'"
    )

    (report,) = await load(database_url, [write_demo])

    assert report.skipped is False
    rows = await database.fetch(
        "SELECT version, markdown FROM page_text WHERE section = 'GUIDELINES' ORDER BY version"
    )
    assert [row["version"] for row in rows] == [1, 2]
    assert rows[0]["markdown"] == "Old words."
    now = await page(database, DEMO, "DM-4120", datetime.now(UTC).date())
    assert now.texts[-1].markdown == rows[1]["markdown"]
