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
    codes_by_ref,
    is_anything_loaded,
    map_releases,
)
from db.crosswalks import translations
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import (
    Code,
    CodeKey,
    CodeKind,
    CodeLookup,
    CodeMissing,
    CodeStatus,
    CodeSystemKey,
    MissingReason,
)
from schema.crosswalks import TranslationDirection, TranslationStatus
from schema.pages import Page

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
FORWARD = TranslationDirection.FORWARD
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
        (
            MissingReason.UNKNOWN,
            "ICD-10-CM FY2026-APR, the newest release loaded here, has no code QQQ; FY2027 has been"
            " in force since 2026-10-01.",
        ),
        (MissingReason.UNKNOWN, "No loaded code system has the code QQQ."),
        (MissingReason.NOT_LOADED, "No release of CPT that had begun by 2026-11-23 is loaded."),
    ]


@pytest.mark.parametrize(
    ("system", "value", "on", "sentence"),
    [
        (
            CodeSystemKey.ICD10PCS,
            "0dtj9zz",
            TODAY,
            "ICD-10-PCS FY2024, the newest release loaded here, has no code 0DTJ9ZZ; FY2027 has"
            " been in force since 2026-10-01.",
        ),
        (
            ICD10CM,
            "I109",
            date(2026, 9, 30),
            "ICD-10-CM FY2026-APR, the newest release loaded here, has no code I10.9.",
        ),
        (
            ICD9CM_DX,
            "99999",
            TODAY,
            "ICD-9-CM FY2015, the newest release loaded here, has no code 999.99.",
        ),
        (
            ICD10CM,
            "C50-C51",
            date(2026, 9, 30),
            "ICD-10-CM FY2026-APR, the newest release loaded here, has no code C50-C51.",
        ),
    ],
)
async def test_an_unknown_code_names_the_newest_release_and_the_one_that_should_be(
    catalogue: Database, system: CodeSystemKey, value: str, on: date, sentence: str
) -> None:
    assert await missing(catalogue, [(system, value)], on) == [(MissingReason.UNKNOWN, sentence)]


@pytest.mark.parametrize(
    ("system", "value", "sentence"),
    [
        (
            ICD9CM_DX,
            "250",
            "Only complete codes of ICD-9-CM are loaded here; 250 is the beginning of some.",
        ),
        (
            ICD9CM_DX,
            "250.0",
            "Only complete codes of ICD-9-CM are loaded here; 250.0 is the beginning of some.",
        ),
        (
            CodeSystemKey.ICD10PCS,
            "0DT",
            "Only complete codes of ICD-10-PCS are loaded here; 0DT is the beginning of some.",
        ),
    ],
)
async def test_a_group_of_a_system_loaded_without_groups_is_not_said_to_be_unknown(
    catalogue: Database, system: CodeSystemKey, value: str, sentence: str
) -> None:
    assert await missing(catalogue, [(system, value)]) == [(MissingReason.NOT_LOADED, sentence)]
    (found,) = await pages_by_ref(catalogue, [(system, value)], TODAY)
    assert isinstance(found, CodeMissing)
    assert (found.reason, found.message) == (MissingReason.NOT_LOADED, sentence)


async def test_the_beginning_of_codes_that_have_their_groups_is_unknown(
    catalogue: Database,
) -> None:
    (reason, message), *_ = await missing(catalogue, [(ICD10CM, "I1")], date(2026, 9, 30))

    assert reason is MissingReason.UNKNOWN
    assert message == "ICD-10-CM FY2026-APR, the newest release loaded here, has no code I1."


async def test_before_the_first_loaded_release_nothing_is_said_to_be_unknown(
    catalogue: Database,
) -> None:
    refs: list[CodeRef] = [(ICD10CM, "I10"), (ICD10CM, "QQQ"), (None, "I10")]

    found = await missing(catalogue, refs, date(2026, 3, 31))

    assert [reason for reason, _ in found] == [MissingReason.NOT_LOADED] * 3


