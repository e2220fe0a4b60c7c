"""What coders ask of a list of codes: groups, HCCs, candidates for a DRG, excludes, characters."""

from datetime import date

import pytest

from db.codes import codes_by_ref
from db.drgs import drg_candidates
from db.excludes import excludes_between
from db.groupings import groupings_by_code
from db.hccs import hccs_of
from db.pages import pages_by_ref
from db.pool import Database
from db.seventh import seventh_characters
from schema.codes import Code, CodeKey, CodeMissing, CodeSystemKey
from schema.drgs import CandidatesStatus, DrgCandidates, SeverityEffect
from schema.excludes import CheckStatus, ExcludesVerdict
from schema.groupings import (
    Chronicity,
    ConditionRole,
    GroupCondition,
    GroupingAnswer,
    GroupingKind,
    GroupingStatus,
    SeverityLevel,
)
from schema.hccs import HccModel, HccStatus
from schema.pages import EmptyState, Page, SectionKind
from schema.sections import emptiness, section_item_count
from schema.seventh import SeventhCharacters, SeventhStatus

TODAY, BEFORE = date(2026, 11, 23), date(2022, 1, 1)
DX, PX = CodeSystemKey.ICD10CM, CodeSystemKey.ICD10PCS


def dx(*values: str) -> list[CodeKey]:
    return [CodeKey(DX, value) for value in values]


async def answers(
    database: Database, key: CodeKey, on: date = TODAY
) -> dict[GroupingKind, GroupingAnswer]:
    (found,) = await groupings_by_code(database, [key], None, on)
    return {answer.kind: answer for answer in found.answers}


def groups(answer: GroupingAnswer) -> list[str]:
    return [grouping.group.key.value for grouping in answer.groupings if grouping.group]


async def test_a_diagnosis_is_told_all_its_groups(catalogue: Database) -> None:
    said = await answers(catalogue, CodeKey(DX, "E1122"))

    assert groups(said[GroupingKind.HCC_DX]) == [
        *("V22-18", "V24-18", "V28-37", "ESRD21-18", "ESRD21-139", "ESRD24-18", "RX08-30"),
    ]
    assert groups(said[GroupingKind.CCSR_DX]) == ["END003"]
    assert groups(said[GroupingKind.MDC_DX]) == ["11"]
    assert groups(said[GroupingKind.MSDRG_DX]) == ["008", "010", "019", "673-675", "698-700"]
    assert said[GroupingKind.SEVERITY].status is GroupingStatus.NOT_GROUPED
    assert said[GroupingKind.SEVERITY].reason == "SEVERITY v43.1 does not name E11.22."
    assert said[GroupingKind.CHRONIC].groupings[0].chronicity is Chronicity.CHRONIC


async def test_each_answer_names_its_edition_and_whether_it_is_stale(catalogue: Database) -> None:
    said = await answers(catalogue, CodeKey(DX, "E1122"))

    assert {
        kind.value: answer.release.stale_reason for kind, answer in said.items() if answer.release
    } == {
        "HCC_DX": None,
        "CCSR_DX": "v2026.1, in force since 2025-10-01, is not loaded; this is v2023.1.",
        "MDC_DX": "v44, in force since 2026-10-01, is not loaded; this is v43.1.",
        "MSDRG_DX": "v44, in force since 2026-10-01, is not loaded; this is v43.1.",
        "SEVERITY": "v44, in force since 2026-10-01, is not loaded; this is v43.1.",
        "CHRONIC": "v2026.1, in force since 2025-10-01, is not loaded; this is v2023.1.",
    }


