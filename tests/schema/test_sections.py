"""What an empty section says, system by system."""

from typing import Any

import pytest

from schema.codes import Code, CodeKey, CodeKind, CodeStatus, CodeSystemKey
from schema.crosswalks import Translation, TranslationStatus
from schema.pages import EmptyReason, Note, NoteKind, Page, SectionKind
from schema.sections import empty_reason, section_item_count

ABSENT, NOT_LOADED = EmptyReason.NOT_APPLICABLE, EmptyReason.NOT_LOADED
UNNAMED = Translation(
    requested="X",
    source=None,
    status=TranslationStatus.UNKNOWN_CODE,
    reason="Not named.",
    crosswalks=(),
    total_count=0,
    map_release=None,
)


def page(system: CodeSystemKey, kind: CodeKind = CodeKind.CODE, **filled: Any) -> Page:
    """A page with a title and nothing else but what is given."""
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
        release=None,
        parent_id=None,
    )
    empty: dict[str, Any] = dict.fromkeys(
        ("texts", "notes", "modifiers", "translations", "edits", "payment", "history"), ()
    )
    return Page(**{"code": code, "units_per_day": None, **empty, **filled})


def reasons(of: Page) -> dict[SectionKind, EmptyReason]:
    found = {kind: empty_reason(kind, of) for kind in SectionKind}
    return {kind: empty[0] for kind, empty in found.items() if empty}


def test_an_icd10cm_code_tells_what_is_missing() -> None:
    assert reasons(page(CodeSystemKey.ICD10CM, translations=(UNNAMED,))) == {
        SectionKind.COMMON_LANGUAGE: EmptyReason.NOT_WRITTEN,
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


def test_what_is_loaded_in_full_may_be_none() -> None:
    demo = page(CodeSystemKey.DEMO, translations=(UNNAMED,))

    assert reasons(demo) == {SectionKind.COMMON_LANGUAGE: EmptyReason.NOT_WRITTEN}
    assert section_item_count(SectionKind.CODE_EDITS, demo) == 0
    assert section_item_count(SectionKind.COMMON_LANGUAGE, demo) is None


def test_a_demo_header_is_not_reported() -> None:
    header = page(CodeSystemKey.DEMO, CodeKind.HEADER)

    assert empty_reason(SectionKind.CODE_EDITS, header) == (
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
        empty = empty_reason(section, page(system, kind))
        assert empty is None or (empty[1].endswith(".") and empty[1].count(".") == 1)