async def test_without_a_system_nothing_is_unknown_before_the_first_release_of_all(
    catalogue: Database,
) -> None:
    refs: list[CodeRef] = [(None, "QQQ")]

    before = await missing(catalogue, refs, date(2014, 9, 30))
    after = await missing(catalogue, refs, date(2014, 10, 1))

    assert before == [
        (
            MissingReason.NOT_LOADED,
            "No release of its code system that had begun by 2014-09-30 is loaded.",
        )
    ]
    assert after == [(MissingReason.UNKNOWN, "No loaded code system has the code QQQ.")]


async def test_every_read_answers_at_the_first_day_that_may_be_asked_about(
    catalogue: Database,
) -> None:
    refs: list[CodeRef] = [(ICD10CM, "I10"), (None, "E030"), (ICD9CM_DX, "4019"), (DEMO, "DM-4120")]

    found = await missing(catalogue, refs, FIRST_DAY)

    assert [reason for reason, _ in found] == [MissingReason.NOT_LOADED] * 4
    assert [type(one) for one in await pages_by_ref(catalogue, refs, FIRST_DAY)] == (
        [CodeMissing] * 4
    )
    (told,) = await translations(
        catalogue, [CodeKey(ICD10CM, "I10")], None, FORWARD, FIRST_DAY, first=9
    )
    assert [one.status for one in told] == [TranslationStatus.NOT_LOADED]
    above, below = await _around_asthma(catalogue, FIRST_DAY)
    assert ([one.release for one in above], below) == ([None] * 3, ())
    assert {
        release.stale_reason
        for system in await code_systems(catalogue, FIRST_DAY)
        for release in system.releases
    } == {None}


async def test_every_read_answers_at_the_last_day_that_may_be_asked_about(
    catalogue: Database,
) -> None:
    hypertension = await code(catalogue, ICD10CM, "I10", LAST_DAY)
    ended = await code(catalogue, ICD9CM_DX, "4019", LAST_DAY)

    assert (hypertension.status, hypertension.is_billable) == (CodeStatus.ACTIVE, True)
    assert (ended.status, ended.effective_to) == (CodeStatus.INACTIVE, date(2015, 9, 30))
    (page,) = await pages_by_ref(catalogue, [(DEMO, "DM-4120")], LAST_DAY)
    assert isinstance(page, Page)
    assert (len(page.edits), len(page.translations[0].crosswalks)) == (2, 3)
    (told,) = await translations(
        catalogue, [hypertension.key], [ICD9CM_DX], FORWARD, LAST_DAY, first=9
    )
    assert [(one.status, one.total_count) for one in told] == [(TranslationStatus.AMBIGUOUS, 3)]
    above, below = await _around_asthma(catalogue, LAST_DAY)
    assert [one.display for one in above] == ["CH10", "J40-J4A", "J45"]
    assert [one.display for one in below] == ["J45.90", "J45.99"]


async def _around_asthma(
    catalogue: Database, on: date
) -> tuple[tuple[Code, ...], tuple[Code, ...]]:
    """The codes above and below J45.9 on a day."""
    asthma = await code(catalogue, ICD10CM, "J459")
    (below,) = await children_of(catalogue, [ChildrenWanted(asthma.id, 9, None)], on)
    return (await ancestors_of(catalogue, [asthma.id], on))[asthma.id], below.codes


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


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2024, 3, 31), None),
        (date(2024, 4, 1), "FY2024-APR, in force since 2024-04-01"),
        (date(2024, 10, 1), "FY2025, in force since 2024-10-01"),
        (date(2025, 4, 1), "FY2025-APR, in force since 2025-04-01"),
        (date(2025, 10, 1), "FY2026, in force since 2025-10-01"),
        (date(2026, 4, 1), "FY2026-APR, in force since 2026-04-01"),
        (date(2026, 10, 1), "FY2027, in force since 2026-10-01"),
    ],
)
async def test_staleness_on_a_past_day_names_the_edition_of_that_day(
    catalogue: Database, on: date, expected: str | None
) -> None:
    release = (await code(catalogue, CodeSystemKey.ICD10PCS, "0016070", on)).release

    assert release is not None
    assert release.stale_reason == (expected and f"{expected}, is not loaded; this is FY2024.")