async def test_what_is_no_answer_says_which_sort_of_none_it_is(catalogue: Database) -> None:
    header = (await answers(catalogue, CodeKey(DX, "E11")))[GroupingKind.HCC_DX]
    unknown = (await answers(catalogue, CodeKey(DX, "ZZZ")))[GroupingKind.HCC_DX]
    before = (await answers(catalogue, CodeKey(DX, "E1122"), BEFORE))[GroupingKind.HCC_DX]
    (foreign,) = await groupings_by_code(catalogue, dx("I10"), {GroupingKind.MSDRG_PX}, TODAY)

    assert (header.status, header.reason) == (
        GroupingStatus.NOT_GROUPED,
        "E11 is a header; HCC_DX PY2026 names complete codes.",
    )
    assert (unknown.status, unknown.reason) == (
        GroupingStatus.UNKNOWN_CODE,
        "ICD-10-CM has no code ZZZ.",
    )
    assert (before.status, before.release) == (GroupingStatus.NOT_LOADED, None)
    assert foreign.answers[0].status is GroupingStatus.NOT_APPLICABLE
    assert foreign.answers[0].reason == "MSDRG_PX is about codes of ICD-10-PCS."


async def test_a_procedure_is_told_which_others_must_be_there(catalogue: Database) -> None:
    said = (await answers(catalogue, CodeKey(PX, "02H60KZ")))[GroupingKind.MSDRG_PX]

    assert groups(said) == ["265", "275", "276-277"]
    assert [condition.with_codes for condition in said.groupings[1].conditions] == [
        ("0JH608Z",),
        ("0JH638Z",),
        ("0JH808Z",),
        ("0JH838Z",),
    ]


@pytest.mark.parametrize(
    ("words", "role"),
    [
        ("PDX", ConditionRole.PRINCIPAL),
        ("ORPCS", ConditionRole.PRINCIPAL),
        ("AND SDX", ConditionRole.SECONDARY),
        ("AND NO SDX OR ONLY SDX", ConditionRole.SECONDARY),
        ("PSDX OF HIV INFECTION", ConditionRole.EITHER),
        ("PDX OR SDX", ConditionRole.EITHER),
        ("PDX FROM MDC 18 EXCEPT", ConditionRole.EXCEPTED),
        ("WITHOUT ORPCS", ConditionRole.EXCEPTED),
    ],
)
def test_a_heading_tells_in_which_place_its_codes_stand(words: str, role: ConditionRole) -> None:
    assert GroupCondition(words=words).role is role


async def test_the_highest_category_lets_those_below_it_drop(catalogue: Database) -> None:
    found = await hccs_of(
        catalogue, dx("E119", "E1122", "E1110", "C7951", "I10"), HccModel.V28, TODAY
    )

    assert (found.status, found.reason) == (
        HccStatus.ANSWERED,
        "The diagnoses lead to 4 categories of the model V28.",
    )
    assert [
        (
            item.category.key.value,
            [code.display for code in item.diagnoses],
            [code.key.value for code in item.dropped_by],
        )
        for item in found.categories
    ] == [
        ("V28-18", ["C79.51"], []),
        ("V28-36", ["E11.10"], []),
        ("V28-37", ["E11.22"], ["V28-36"]),
        ("V28-38", ["E11.9"], ["V28-36", "V28-37"]),
    ]
    assert [(item.requested, item.answers[0].reason) for item in found.without] == [
        ("I10", "I10 leads to no category of the model V28.")
    ]


async def test_a_model_without_diagnoses_is_not_loaded_rather_than_empty(
    catalogue: Database,
) -> None:
    older = await hccs_of(catalogue, dx("E119"), HccModel.V23, TODAY)
    before = await hccs_of(catalogue, dx("E119"), HccModel.V28, BEFORE)

    assert (older.status, older.categories) == (HccStatus.NOT_LOADED, ())
    assert (before.status, before.release) == (HccStatus.NOT_LOADED, None)


async def candidates(
    database: Database, principal: str, *beside: str, procedures: tuple[str, ...] = ()
) -> DrgCandidates:
    done = [CodeKey(PX, value) for value in procedures]
    return await drg_candidates(database, *dx(principal), dx(*beside), done, TODAY)


