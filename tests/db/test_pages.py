"""Reads of code pages: every section's content, notes from above, and what a page refuses."""

from datetime import UTC, date, datetime

import asyncpg
import pytest

from db.codes import CodeRef, codes_by_ref
from db.load.demo import write_demo
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import Code, CodeMissing, CodeSystemKey, MissingReason
from schema.crosswalks import TranslationStatus
from schema.edits import ModifierIndicator, UnitLimit
from schema.pages import (
    EmptyState,
    Note,
    NoteKind,
    Page,
    SectionKind,
)
from schema.sections import emptiness, section_item_count

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


def _giver(note: Note) -> str | None:
    return note.inherited_from.display if note.inherited_from else None


async def test_the_demo_page_fills_every_section(catalogue: Database) -> None:
    stile = await page(catalogue, DEMO, "DM-4120")

    assert {kind: section_item_count(kind, stile) for kind in SectionKind} == {
        SectionKind.OFFICIAL_DESCRIPTION: None,
        SectionKind.COMMON_LANGUAGE: None,
        SectionKind.GUIDELINES: 10,
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
        (edit.column_one.display, edit.column_two.display, edit.modifier) for edit in stile.edits
    ] == [
        ("DM-4120", "DM-4110", ModifierIndicator.ALLOWED),
        ("DM-4120", "DM-4111", ModifierIndicator.ALLOWED),
    ]
    assert stile.edits[0].rationale == (
        "Resetting the bottom step is part of levelling the landing."
    )
    assert stile.edits[0].effective_from == date(2026, 1, 1)
    assert stile.unit_limits == (
        UnitLimit(
            units_per_day=2, setting=None, adjudication=None, rationale="A wall has two sides."
        ),
    )
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
    assert edit.modifier is ModifierIndicator.NOT_ALLOWED


async def test_limits_of_units_are_told_by_setting(catalogue: Database) -> None:
    escort = await page(catalogue, DEMO, "DM-5110")

    assert escort.unit_limits == (
        UnitLimit(
            units_per_day=4,
            setting="Private path",
            adjudication=None,
            rationale="Owners admit few walkers a day.",
        ),
        UnitLimit(units_per_day=10, setting="Public path", adjudication=None, rationale=None),
    )


async def test_a_limit_for_every_setting_is_given_once(
    database: Database, database_url: str
) -> None:
    await load(database_url, [write_demo])

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.fetch(
            "INSERT INTO unit_limit (fact_release_id, code_id, units_per_day)"
            " SELECT fact_release_id, code_id, 99 FROM unit_limit WHERE setting IS NULL"
        )


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
    assert before.unit_limits == ()
    assert before.translations == ()


async def test_a_section_whose_data_starts_later_is_not_loaded_and_names_the_day(
    catalogue: Database,
) -> None:
    before = await page(catalogue, DEMO, "DM-4120", date(2025, 6, 1))

    asked = "of DEMO codes in force on 2025-06-01 are loaded; those loaded start on 2026-01-01."
    assert [
        emptiness(kind, before)
        for kind in (
            SectionKind.MODIFIERS,
            SectionKind.CROSSWALKS,
            SectionKind.CODE_EDITS,
            SectionKind.COVERAGE_AND_PAYMENT,
        )
    ] == [
        (EmptyState.NOT_LOADED, f"No modifiers {asked}"),
        (
            EmptyState.NOT_LOADED,
            "No crosswalk that starts at DEMO and is in force on 2025-06-01 is loaded.",
        ),
        (EmptyState.NOT_LOADED, f"No code edits {asked}"),
        (EmptyState.NOT_LOADED, f"No coverage and payment data {asked}"),
    ]


async def test_a_section_whose_data_says_nothing_of_the_code_is_a_fact(
    catalogue: Database,
) -> None:
    covid = await page(catalogue, ICD10CM, "U071")
    dropped = await page(catalogue, DEMO, "DM-4130")

    assert emptiness(SectionKind.CROSSWALKS, covid) == (
        EmptyState.NONE,
        "GEM-FY2013 does not name U07.1.",
    )
    assert [
        emptiness(kind, dropped)
        for kind in (
            SectionKind.MODIFIERS,
            SectionKind.CROSSWALKS,
            SectionKind.CODE_EDITS,
            SectionKind.COVERAGE_AND_PAYMENT,
        )
    ] == [
        (EmptyState.NONE, "DM-4130 has no modifiers in DEMO-2026."),
        (EmptyState.NONE, "DEMO-2026 does not name DM-4130."),
        (EmptyState.NONE, "DM-4130 has no code edits in DEMO-2026."),
        (EmptyState.NONE, "DM-4130 has no coverage and payment data in DEMO-2026."),
    ]