async def test_the_calendar_knows_every_edition_of_icd_10_since_2015(catalogue: Database) -> None:
    rows = await catalogue.fetch(
        "SELECT system, label, effective_from FROM release_calendar"
        " WHERE system LIKE 'ICD10%' ORDER BY 1, 3"
    )
    maps = await catalogue.fetch(
        "SELECT kind, label, effective_from FROM map_calendar"
        " WHERE kind LIKE ANY (ARRAY ['GEM%', 'PREVIOUSLY%']) ORDER BY 1, 3"
    )

    yearly = [(f"FY{year}", date(year - 1, 10, 1)) for year in range(2016, 2028)]
    updates = [(f"FY{year}-APR", date(year, 4, 1)) for year in range(2022, 2027)]
    january = ("FY2021-JAN", date(2021, 1, 1))
    diagnoses = [*yearly, *updates, ("FY2020-APR", date(2020, 4, 1)), january]
    procedures = [*yearly, *updates, ("FY2020-AUG", date(2020, 8, 1)), january]
    assert [tuple(row) for row in rows] == [
        (system, *edition)
        for system, editions in (("ICD10CM", diagnoses), ("ICD10PCS", procedures))
        for edition in sorted(editions, key=lambda edition: edition[1])
    ]
    assert [tuple(row) for row in maps] == [
        (kind, f"GEM-FY{year}", date(year - 1, 10, 1))
        for kind in ("GEM_I10_I9", "GEM_I9_I10", "GEM_I9_PCS", "GEM_PCS_I9")
        for year in range(2014, 2019)
    ] + [("PREVIOUSLY_CODED_AS", f"FY{year}", date(year - 1, 10, 1)) for year in range(2018, 2028)]


async def test_the_calendar_knows_the_next_editions_of_groupings(catalogue: Database) -> None:
    rows = await catalogue.fetch(
        "SELECT system, label, effective_from FROM release_calendar"
        " WHERE system IN ('HCC', 'MDC', 'MSDRG') ORDER BY 1, 3"
    )
    maps = await catalogue.fetch(
        "SELECT kind, label, effective_from FROM map_calendar"
        " WHERE kind ~ '^(CCSR|CHRONIC|HCC|MDC|MSDRG|SEVERITY)' ORDER BY 1, 3"
    )

    drg, hcc = ("v44", date(2026, 10, 1)), ("PY2027", date(2027, 1, 1))
    ahrq = [(f"v{year}.1", date(year - 1, 10, 1)) for year in (2024, 2025, 2026)]
    assert [tuple(row) for row in rows] == [("HCC", *hcc), ("MDC", *drg), ("MSDRG", *drg)]
    assert [tuple(row) for row in maps] == [
        *(("CCSR_DX", *edition) for edition in ahrq),
        *(("CHRONIC", *edition) for edition in ahrq),
        ("HCC_DX", *hcc),
        ("HCC_HIERARCHY", *hcc),
        ("MDC_DX", *drg),
        ("MDC_MSDRG", *drg),
        ("MSDRG_DX", *drg),
        ("MSDRG_PX", *drg),
        ("SEVERITY", *drg),
    ]


async def test_a_system_tells_the_identifier_that_hl7_registers_and_no_other(
    catalogue: Database,
) -> None:
    systems = await code_systems(catalogue, TODAY)

    assert {system.key.value: system.uri for system in systems if system.uri} == {
        "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
        "ICD10PCS": "http://www.cms.gov/Medicare/Coding/ICD10",
        "ICD9CM_DX": "http://hl7.org/fhir/sid/icd-9-cm",
        "ICD9CM_PX": "http://hl7.org/fhir/sid/icd-9-cm",
        "HCPCS": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "HCPCS_MODIFIER": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "CPT": "http://www.ama-assn.org/go/cpt",
        "MSDRG": "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/"
        "AcuteInpatientPPS/MS-DRG-Classifications-and-Software",
    }


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
        "MSDRG": [("v43.1", "v44, in force since 2026-10-01, is not loaded; this is v43.1.")],
        "MDC": [("v43.1", "v44, in force since 2026-10-01, is not loaded; this is v43.1.")],
        "HCC": [("PY2026", None)],
        "DEMO": [("DEMO-2026", None), ("DEMO-2025", None)],
    }
    assert [system.key for system in systems if not system.full_descriptors_allowed] == ["CPT"]