async def test_a_medical_stay_leads_to_the_group_of_its_principal_diagnosis(
    catalogue: Database,
) -> None:
    found = await candidates(catalogue, "A0471")

    (only,) = found.candidates
    assert found.status is CandidatesStatus.ANSWERED
    assert found.reason.startswith("MDC_DX v43.1 names A04.71. A list of candidates, no grouper:")
    assert only.group.key.value == "371-373"
    assert only.group.title == "Major Gastrointestinal Disorders and Peritoneal Infections"
    assert [drg.key.value for drg in only.drgs] == ["371", "372", "373"]
    assert only.category is not None
    assert only.category.title == "Diseases and Disorders of the Digestive System"
    assert (found.highest, only.lacks_procedure) == (SeverityLevel.NONE, False)


async def test_a_procedure_adds_its_group_of_the_same_category(catalogue: Database) -> None:
    found = await candidates(catalogue, "A0471", procedures=("0DTN0ZZ", "02HV33Z", "ZZZ"))

    assert [
        (item.group.key.value, [code.display for code in item.named_by])
        for item in found.candidates
    ] == [("329-331", ["0DTN0ZZ"]), ("371-373", ["A04.71"])]
    assert found.unnamed_procedures == ("02HV33Z", "ZZZ")


async def test_procedures_that_count_only_together_lead_nowhere_alone(catalogue: Database) -> None:
    alone = await candidates(catalogue, "I472" + "1", procedures=("02H60KZ",))
    together = await candidates(catalogue, "I472" + "1", procedures=("02H60KZ", "0JH608Z"))

    assert "275" not in [item.group.key.value for item in alone.candidates]
    assert "275" in [item.group.key.value for item in together.candidates]


async def test_groups_that_need_a_procedure_stand_last_without_one(catalogue: Database) -> None:
    found = await candidates(catalogue, "E1122")

    assert [(item.group.key.value, item.lacks_procedure) for item in found.candidates] == [
        ("698-700", False),
        ("008", True),
        ("010", True),
        ("019", True),
        ("673-675", True),
    ]


async def test_a_secondary_diagnosis_counts_unless_the_principal_one_excludes_it(
    catalogue: Database,
) -> None:
    beside = ("J9600", "I5021", "I10", "ZZZ")
    one = await candidates(catalogue, "A0471", *beside)
    other = await candidates(catalogue, "I5031", *beside)

    assert [(item.effect, item.level) for item in one.secondary_diagnoses] == [
        (SeverityEffect.COUNTS, SeverityLevel.MCC),
        (SeverityEffect.COUNTS, SeverityLevel.MCC),
        (SeverityEffect.NO_LEVEL, SeverityLevel.NONE),
        (SeverityEffect.UNKNOWN_CODE, None),
    ]
    assert one.highest is SeverityLevel.MCC
    excluded = other.secondary_diagnoses[1]
    assert (excluded.effect, excluded.level) == (SeverityEffect.EXCLUDED, SeverityLevel.MCC)
    assert excluded.reason == "I50.21 is MCC, which I50.31 excludes."
    assert [drg.key.value for drg in one.secondary_diagnoses[0].excluded_in] == ["928", "929"]


async def test_a_principal_diagnosis_that_is_none_has_no_candidates(catalogue: Database) -> None:
    unknown = await candidates(catalogue, "ZZZ", "J9600")
    before = await drg_candidates(catalogue, *dx("A0471"), dx("J9600"), [], BEFORE)

    assert (unknown.status, unknown.candidates) == (CandidatesStatus.UNKNOWN_CODE, ())
    assert (before.status, before.candidates) == (CandidatesStatus.NOT_LOADED, ())
    assert before.secondary_diagnoses[0].effect is SeverityEffect.NOT_LOADED


