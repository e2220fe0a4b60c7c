"""Reads of codes: what a reference means on a day, and where a code stands in the tree."""

from collections.abc import Sequence
from datetime import date

import pytest

from db.codes import (
    ChildrenWanted,
    CodeRef,
    ancestors_of,
    children_of,
    code_systems,
    codes_by_id,
    codes_by_ref,
    is_anything_loaded,
    map_releases,
)
from db.pool import Database
from schema.codes import (
    Code,
    CodeKind,
    CodeLookup,
    CodeMissing,
    CodeStatus,
    CodeSystemKey,
    MissingReason,
)

TODAY = date(2026, 11, 23)
ICD10CM, ICD9CM_DX, DEMO = CodeSystemKey.ICD10CM, CodeSystemKey.ICD9CM_DX, CodeSystemKey.DEMO


async def code(database: Database, system: CodeSystemKey, value: str, on: date = TODAY) -> Code:
    (found,) = await codes_by_ref(database, [(system, value)], on)
    assert isinstance(found, Code)
    return found


async def missing(
    database: Database, refs: Sequence[CodeRef], on: date = TODAY
) -> list[tuple[MissingReason, str]]:
    found = await codes_by_ref(database, refs, on)
    assert all(isinstance(one, CodeMissing) for one in found)
    return [(one.reason, one.message) for one in found if isinstance(one, CodeMissing)]


def keys(lookup: CodeLookup) -> list[str]:
    assert isinstance(lookup, tuple)
    return [str(code.key) for code in lookup]


async def test_a_code_tells_its_free_facts(catalogue: Database) -> None:
    asthma = await code(catalogue, ICD10CM, "J45901")

    assert asthma.display == "J45.901"
    assert asthma.title == "Unspecified asthma with (acute) exacerbation"
    assert asthma.kind is CodeKind.CODE
    assert asthma.status is CodeStatus.ACTIVE
    assert (asthma.is_billable, asthma.why_not_billable) == (True, None)
    assert (asthma.effective_from, asthma.effective_to) == (date(2026, 4, 1), None)
    assert asthma.release is not None
    assert asthma.release.label == "FY2026-APR"
    assert asthma.release.code_count == 98_505


@pytest.mark.parametrize("text", ["W2201XA", "w22.01xa", " W22.01xA ", "W22 01 XA"])
async def test_dots_blanks_and_case_do_not_matter(catalogue: Database, text: str) -> None:
    assert (await code(catalogue, ICD10CM, text)).display == "W22.01XA"


async def test_a_value_that_only_one_system_has_needs_no_system(catalogue: Database) -> None:
    (found,) = await codes_by_ref(catalogue, [(None, "i10")], TODAY)

    assert isinstance(found, Code)
    assert str(found.key) == "ICD10CM:I10"


async def test_a_value_of_several_systems_answers_with_all_of_them(catalogue: Database) -> None:
    (e030, px_and_dx) = await codes_by_ref(catalogue, [(None, "E03.0"), (None, "0010")], TODAY)

    assert keys(e030) == ["ICD10CM:E030", "ICD9CM_DX:E030"]
    assert keys(px_and_dx) == ["ICD9CM_DX:0010", "ICD9CM_PX:0010"]


async def test_the_block_of_one_category_is_found_as_a_range_only(catalogue: Database) -> None:
    category, block = await codes_by_ref(catalogue, [(None, "C50"), (None, "C50-C50")], TODAY)

    assert isinstance(category, Code)
    assert isinstance(block, Code)
    assert (category.kind, block.kind) == (CodeKind.HEADER, CodeKind.BLOCK)
    assert category.parent_id == block.id


async def test_what_has_no_code_says_why(catalogue: Database) -> None:
    refs: list[CodeRef] = [(None, "!?"), (ICD10CM, "QQQ"), (None, "QQQ"), (CodeSystemKey.CPT, "X1")]

    assert await missing(catalogue, refs) == [
        (
            MissingReason.NOT_A_CODE,
            "A code has 1 to 20 letters, digits and hyphens; dots and blanks are ignored.",
        ),
        (MissingReason.UNKNOWN, "ICD10CM has no code QQQ."),
        (MissingReason.UNKNOWN, "No loaded code system has the code QQQ."),
        (MissingReason.NOT_LOADED, "No release of CPT that had begun by 2026-11-23 is loaded."),
    ]