async def test_nothing_asked_is_nothing_answered(catalogue: Database) -> None:
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
    chapter = await code(catalogue, ICD10CM, "CH20")
    leaf = await code(catalogue, ICD10CM, "I10")

    first, none = await children_of(
        catalogue, [ChildrenWanted(chapter.id, 2, None), ChildrenWanted(leaf.id, 9, None)], TODAY
    )
    (rest,) = await children_of(catalogue, [ChildrenWanted(chapter.id, 99, first.seqs[-1])], TODAY)

    assert [child.display for child in first.codes] == ["V00-X58", "X71-X83"]
    assert [child.display for child in rest.codes] == [
        "X92-Y09",
        "Y21-Y33",
        "Y35-Y38",
        "Y62-Y84",
        "Y90-Y99",
    ]
    assert first.total_count == rest.total_count == 7
    assert (first.has_next_page, rest.has_next_page) == (True, False)
    assert (none.codes, none.total_count, none.has_next_page) == ((), 0, False)


@pytest.mark.parametrize(
    ("value", "blocks"),
    [
        ("C50911", ["C00-C96", "C00-C75", "C50-C50"]),
        ("C7A010", ["C00-C96", "C7A-C7A"]),
        ("C7B00", ["C00-C96", "C7B-C7B"]),
        ("C4A0", ["C00-C96", "C00-C75", "C43-C44"]),
        ("C9100", ["C00-C96", "C81-C96"]),
        ("D0000", ["D00-D09"]),
        ("M1711", ["M00-M25", "M15-M19"]),
        ("M1A0110", ["M00-M25", "M05-M14"]),
        ("T20011A", ["T07-T88", "T20-T32", "T20-T25"]),
        ("V4352XA", ["V00-X58", "V00-V99", "V40-V49"]),
        ("X58XXXA", ["V00-X58", "W00-X58", "X52-X58"]),
        ("Y830", ["Y62-Y84", "Y83-Y84"]),
    ],
)
async def test_a_block_stands_below_the_block_whose_range_holds_it(
    catalogue: Database, value: str, blocks: list[str]
) -> None:
    found = await code(catalogue, ICD10CM, value)

    above = (await ancestors_of(catalogue, [found.id], TODAY))[found.id]

    assert [one.display for one in above if one.kind is CodeKind.BLOCK] == blocks


async def test_every_chapter_block_and_header_has_codes_below_it(catalogue: Database) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value FROM code_version v JOIN code c ON c.id = v.code_id"
        " WHERE c.system = 'ICD10CM' AND v.kind IN ('CHAPTER', 'BLOCK', 'HEADER')"
        " AND NOT EXISTS (SELECT FROM code_version w WHERE w.parent_id = c.id)"
    )

    assert rows == []


async def test_depth_counts_the_codes_above(catalogue: Database) -> None:
    row = await catalogue.fetch_one(
        "SELECT count(*) FROM code_version v"
        " LEFT JOIN code_version w ON w.code_id = v.parent_id AND w.valid && v.valid"
        " WHERE v.depth <> COALESCE(w.depth + 1, 0)"
    )

    assert row is not None
    assert row["count"] == 0


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

    crosswalks = ("GEM_I9_I10", "GEM_I10_I9", "DEMO_ICD10CM")
    assert [(one.kind, one.label) for one in told if one.kind in crosswalks] == [
        ("GEM_I9_I10", "GEM-FY2013"),
        ("GEM_I10_I9", "GEM-FY2013"),
        ("DEMO_ICD10CM", "DEMO-2026"),
    ]
    assert ("HCC_DX", "PY2026") in [(one.kind, one.label) for one in told]


async def test_an_empty_catalogue_says_so(database: Database, catalogue: Database) -> None:
    assert await is_anything_loaded(database) is False
    assert await is_anything_loaded(catalogue) is True