async def test_excludes_are_found_in_both_directions_and_above(catalogue: Database) -> None:
    check = await excludes_between(catalogue, dx("E1122", "E1022"), TODAY)
    assert check is not None

    assert [
        (item.verdict, item.code.display, item.other.display, item.giver.display, item.reference)
        for item in check.findings
    ] == [
        (ExcludesVerdict.CONFLICT, "E11.22", "E10.22", "E11", "E10.-"),
        (ExcludesVerdict.CONFLICT, "E10.22", "E11.22", "E10", "E11.-"),
    ]
    assert check.findings[0].note == "type 1 diabetes mellitus (E10.-)"
    assert check.codes[0].reason == "The notes of FY2026-APR were read."


async def test_a_range_of_a_chapter_names_every_code_in_it(catalogue: Database) -> None:
    check = await excludes_between(catalogue, dx("I10", "A150"), TODAY)
    assert check is not None

    assert [
        (item.verdict, item.code.display, item.giver.display, item.reference)
        for item in check.findings
    ] == [(ExcludesVerdict.BOTH_ALLOWED, "I10", "CH09", "A00-B99")]
    target_end = check.findings[0].target_end
    assert target_end is not None
    assert target_end.display == "B99"


async def test_a_condition_leaves_out_the_codes_that_do_not_meet_it(catalogue: Database) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value, r.condition FROM note_reference r JOIN code_note n ON n.id = r.note_id"
        " JOIN code c ON c.id = n.code_id WHERE n.kind LIKE 'EXCLUDES%'"
        " AND r.condition = 'fifth or sixth character 1-4' ORDER BY c.value LIMIT 1"
    )
    giver = rows[0]["value"]

    check = await excludes_between(catalogue, dx(giver, "T360X1A", "T360X5A", "T36"), TODAY)
    assert check is not None

    met = [item for item in check.findings if item.condition == "fifth or sixth character 1-4"]
    assert [(item.other.display, item.verdict is ExcludesVerdict.DEPENDS) for item in met] == [
        ("T36.0X1A", False),
        ("T36", True),
    ]


async def test_what_cannot_be_checked_says_so_and_is_no_conflict(catalogue: Database) -> None:
    check = await excludes_between(catalogue, dx("E1122", "ZZZ", "E1122"), TODAY)
    before = await excludes_between(catalogue, dx("E1122", "E1022"), BEFORE)
    assert check is not None
    assert before is not None

    assert [item.status for item in check.codes] == [
        CheckStatus.CHECKED,
        CheckStatus.UNKNOWN_CODE,
        CheckStatus.CHECKED,
    ]
    assert check.findings == ()
    assert {item.status for item in before.codes} == {CheckStatus.NOT_LOADED}
    assert before.findings == ()


async def characters(database: Database, value: str) -> SeventhCharacters:
    found = await seventh_characters(database, (DX, value), TODAY)
    assert isinstance(found, SeventhCharacters)
    return found


async def test_a_stem_is_padded_and_tells_which_codes_exist(catalogue: Database) -> None:
    found = await characters(catalogue, "T360X1")

    assert (found.status, found.given_by and found.given_by.display) == (
        SeventhStatus.REQUIRED,
        "T36",
    )
    assert found.instruction == (
        "The appropriate 7th character is to be added to each code from category T36"
    )
    assert [
        (item.character, item.meaning, item.padded, item.code and item.code.display)
        for item in found.characters
    ] == [
        ("A", "initial encounter", "T360X1A", "T36.0X1A"),
        ("D", "subsequent encounter", "T360X1D", "T36.0X1D"),
        ("S", "sequela", "T360X1S", "T36.0X1S"),
    ]


async def test_a_short_stem_gets_placeholders(catalogue: Database) -> None:
    found = await characters(catalogue, "T1500")

    assert [item.padded for item in found.characters] == ["T1500XA", "T1500XD", "T1500XS"]