async def test_before_the_first_loaded_release_nothing_is_said_to_be_unknown(
    catalogue: Database,
) -> None:
    refs: list[CodeRef] = [(ICD10CM, "I10"), (ICD10CM, "QQQ"), (None, "I10")]

    found = await missing(catalogue, refs, date(2026, 3, 31))

    assert [reason for reason, _ in found] == [MissingReason.NOT_LOADED] * 3


async def test_a_code_that_only_a_map_names_has_no_title(catalogue: Database) -> None:
    row = await catalogue.fetch_one(
        "SELECT min(c.value) AS value FROM code c WHERE c.system = 'ICD10CM'"
        " AND NOT EXISTS (SELECT FROM code_version v WHERE v.code_id = c.id)"
    )
    assert row is not None

    bare = await code(catalogue, ICD10CM, row["value"])

    assert (bare.title, bare.release, bare.is_billable, bare.parent_id) == (None, None, None, None)
    assert bare.status is CodeStatus.INACTIVE


async def test_a_code_of_a_closed_system_has_ended_and_keeps_its_title(
    catalogue: Database,
) -> None:
    ended = await code(catalogue, ICD9CM_DX, "V5412")
    then = await code(catalogue, ICD9CM_DX, "V5412", date(2015, 9, 30))

    assert (ended.display, ended.short_title) == ("V54.12", "Aftrcre traum fx low arm")
    assert (ended.status, ended.is_billable) == (CodeStatus.INACTIVE, False)
    assert ended.why_not_billable == "V54.12 ended on 2015-09-30."
    assert ended.effective_to == date(2015, 9, 30)
    assert (then.status, then.is_billable) == (CodeStatus.ACTIVE, True)


async def test_a_dropped_code_is_inactive_and_a_coming_one_future(catalogue: Database) -> None:
    dropped = await code(catalogue, DEMO, "DM-4130")
    coming = await code(catalogue, DEMO, "DM-4230", date(2025, 6, 1))

    assert (dropped.status, dropped.title) == (CodeStatus.INACTIVE, "Stile repainting")
    assert dropped.why_not_billable == "DM-4130 ended on 2025-12-31."
    assert (coming.status, coming.is_billable) == (CodeStatus.FUTURE, False)
    assert coming.why_not_billable == "DM-4230 starts on 2026-01-01."


async def test_the_title_is_the_one_of_the_day_asked_about(catalogue: Database) -> None:
    before = await code(catalogue, DEMO, "DM-4120", date(2025, 12, 31))
    after = await code(catalogue, DEMO, "DM-4120", date(2026, 1, 1))

    assert before.title == "Stile adjustment with levelling of landing"
    assert after.title == "Stile adjustment with levelling of the landing, one side"


@pytest.mark.parametrize(
    ("system", "value", "sentence"),
    [
        (ICD10CM, "J45", "J45 is a header: choose one of the codes below it."),
        (ICD10CM, "S52501", "S52.501 is a header: choose one of the codes below it."),
        (ICD10CM, "CH10", "CH10 is a chapter: choose one of the codes below it."),
        (ICD10CM, "J40-J4A", "J40-J4A is a block: choose one of the codes below it."),
        (DEMO, "DM-M1", "DM-M1 is a modifier: it is reported with a code, never alone."),
    ],
)
async def test_what_is_not_billable_says_why(
    catalogue: Database, system: CodeSystemKey, value: str, sentence: str
) -> None:
    found = await code(catalogue, system, value)

    assert (found.is_billable, found.why_not_billable) == (False, sentence)


async def test_a_release_is_stale_from_the_day_its_successor_is_due(catalogue: Database) -> None:
    async def reason(on: date) -> str | None:
        release = (await code(catalogue, ICD10CM, "I10", on)).release
        assert release is not None
        return release.stale_reason

    assert await reason(date(2026, 9, 30)) is None
    assert await reason(date(2026, 10, 1)) == (
        "FY2027, in force since 2026-10-01, is not loaded; this is FY2026-APR."
    )


