"""Edits as loaded and asked: pairs in their order and on their days, units, add-on codes."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from db.codes import codes_by_ref
from db.edits import add_on_checks, add_ons, pair_checks, pair_edits, unit_checks
from db.embedded import StoreUrls
from db.holdings import holdings
from db.load import LoadReport
from db.load.add_on import AddOnRow
from db.load.demo import write_demo
from db.load.edits import add_on_step, pair_step, unit_step
from db.load.mue import UnitRow
from db.load.rows import PairRow
from db.load.transaction import Step, load
from db.pool import Database, open_database
from schema.codes import Code, CodeKey, CodeSystemKey
from schema.edits import (
    AddOnType,
    EditSetting,
    EditStatus,
    ModifierIndicator,
    PairCheck,
    UnitAdjudication,
    UnitLimit,
    UnitSetting,
)
from schema.errors import FileRefused, ReleaseStands
from tests.conftest import _copied
from tests.official import add_on as add_on_file
from tests.official import mue as mue_file
from tests.official import ncci as ncci_file
from tests.official.ncci import rule

SINCE = date(2013, 4, 1)
STARTS, NEXT = date(2026, 10, 1), date(2027, 1, 1)
TODAY = date(2026, 11, 23)
CPT, HCPCS, DEMO = CodeSystemKey.CPT, CodeSystemKey.HCPCS, CodeSystemKey.DEMO
SOME, OTHER = ncci_file.MISUSE, ncci_file.DEFINITION

STANDING = rule("12001/12002", date(2020, 1, 1))
STRICT = rule("G0101/12001", date(2019, 7, 1), indicator=0, rationale=OTHER)
WITHDRAWN = rule("12003/12004", date(1996, 1, 1), date(1996, 1, 1), indicator=9)
ENDED = rule("12005/12006", date(2018, 1, 1), date(2026, 10, 31))
COMING = rule("12007/12008", date(2026, 12, 1))
# As official files have it: withdrawn, and made anew.
ANEW = [
    rule("13121/13120", date(1996, 1, 1), date(1996, 1, 1), indicator=9),
    rule("13121/13120", date(1996, 1, 1), indicator=0),
]
PAIRS = [STANDING, STRICT, WITHDRAWN, ENDED, COMING, *ANEW]
UNITS = [UnitRow("12001", 3, 2, "An invented policy"), UnitRow("G0101", 1, 1, "An invented line")]
ADD_ONS = [
    AddOnRow("12002", "12001", 1, SINCE, None),
    AddOnRow("12002", "G0101", 1, SINCE, None),
    AddOnRow("12002", "12004", 1, SINCE, date(2020, 12, 31)),
    AddOnRow("12008", *(None, 2, SINCE, None)),
]


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def pairs_of(
    folder: Path,
    rows: list[PairRow],
    setting: EditSetting = EditSetting.PRACTITIONER,
    label: str = "2026Q4",
    starts: date = STARTS,
) -> Step:
    """The load of a quarter of one part."""
    name = {"PRACTITIONER": "ccipra", "OUTPATIENT_HOSPITAL": "ccioph"}[setting]
    path = written(folder, f"{name}-v{starts:%y%m}r0-f1.TXT", ncci_file.part(rows))
    return pair_step([path], setting, label, starts)


@pytest.fixture(scope="module")
async def edits(
    stores: StoreUrls, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """A database with DEMO, generated edits of practitioners, their limits, and add-on codes."""
    folder = tmp_path_factory.mktemp("edits")
    units = mue_file.table(UnitSetting.PRACTITIONER, UNITS)
    sheet = add_on_file.as_workbook(ADD_ONS)
    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        await load(
            url,
            [
                write_demo,
                pairs_of(folder, PAIRS),
                unit_step(written(folder, "MCR_MUE_P.csv", units), "2026Q4", STARTS),
                add_on_step(written(folder, "AOC_V2026Q4-MCR.xlsx", sheet), "2026Q4", STARTS),
            ],
        )
        async with open_database(url) as database:
            yield database


def key(value: str, system: CodeSystemKey = CPT) -> CodeKey:
    return CodeKey(HCPCS if value.startswith("G") else system, value)


async def pair(
    edits: Database,
    asked: str,
    on: date = TODAY,
    setting: EditSetting = EditSetting.PRACTITIONER,
    system: CodeSystemKey = CPT,
) -> PairCheck:
    """The answer about two codes, asked as `12001/12002`."""
    keys = [key(value, system) for value in asked.split("/")]
    (check,) = await pair_checks(edits, keys, setting, on)
    return check


@pytest.mark.parametrize("asked", ["12001/12002", "12002/12001"])
async def test_a_pair_keeps_its_columns_however_it_is_asked(edits: Database, asked: str) -> None:
    check = await pair(edits, asked)

    [edit] = check.edits
    assert check.status is EditStatus.APPLIES
    assert (edit.column_one.display, edit.column_two.display) == ("12001", "12002")
    assert (edit.modifier, edit.rationale) == (ModifierIndicator.ALLOWED, SOME)
    assert (edit.effective_from, edit.effective_to) == (date(2020, 1, 1), None)
    assert edit.setting is EditSetting.PRACTITIONER
    assert check.release is not None
    assert check.release.label == "2026Q4"
    assert check.reason == (
        "2026Q4 pays 12001 and denies 12002; a modifier lifts that where the record supports it."
    )


async def test_a_pair_of_two_systems_that_no_modifier_lifts(edits: Database) -> None:
    check = await pair(edits, "12001/G0101")

    [edit] = check.edits
    assert (edit.column_one.key, edit.column_two.key) == (key("G0101"), key("12001"))
    assert edit.modifier is ModifierIndicator.NOT_ALLOWED
    assert check.reason == "2026Q4 pays G0101 and denies 12001; no modifier lifts that."


@pytest.mark.parametrize(
    ("asked", "on", "said"),
    [
        ("12003/12004", TODAY, "; one was withdrawn from its first day on"),
        ("12005/12006", date(2026, 11, 1), "; one ended on 2026-10-31"),
        ("12007/12008", date(2026, 11, 30), "; one starts on 2026-12-01"),
        ("12001/12008", TODAY, ""),
    ],
)
async def test_a_rule_that_is_not_in_force_is_no_edit_and_is_told(
    edits: Database, asked: str, on: date, said: str
) -> None:
    check = await pair(edits, asked, on)

    one, two = asked.split("/")
    assert (check.status, check.edits) == (EditStatus.NO_EDIT_IN_RELEASE, ())
    assert check.reason == f"2026Q4 has no edit of {one} and {two} in force on {on}{said}."
    assert check.release is not None


@pytest.mark.parametrize(
    ("asked", "on"),
    [
        ("12005/12006", date(2026, 10, 31)),
        ("12007/12008", date(2026, 12, 1)),
        ("13121/13120", TODAY),
    ],
)
async def test_a_rule_holds_from_its_first_day_to_its_last(
    edits: Database, asked: str, on: date
) -> None:
    check = await pair(edits, asked, on)

    assert (check.status, len(check.edits)) == (EditStatus.APPLIES, 1)


async def test_what_is_not_loaded_is_never_called_none(edits: Database) -> None:
    before = await pair(edits, "12001/12002", date(2026, 9, 30))
    hospital = await pair(edits, "12001/12002", TODAY, EditSetting.OUTPATIENT_HOSPITAL)

    for check in (before, hospital):
        assert (check.status, check.edits, check.release) == (EditStatus.NOT_LOADED, (), None)
    assert before.reason == "No edits of pairs of CPT in force on 2026-09-30 are loaded."


async def test_a_code_that_nothing_names_is_unknown(edits: Database) -> None:
    check = await pair(edits, "12001/99998")

    assert (check.status, check.second) == (EditStatus.UNKNOWN_CODE, None)
    assert check.reason == "Nothing that is loaded names CPT 99998."


async def test_edits_are_of_procedure_codes(edits: Database) -> None:
    keys = [key("12001"), CodeKey(CodeSystemKey.ICD10CM, "I10")]

    (check,) = await pair_checks(edits, keys, EditSetting.PRACTITIONER, TODAY)

    assert check.status is EditStatus.NOT_APPLICABLE
    assert check.reason == (
        "There are no edits of pairs of ICD-10-CM: they are of procedure codes."
    )


async def test_every_two_of_a_list_are_answered_in_its_order(edits: Database) -> None:
    keys = [key(value) for value in ("12002", "12001", "G0101")]

    checks = await pair_checks(edits, keys, EditSetting.PRACTITIONER, TODAY)

    assert [
        (c.status, c.first and c.first.display, c.second and c.second.display) for c in checks
    ] == [
        (EditStatus.APPLIES, "12002", "12001"),
        (EditStatus.NO_EDIT_IN_RELEASE, "12002", "G0101"),
        (EditStatus.APPLIES, "12001", "G0101"),
    ]
    assert await pair_checks(edits, keys[:1], EditSetting.PRACTITIONER, TODAY) == []
    assert await pair_checks(edits, [], EditSetting.PRACTITIONER, TODAY) == []


@pytest.mark.parametrize("setting", EditSetting)
async def test_the_edits_of_demo_hold_in_every_setting(
    edits: Database, setting: EditSetting
) -> None:
    check = await pair(edits, "DM-4110/DM-4120", TODAY, setting, DEMO)

    [edit] = check.edits
    assert (edit.column_one.display, edit.setting) == ("DM-4120", None)


async def test_codes_of_edits_are_identities_without_a_text(edits: Database) -> None:
    (code,) = await codes_by_ref(edits, [(CPT, "12001")], TODAY)

    assert isinstance(code, Code)
    assert (code.title, code.short_title, code.release) == (None, None, None)


async def test_rules_are_read_part_by_part(edits: Database) -> None:
    (code,) = await codes_by_ref(edits, [(CPT, "12001")], TODAY)
    assert isinstance(code, Code)

    first, second, third = [
        await pair_edits(edits, [code.id], TODAY, 1, after) for after in (0, 1, 2)
    ]

    assert [
        (edit.column_one.display, edit.column_two.display) for [edit] in (first[0], second[0])
    ] == [("12001", "12002"), ("G0101", "12001")]
    assert third == [()]


async def test_limits_of_units_say_how_they_are_judged(edits: Database) -> None:
    asked = [key("12001"), key("G0101"), key("12002"), key("99998"), key("DM-4120", DEMO)]

    checks = await unit_checks(edits, asked, UnitSetting.PRACTITIONER, TODAY)

    policy, line, none, unknown, demo = checks
    assert policy.limits == (
        UnitLimit(
            units_per_day=3,
            setting="Practitioner services",
            adjudication=UnitAdjudication.DATE_OF_SERVICE_POLICY,
            rationale="An invented policy",
        ),
    )
    assert policy.reason == "2026Q4 limits 12001 to 3 for one patient on one day."
    assert [limit.adjudication for limit in line.limits] == [UnitAdjudication.CLAIM_LINE]
    assert (none.status, none.limits) == (EditStatus.NO_EDIT_IN_RELEASE, ())
    assert none.reason == "2026Q4 has no limit of units for 12002."
    assert unknown.status is EditStatus.UNKNOWN_CODE
    assert [(limit.units_per_day, limit.adjudication) for limit in demo.limits] == [(2, None)]


async def test_limits_of_another_setting_are_not_loaded(edits: Database) -> None:
    (check,) = await unit_checks(edits, [key("12001")], UnitSetting.SUPPLIER, TODAY)

    assert (check.status, check.limits) == (EditStatus.NOT_LOADED, ())


async def test_add_on_codes_are_told_with_their_primaries_and_the_other_way_round(
    edits: Database,
) -> None:
    add_on, primary, contractor, none = await add_on_checks(
        edits, [key("12002"), key("12001"), key("12008"), key("12003")], TODAY
    )

    assert [check.rule_count for check in (add_on, primary, contractor, none)] == [2, 1, 1, 0]
    assert add_on.reason == "2026Q4 names 12002 in 2 rules."
    assert none.status is EditStatus.NO_EDIT_IN_RELEASE
    ids = [check.code.id for check in (add_on, primary, contractor) if check.code]
    of_add_on, of_primary, of_contractor = await add_ons(edits, ids, TODAY, 10, 0)
    assert [rule.primary and rule.primary.display for rule in of_add_on] == ["12001", "G0101"]
    assert [rule.add_on.display for rule in of_primary] == ["12002"]
    assert [(rule.primary, rule.type) for rule in of_contractor] == [
        (None, AddOnType.CONTRACTOR_DEFINED)
    ]


async def test_a_release_that_should_have_a_successor_says_so(edits: Database) -> None:
    check = await pair(edits, "12001/12002", date(2027, 1, 1))

    assert check.release is not None
    assert check.release.stale_reason == (
        "2027Q1, in force since 2027-01-01, is not loaded; this is 2026Q4."
    )


async def test_an_operator_is_told_which_edits_are_loaded_stale_or_missing(
    edits: Database,
) -> None:
    held = {holding.subject: holding for holding in await holdings(edits, date(2027, 1, 1))}

    told = ("NCCI_PTP_PRACTITIONER", "MUE_SUPPLIER", "PHYSICIAN_FEE_SCHEDULE")
    assert [(held[subject].label, held[subject].state) for subject in told] == [
        ("2026Q4", "stale: 2027Q1 since 2027-01-01"),
        (None, "not loaded: 2027Q1 since 2027-01-01"),
        (None, "not loaded: 2027-JAN since 2027-01-01"),
    ]
    origin = held["MUE_SUPPLIER"].origin
    assert origin is not None
    assert origin.command == "mue"


async def loaded(url: str, step: Step, *, is_trial: bool = False) -> LoadReport:
    (report,) = await load(url, [step], is_trial=is_trial)
    return report


async def test_the_same_bytes_change_nothing_and_a_trial_keeps_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    tried = await loaded(database_url, pairs_of(tmp_path, PAIRS), is_trial=True)
    (empty,) = await database.fetch("SELECT count(*) FROM pair_edit")
    first = await loaded(database_url, pairs_of(tmp_path, PAIRS))
    again = await loaded(database_url, pairs_of(tmp_path, PAIRS))

    assert (tried.added, tried.unresolved, empty[0]) == (7, 11, 0)
    assert (first.added, first.removed, first.unresolved, first.rows) == (7, 0, 11, 7)
    assert (again.skipped_because, again.rows) == ("loaded already", 7)


async def test_a_successor_reports_its_difference_and_ends_its_predecessor(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    later = [rule("12009/12001", NEXT), *PAIRS[2:]]
    await loaded(database_url, pairs_of(tmp_path, PAIRS))

    report = await loaded(database_url, pairs_of(tmp_path, later, label="2027Q1", starts=NEXT))

    assert (report.added, report.changed, report.removed, report.rows) == (1, 0, 2, 6)
    before = await pair(database, "12001/12002", date(2026, 12, 31))
    after = await pair(database, "12001/12002", NEXT)
    assert (before.status, after.status) == (EditStatus.APPLIES, EditStatus.NO_EDIT_IN_RELEASE)


async def test_limits_and_add_on_codes_report_what_changed(
    database_url: str, tmp_path: Path
) -> None:
    def units(rows: list[UnitRow], label: str, starts: date) -> Step:
        content = mue_file.table(UnitSetting.SUPPLIER, rows)
        return unit_step(written(tmp_path, f"MCR_MUE_{label}.csv", content), label, starts)

    def rules(rows: list[AddOnRow], label: str, starts: date) -> Step:
        content = add_on_file.as_text(rows)
        return add_on_step(written(tmp_path, f"AOC_{label}.txt", content), label, starts)

    changed = [UNITS[0]._replace(units_per_day=4), UnitRow("12005", 1, 3, "New")]
    await load(database_url, [units(UNITS, "A", STARTS), rules(ADD_ONS, "A", STARTS)])

    of_units, of_rules = await load(
        database_url, [units(changed, "B", NEXT), rules(ADD_ONS[1:], "B", NEXT)]
    )

    assert (of_units.added, of_units.changed, of_units.removed) == (1, 1, 1)
    assert (of_rules.added, of_rules.changed, of_rules.removed) == (0, 0, 1)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["ccipra-v324r0-f1.txt", "ccipra-v324r0-f3.txt"], "parts given are 1, 3, not each"),
        (["ccipra-v324r0-f2.txt"], "the parts given are 2, not each from 1 on once"),
        (["ccipra-v324r0-f1.txt", "ccipra-v323r0-f2.txt"], "is of another version than the rest"),
        (["ccioph-v324r0-f1.txt"], "is not named as a part of PRACTITIONER: ccipra-v…-f1.txt"),
        (["edits.txt"], "is not named as a part of PRACTITIONER"),
        (["ccipra-v324r0-f1.xlsx"], "has no .txt file of pair edits"),
    ],
)
def test_wrong_or_missing_parts_are_refused(tmp_path: Path, names: list[str], reason: str) -> None:
    """A part that is left out would be answered as no edit."""
    paths = [written(tmp_path, name, ncci_file.part(PAIRS)) for name in names]

    with pytest.raises(FileRefused, match=reason):
        pair_step(paths, EditSetting.PRACTITIONER, "2026Q4", STARTS)


async def test_a_file_with_an_odd_line_leaves_nothing_behind(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    content = ncci_file.part(PAIRS) + b"12001\t12002\tand more\r\n"
    path = written(tmp_path, "ccipra-v324r0-f1.txt", content)
    step = pair_step([path], EditSetting.PRACTITIONER, "2026Q4", STARTS)

    with pytest.raises(FileRefused) as refused:
        await load(database_url, [step])

    assert (refused.value.line, refused.value.reason) == (15, "has 3 columns where 7 are expected")
    rows = await database.fetch(
        "SELECT (SELECT count(*) FROM pair_edit), (SELECT count(*) FROM code),"
        " (SELECT count(*) FROM edit_rationale), (SELECT count(*) FROM fact_release)"
    )
    assert tuple(rows[0]) == (0, 0, 0, 0)


async def test_other_bytes_under_a_loaded_label_are_refused(
    database_url: str, tmp_path: Path
) -> None:
    await loaded(database_url, pairs_of(tmp_path, PAIRS))

    with pytest.raises(ReleaseStands, match="2026Q4 is loaded already, from other bytes"):
        await loaded(database_url, pairs_of(tmp_path, PAIRS[1:]))