@pytest.mark.parametrize(
    ("value", "status", "count"),
    [
        ("S52501A", SeventhStatus.COMPLETE, 16),
        ("S525", SeventhStatus.CHOOSE_BELOW, 16),
        ("I10", SeventhStatus.NONE, 0),
    ],
)
async def test_other_codes_say_why_they_take_none(
    catalogue: Database, value: str, status: SeventhStatus, count: int
) -> None:
    found = await characters(catalogue, value)

    assert (found.status, len(found.characters)) == (status, count)
    assert all(item.padded is None for item in found.characters) or value == "S52501A"


async def test_characters_of_another_system_or_of_no_code_are_told_apart(
    catalogue: Database,
) -> None:
    procedure = await seventh_characters(catalogue, (PX, "0DTN0ZZ"), TODAY)
    unknown = await seventh_characters(catalogue, (DX, "ZZZ"), TODAY)
    spelled_alike = await seventh_characters(catalogue, (None, "E8889"), TODAY)

    assert isinstance(procedure, SeventhCharacters)
    assert procedure.status is SeventhStatus.NOT_APPLICABLE
    assert isinstance(unknown, CodeMissing)
    assert not isinstance(spelled_alike, SeventhCharacters)


async def test_a_page_has_the_groupings_of_its_code(catalogue: Database) -> None:
    (page,) = await pages_by_ref(catalogue, [(DX, "J9600")], TODAY)
    assert isinstance(page, Page)

    assert [
        (item.kind.value, item.group.key.value if item.group else item.severity or item.chronicity)
        for item in page.groupings
        if item.kind is not GroupingKind.HCC_DX
    ] == [
        ("CCSR_DX", "RSP012"),
        ("MDC_DX", "04"),
        ("MSDRG_DX", "189"),
        ("MSDRG_DX", "928-929"),
        ("MSDRG_DX", "934"),
        ("SEVERITY", SeverityLevel.MCC),
        ("CHRONIC", Chronicity.NOT_CHRONIC),
    ]
    assert section_item_count(SectionKind.COVERAGE_AND_PAYMENT, page) == len(page.groupings)


async def test_a_code_that_no_grouping_names_has_none_rather_than_no_data(
    catalogue: Database,
) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value FROM code c JOIN code_version v ON v.code_id = c.id"
        " WHERE c.system = 'ICD10PCS' AND NOT EXISTS"
        " (SELECT FROM group_member g WHERE g.code_id = c.id) ORDER BY c.value LIMIT 1"
    )
    (page,) = await pages_by_ref(catalogue, [(PX, rows[0]["value"])], TODAY)
    assert isinstance(page, Page)

    assert emptiness(SectionKind.COVERAGE_AND_PAYMENT, page) == (
        EmptyState.NONE,
        f"{rows[0]['value']} has no coverage and payment data in MSDRG_PX v43.1.",
    )


async def test_a_group_is_a_code_with_a_page_and_is_not_reported(catalogue: Database) -> None:
    (category,) = await codes_by_ref(catalogue, [(CodeSystemKey.HCC, "v28-37")], TODAY)
    asked = [(CodeSystemKey.MSDRG, "372"), (CodeSystemKey.MDC, "06")]
    page, mdc = await pages_by_ref(catalogue, asked, TODAY)
    assert isinstance(category, Code)
    assert isinstance(page, Page)
    assert isinstance(mdc, Page)

    assert category.title == "Diabetes with Chronic Complications"
    assert category.why_not_billable == "V28-37 is not reported on a claim."
    assert page.code.why_not_billable == "372 is not reported on a claim."
    assert page.groupings[0].kind is GroupingKind.MDC_MSDRG
    assert emptiness(SectionKind.MODIFIERS, page) == (
        EmptyState.NOT_APPLICABLE,
        "MS-DRG codes group other codes and are not reported.",
    )
    assert emptiness(SectionKind.COVERAGE_AND_PAYMENT, mdc) == (
        EmptyState.NOT_APPLICABLE,
        "MDC codes group other codes and are not reported.",
    )