async def test_all_twelve_systems_are_told_with_what_is_loaded_of_them(
    catalogue: Database,
) -> None:
    systems = await code_systems(catalogue, TODAY)

    assert [system.key for system in systems] == list(CodeSystemKey)
    assert {
        system.key.value: [(release.label, release.stale_reason) for release in system.releases]
        for system in systems
        if system.releases
    } == {
        "ICD10CM": [
            ("FY2026-APR", "FY2027, in force since 2026-10-01, is not loaded; this is FY2026-APR.")
        ],
        "ICD10PCS": [
            ("FY2024", "FY2027, in force since 2026-10-01, is not loaded; this is FY2024.")
        ],
        "ICD9CM_DX": [("FY2015", None)],
        "ICD9CM_PX": [("FY2015", None)],
        "DEMO": [("DEMO-2026", None), ("DEMO-2025", None)],
    }
    assert [system.key for system in systems if not system.full_descriptors_allowed] == ["CPT"]


async def test_ids_are_answered_in_a_batch_and_unknown_ones_left_out(catalogue: Database) -> None:
    i10 = await code(catalogue, ICD10CM, "I10")

    assert await codes_by_id(catalogue, [i10.id, -1], TODAY) == {i10.id: i10}
    assert await codes_by_ref(catalogue, [], TODAY) == []
    assert await children_of(catalogue, [], TODAY) == []


async def test_ancestors_come_from_the_root_down(catalogue: Database) -> None:
    leaf = await code(catalogue, ICD10CM, "S52501B")
    chapter = await code(catalogue, ICD10CM, "CH19")

    above = await ancestors_of(catalogue, [leaf.id, chapter.id], TODAY)

    assert [ancestor.display for ancestor in above[leaf.id]] == [
        "CH19",
        "S50-S59",
        "S52",
        "S52.5",
        "S52.50",
        "S52.501",
    ]
    assert above[chapter.id] == ()


async def test_children_come_in_tabular_order_page_by_page(catalogue: Database) -> None:
    block = await code(catalogue, ICD10CM, "C43-C44")
    chapter = await code(catalogue, ICD10CM, "CH02")
    leaf = await code(catalogue, ICD10CM, "I10")

    first, none = await children_of(
        catalogue, [ChildrenWanted(chapter.id, 9, None), ChildrenWanted(leaf.id, 9, None)], TODAY
    )
    (rest,) = await children_of(catalogue, [ChildrenWanted(chapter.id, 99, first.seqs[-1])], TODAY)

    listed = [child.display for child in (*first.codes, *rest.codes)]
    assert first.total_count == rest.total_count == len(listed) == len(set(listed))
    assert listed[:3] == ["C00-C96", "C00-C75", "C00-C14"]
    assert block.display in listed
    assert (first.has_next_page, rest.has_next_page) == (True, False)
    assert (none.codes, none.total_count, none.has_next_page) == ((), 0, False)


async def test_children_are_those_of_the_day(catalogue: Database) -> None:
    stiles = await code(catalogue, DEMO, "DM-41", date(2025, 6, 1))
    wanted = [ChildrenWanted(stiles.id, 10, None)]

    (before,) = await children_of(catalogue, wanted, date(2025, 6, 1))
    (after,) = await children_of(catalogue, wanted, TODAY)

    assert [child.key.value for child in before.codes] == [
        "DM-4110",
        "DM-4111",
        "DM-4120",
        "DM-4130",
    ]
    assert [child.key.value for child in after.codes] == ["DM-4110", "DM-4111", "DM-4120"]


async def test_the_maps_are_told_in_the_order_they_were_loaded(catalogue: Database) -> None:
    told = await map_releases(catalogue, TODAY)

    assert [(release.kind, release.label) for release in told] == [
        ("GEM_I9_I10", "GEM-FY2013"),
        ("GEM_I10_I9", "GEM-FY2013"),
        ("DEMO_ICD10CM", "DEMO-2026"),
    ]


async def test_an_empty_catalogue_says_so(database: Database, catalogue: Database) -> None:
    assert await is_anything_loaded(database) is False
    assert await is_anything_loaded(catalogue) is True