async def test_no_section_with_content_holds_nothing(catalogue: Database) -> None:
    """So that nobody is asked to register for nothing: over all DEMO codes and some real ones."""
    rows = await catalogue.fetch(
        "SELECT c.system, c.value FROM code c JOIN code_version v ON v.code_id = c.id"
        " WHERE c.system = 'DEMO' OR c.id % 1500 = 0 ORDER BY c.id"
    )
    refs: list[CodeRef] = [(CodeSystemKey(row["system"]), row["value"]) for row in rows]

    pages = await pages_by_ref(catalogue, refs, TODAY)

    told = [one for one in pages if isinstance(one, Page)]
    assert {system for system, _ in refs} == {one.code.key.system for one in told}
    assert [
        (one.code.display, kind)
        for one in told
        for kind in SectionKind
        if section_item_count(kind, one) == 0
    ] == []


async def test_notes_of_a_block_reach_the_codes_of_the_blocks_within_it(
    catalogue: Database,
) -> None:
    collision = await page(catalogue, ICD10CM, "V4352XA")
    burn = await page(catalogue, ICD10CM, "T20011A")
    knee = await page(catalogue, ICD10CM, "M1711")

    assert sum(_giver(one) == "V00-V99" for one in collision.notes) == 38
    assert {(one.kind, one.text) for one in burn.notes if _giver(one) == "T20-T32"} == {
        (NoteKind.INCLUDES, "burns (thermal) from electrical heating appliances"),
        (NoteKind.INCLUDES, "burns (thermal) from electricity"),
        (NoteKind.INCLUDES, "burns (thermal) from flame"),
        (NoteKind.INCLUDES, "burns (thermal) from friction"),
        (NoteKind.INCLUDES, "burns (thermal) from hot air and hot gases"),
        (NoteKind.INCLUDES, "burns (thermal) from hot objects"),
        (NoteKind.INCLUDES, "burns (thermal) from lightning"),
        (NoteKind.INCLUDES, "burns (thermal) from radiation"),
        (NoteKind.INCLUDES, "chemical burn [corrosion] (external) (internal)"),
        (NoteKind.INCLUDES, "scalds"),
        (NoteKind.EXCLUDES2, "erythema [dermatitis] ab igne (L59.0)"),
        (
            NoteKind.EXCLUDES2,
            "radiation-related disorders of the skin and subcutaneous tissue (L55-L59)",
        ),
        (NoteKind.EXCLUDES2, "sunburn (L55.-)"),
    }
    assert [(one.kind, one.text) for one in knee.notes if _giver(one) == "M00-M25"] == [
        (NoteKind.INCLUDES, "Disorders affecting predominantly peripheral (limb) joints")
    ]


async def test_a_note_begins_with_its_own_words(catalogue: Database) -> None:
    sepsis = await page(catalogue, ICD10CM, "A419")
    rows = await catalogue.fetch("SELECT text FROM code_note WHERE text ~ '^[ ,]'")

    assert rows == []
    assert ("if applicable, postprocedural sepsis (T81.44-)", None) in [
        (text, None) for text, _ in notes(sepsis, NoteKind.CODE_FIRST)
    ]


async def test_a_lead_in_stands_before_its_items(catalogue: Database) -> None:
    collision = await page(catalogue, ICD10CM, "V4352XA")

    texts = [
        text for text, giver in notes(collision, NoteKind.USE_ADDITIONAL) if giver == "V00-V99"
    ]
    assert texts == [
        "code to identify:",
        "Airbag injury (W22.1)",
        "Type of street or road (Y92.4-)",
        "Use of cellular telephone and other electronic equipment at the time of the transport"
        " accident (Y93.C-)",
    ]


async def test_the_translations_of_a_page_print_the_code(catalogue: Database) -> None:
    diabetes = await page(catalogue, ICD10CM, "E119")

    assert [told.requested for told in diabetes.translations] == ["E11.9"]


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
    assert emptiness(SectionKind.CROSSWALKS, header) is not None


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
    assert emptiness(SectionKind.COMMON_LANGUAGE, told) is None
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

    reports = await load(database_url, [write_demo])

    assert [(report.release, report.added) for report in reports if report.added] == [
        ("DEMO texts", 1)
    ]
    rows = await database.fetch(
        "SELECT version, markdown FROM page_text WHERE section = 'GUIDELINES' ORDER BY version"
    )
    assert [row["version"] for row in rows] == [1, 2]
    assert rows[0]["markdown"] == "Old words."
    now = await page(database, DEMO, "DM-4120", datetime.now(UTC).date())
    assert now.texts[-1].markdown == rows[1]["markdown"]
