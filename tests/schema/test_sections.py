"""What an empty section says, system by system."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from schema.codes import Code, CodeKey, CodeKind, CodeStatus, CodeSystemKey, Release
from schema.crosswalks import MapRelease, Translation, TranslationStatus
from schema.edits import UnitLimit
from schema.pages import (
    EmptyState,
    Note,
    NoteKind,
    Page,
    PageText,
    SectionKind,
    SectionSource,
)
from schema.sections import emptiness, section_item_count

TODAY = date(2026, 11, 23)
ABSENT, NOT_LOADED, NONE = EmptyState.NOT_APPLICABLE, EmptyState.NOT_LOADED, EmptyState.NONE
EDITIONS = {
    "source": "generated",
    "sha256": "",
    "effective_from": date(2026, 1, 1),
    "effective_to": None,
    "stale_reason": None,
}


def unnamed(label: str) -> Translation:
    """What a map says that has no row of the code."""
    release = MapRelease(
        id=1,
        kind=label,
        label=label,
        source_system=CodeSystemKey.DEMO,
        target_system=CodeSystemKey.ICD10CM,
        **EDITIONS,
    )
    return Translation(
        requested="X",
        source=None,
        status=TranslationStatus.UNKNOWN_CODE,
        reason="Not named.",
        crosswalks=(),
        total_count=0,
        map_release=release,
    )


def source(
    kind: SectionKind, label: str, starts: date = date(2026, 1, 1), ends: date | None = None
) -> SectionSource:
    return SectionSource(kind=kind, label=label, effective_from=starts, effective_to=ends)


def page(system: CodeSystemKey, kind: CodeKind = CodeKind.CODE, **filled: Any) -> Page:
    """A page with a title and nothing else but what is given."""
    release = Release(
        id=1,
        system=system,
        label="R1",
        publisher="nobody",
        loaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        code_count=1,
        notes_of="R1",
        **EDITIONS,
    )
    code = Code(
        id=1,
        key=CodeKey(system, "X10"),
        kind=kind,
        title="Title",
        short_title=None,
        status=CodeStatus.ACTIVE,
        is_billable=True,
        why_not_billable=None,
        effective_from=None,
        effective_to=None,
        release=release,
        parent_id=None,
    )
    empty: dict[str, Any] = dict.fromkeys(
        (
            "texts",
            "notes",
            "modifiers",
            "translations",
            "edits",
            "add_ons",
            "unit_limits",
            "payment",
            "groupings",
            "relative_values",
            "history",
            "sources",
        ),
        (),
    )
    counts = {"edit_count": 0, "add_on_count": 0}
    return Page(**{"code": code, "on": TODAY, **empty, **counts, **filled})


def reasons(of: Page) -> dict[SectionKind, EmptyState]:
    found = {kind: emptiness(kind, of) for kind in SectionKind}
    return {kind: empty[0] for kind, empty in found.items() if empty}


def test_an_icd10cm_code_tells_what_is_missing() -> None:
    assert reasons(page(CodeSystemKey.ICD10CM, translations=(unnamed("M1"),))) == {
        SectionKind.GUIDELINES: NONE,
        SectionKind.CROSSWALKS: NONE,
        SectionKind.COMMON_LANGUAGE: EmptyState.NOT_WRITTEN,
        SectionKind.MODIFIERS: ABSENT,
        SectionKind.CODE_EDITS: NOT_LOADED,
        SectionKind.COVERAGE_AND_PAYMENT: NOT_LOADED,
    }


@pytest.mark.parametrize("system", [CodeSystemKey.ICD10PCS, CodeSystemKey.ICD9CM_PX])
def test_a_procedure_code_has_no_guidelines_and_no_map_loaded(system: CodeSystemKey) -> None:
    found = reasons(page(system))

    assert found[SectionKind.GUIDELINES] is NOT_LOADED
    assert found[SectionKind.CROSSWALKS] is NOT_LOADED


@pytest.mark.parametrize("kind", [CodeKind.CHAPTER, CodeKind.BLOCK, CodeKind.HEADER])
def test_a_group_of_codes_has_no_crosswalks(kind: CodeKind) -> None:
    assert reasons(page(CodeSystemKey.ICD10CM, kind))[SectionKind.CROSSWALKS] is ABSENT


@pytest.mark.parametrize("system", [CodeSystemKey.HCPCS, CodeSystemKey.CPT])
def test_systems_with_modifiers_say_that_none_are_loaded(system: CodeSystemKey) -> None:
    assert reasons(page(system))[SectionKind.MODIFIERS] is NOT_LOADED


def test_loaded_data_without_the_code_is_a_fact_that_names_the_data() -> None:
    filled = page(
        CodeSystemKey.DEMO,
        translations=(unnamed("M1"), unnamed("M2")),
        sources=(
            source(SectionKind.MODIFIERS, "D1"),
            source(SectionKind.CODE_EDITS, "D1"),
            source(SectionKind.CODE_EDITS, "D1"),
            source(SectionKind.CODE_EDITS, "D2"),
            source(SectionKind.COVERAGE_AND_PAYMENT, "D0", ends=date(2026, 11, 22)),
            source(SectionKind.COVERAGE_AND_PAYMENT, "D1", TODAY, ends=TODAY),
        ),
    )

    assert {kind: emptiness(kind, filled) for kind in list(SectionKind)[2:]} == {
        SectionKind.GUIDELINES: (NONE, "R1 has no notes that apply to X10."),
        SectionKind.MODIFIERS: (NONE, "X10 has no modifiers in D1."),
        SectionKind.CROSSWALKS: (NONE, "M1 and M2 do not name X10."),
        SectionKind.CODE_EDITS: (NONE, "X10 has no code edits in D1 and D2."),
        SectionKind.COVERAGE_AND_PAYMENT: (NONE, "X10 has no coverage and payment data in D1."),
        SectionKind.HISTORY: None,
    }


@pytest.mark.parametrize(
    ("starts", "ends", "sentence"),
    [
        (
            date(2026, 11, 24),
            None,
            "No modifiers of HCPCS codes in force on 2026-11-23 are loaded; those loaded start on"
            " 2026-11-24.",
        ),
        (
            date(2026, 1, 1),
            date(2026, 11, 22),
            "No modifiers of HCPCS codes in force on 2026-11-23 are loaded.",
        ),
    ],
)
def test_data_that_is_not_in_force_on_the_day_is_not_loaded(
    starts: date, ends: date | None, sentence: str
) -> None:
    sources = (source(SectionKind.MODIFIERS, "D1", starts, ends),)

    assert emptiness(SectionKind.MODIFIERS, page(CodeSystemKey.HCPCS, sources=sources)) == (
        NOT_LOADED,
        sentence,
    )


def test_a_reader_meets_the_names_of_the_trade() -> None:
    icd, procedure = page(CodeSystemKey.ICD10CM), page(CodeSystemKey.ICD9CM_PX)

    assert emptiness(SectionKind.MODIFIERS, procedure) == (
        ABSENT,
        "Modifiers are not used with ICD-9-CM procedure codes.",
    )
    assert [emptiness(kind, icd) for kind in (SectionKind.MODIFIERS, SectionKind.CODE_EDITS)] == [
        (ABSENT, "Modifiers are not used with ICD-10-CM codes."),
        (
            NOT_LOADED,
            "Medicare Code Editor edits of ICD-10-CM codes exist and are not loaded here.",
        ),
    ]


def test_a_text_above_the_notes_is_not_one_of_them() -> None:
    text = PageText(kind=SectionKind.GUIDELINES, markdown="Once a day.", copyright=None)
    note = Note(kind=NoteKind.NOTE, text="Once.", inherited_from=None)
    alone = page(CodeSystemKey.DEMO, texts=(text,))

    both = page(CodeSystemKey.DEMO, texts=(text,), notes=(note,))

    assert section_item_count(SectionKind.GUIDELINES, both) == 1
    assert section_item_count(SectionKind.GUIDELINES, alone) is None
    assert emptiness(SectionKind.GUIDELINES, alone) is None


@pytest.mark.parametrize("kind", [SectionKind.OFFICIAL_DESCRIPTION, SectionKind.COMMON_LANGUAGE])
def test_a_single_text_is_not_counted_and_not_empty(kind: SectionKind) -> None:
    text = PageText(kind=kind, markdown="In words.", copyright=None)
    written = page(CodeSystemKey.DEMO, texts=(text,))

    assert section_item_count(kind, written) is None
    assert emptiness(kind, written) is None


def test_rules_are_counted_however_few_of_them_a_page_holds() -> None:
    edited = page(CodeSystemKey.HCPCS, edit_count=2_000, add_on_count=30)

    assert section_item_count(SectionKind.CODE_EDITS, edited) == 2_030
    assert emptiness(SectionKind.CODE_EDITS, edited) is None


def test_a_limit_of_units_is_an_edit_to_show() -> None:
    limit = UnitLimit(units_per_day=2, setting=None, adjudication=None, rationale=None)
    limited = page(CodeSystemKey.HCPCS, unit_limits=(limit,))

    assert section_item_count(SectionKind.CODE_EDITS, limited) == 1
    assert emptiness(SectionKind.CODE_EDITS, limited) is None


def test_a_demo_header_is_not_reported() -> None:
    header = page(CodeSystemKey.DEMO, CodeKind.HEADER)

    assert emptiness(SectionKind.CODE_EDITS, header) == (
        ABSENT,
        "X10 is a header and is not reported by itself.",
    )


def test_content_is_never_empty_whatever_the_system() -> None:
    note = Note(kind=NoteKind.NOTE, text="Once.", inherited_from=None)

    assert SectionKind.GUIDELINES not in reasons(page(CodeSystemKey.HCPCS, notes=(note,)))


@pytest.mark.parametrize("system", list(CodeSystemKey))
@pytest.mark.parametrize("kind", list(CodeKind))
def test_every_empty_section_says_one_sentence(system: CodeSystemKey, kind: CodeKind) -> None:
    for section in SectionKind:
        empty = emptiness(section, page(system, kind))
        assert empty is None or (empty[1].endswith(".") and ". " not in empty[1])
