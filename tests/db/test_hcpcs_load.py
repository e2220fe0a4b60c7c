"""Loading releases of HCPCS Level II: codes that end, references, payment, and what a page says."""

from datetime import date
from functools import partial

import pytest

from db.codes import codes_by_ref
from db.crosswalks import translations
from db.load import LoadReport, hcpcs_anweb
from db.load.hcpcs import HcpcsRow
from db.load.hcpcs_writer import hcpcs_file, write_hcpcs
from db.load.hcpcs_xlsx import read as sheet_rows
from db.load.source import SourceFile
from db.load.transaction import load
from db.pages import pages_by_ref
from db.pool import Database
from schema.codes import Code, CodeKey, CodeKind, CodeMissing, CodeStatus, CodeSystemKey
from schema.crosswalks import Relationship, TranslationDirection, TranslationStatus
from schema.errors import FileRefused
from schema.pages import EmptyState, HistoryChange, Page, SectionKind
from schema.sections import emptiness
from tests.db.test_hcpcs import official
from tests.official.hcpcs_anweb import anweb
from tests.official.hcpcs_xlsx import hcpcs_xlsx

HCPCS, MODIFIER, CPT = CodeSystemKey.HCPCS, CodeSystemKey.HCPCS_MODIFIER, CodeSystemKey.CPT
JANUARY, APRIL = date(2026, 1, 1), date(2026, 4, 1)


def code(value: str, title: str = "Invented supply", **more: object) -> HcpcsRow:
    return HcpcsRow(value, False, title, "Invented", coverage="C", **more)  # type: ignore[arg-type]


FIRST = [
    HcpcsRow("Z1", is_modifier=True, title="Invented circumstance", short_title="", coverage="D"),
    HcpcsRow("Z2", True, "Older circumstance", "", cross_references=("Z1",)),
    code("Z0001"),
    code("Z0002", added_on=date(1999, 1, 1), last_day=date(2020, 12, 31)),
    code("Z0003", last_day=date(2026, 6, 30), cross_references=("Z0001", "Z0009", "00000")),
    code("Z0004", last_day=date(2025, 12, 31), cross_references=("CPT",)),
    code("Z0005"),
]
SECOND = [
    FIRST[0],
    code("Z0001", "Invented supply, reworded"),
    code("Z0002", added_on=date(1999, 1, 1), last_day=date(2020, 12, 31)),
    code("Z0003", last_day=date(2026, 5, 31)),
    code("Z0004"),
    code("Z0005", last_day=date(2026, 2, 28)),
    code("Z0006"),
]


async def load_rows(
    url: str, label: str, starts: date, rows: list[HcpcsRow], *, is_trial: bool = False
) -> list[LoadReport]:
    file = SourceFile(f"{label}.txt", anweb(rows))
    step = partial(write_hcpcs, file=file, label=label, effective_from=starts)
    return await load(url, [step], is_trial=is_trial)


@pytest.fixture
async def first(database_url: str) -> list[LoadReport]:
    return await load_rows(database_url, "2026-JAN", JANUARY, FIRST)


@pytest.fixture
async def second(database_url: str, first: list[LoadReport]) -> list[LoadReport]:
    return await load_rows(database_url, "2026-APR", APRIL, SECOND)


async def told(database: Database, value: str, on: date, system: CodeSystemKey = HCPCS) -> Code:
    [found] = await codes_by_ref(database, [(system, value)], on)
    assert isinstance(found, Code)
    return found


async def page(database: Database, value: str, on: date, system: CodeSystemKey = HCPCS) -> Page:
    [found] = await pages_by_ref(database, [(system, value)], on)
    assert isinstance(found, Page)
    return found


def counts(reports: list[LoadReport]) -> dict[str, tuple[int, int, int, int]]:
    return {r.release: (r.added, r.changed, r.removed, r.unresolved) for r in reports}


async def test_a_release_reports_each_of_its_parts(first: list[LoadReport]) -> None:
    assert counts(first) == {
        "HCPCS 2026-JAN": (5, 0, 0, 0),
        "HCPCS_MODIFIER 2026-JAN": (2, 0, 0, 0),
        "HCPCS_XREF HCPCS-2026-JAN": (2, 0, 0, 1),
        "HCPCS_XREF_CPT HCPCS-2026-JAN": (1, 0, 0, 1),
        "HCPCS_XREF_MODIFIER HCPCS-2026-JAN": (1, 0, 0, 0),
        "HCPCS_PAYMENT 2026-JAN": (11, 0, 0, 1),
    }


async def test_a_successor_reports_what_it_changes_of_codes(second: list[LoadReport]) -> None:
    # New is Z0006, and Z0004 again; Z0005 ended before it. Reworded is Z0001; Z0003 ends sooner.
    assert counts(second)["HCPCS 2026-APR"] == (2, 2, 1, 0)
    assert counts(second)["HCPCS_MODIFIER 2026-APR"] == (0, 0, 1, 0)


async def test_a_successor_reports_which_values_of_payment_are_others(
    second: list[LoadReport],
) -> None:
    # New are the coverage of Z0006 and the last days of Z0003 and Z0005; gone are the day that
    # Z0003 had before, and the day and the reference of Z0004.
    assert counts(second)["HCPCS_PAYMENT 2026-APR"] == (3, 0, 3, 0)


@pytest.mark.usefixtures("first")
async def test_the_same_bytes_again_change_nothing(database: Database, database_url: str) -> None:
    again = await load_rows(database_url, "2026-JAN", JANUARY, FIRST)

    assert {report.skipped_because for report in again} == {"loaded already"}
    assert (await database.fetch("SELECT count(*) FROM code_version"))[0][0] == 7


async def test_a_trial_reports_and_keeps_nothing(database: Database, database_url: str) -> None:
    reports = await load_rows(database_url, "2026-JAN", JANUARY, FIRST, is_trial=True)

    assert counts(reports)["HCPCS 2026-JAN"] == (5, 0, 0, 0)
    assert await database.fetch("SELECT 1 FROM code") == []


async def test_a_refused_release_keeps_nothing(database: Database, database_url: str) -> None:
    with pytest.raises(FileRefused, match="it is one of the American Medical Association"):
        await load_rows(database_url, "2026-JAN", JANUARY, [*FIRST, code("99999")])

    for table in ("code", "code_release", "map_release", "fact_release"):
        assert await database.fetch(f"SELECT 1 FROM {table}") == []


@pytest.mark.usefixtures("first")
async def test_a_code_that_ended_before_the_release_tells_when(database: Database) -> None:
    ended = await told(database, "Z0002", JANUARY)

    assert (ended.status, ended.is_billable) == (CodeStatus.INACTIVE, False)
    assert ended.why_not_billable == "Z0002 ended on 2020-12-31."
    assert (ended.effective_from, ended.effective_to) == (date(1999, 1, 1), date(2020, 12, 31))
    assert ended.title == "Invented supply"
    assert ended.release is not None
    assert ended.release.label == "2026-JAN"


@pytest.mark.usefixtures("first")
async def test_a_code_is_billable_until_its_last_day(database: Database) -> None:
    last = await told(database, "Z0003", date(2026, 6, 30))
    after = await told(database, "Z0003", date(2026, 7, 1))

    assert (last.is_billable, last.effective_to) == (True, date(2026, 6, 30))
    assert after.why_not_billable == "Z0003 ended on 2026-06-30."


@pytest.mark.usefixtures("first")
async def test_before_the_first_release_nothing_is_loaded_not_even_what_ended(
    database: Database,
) -> None:
    [found] = await codes_by_ref(database, [(HCPCS, "Z0002")], date(2019, 1, 1))

    assert isinstance(found, CodeMissing)
    assert found.message == "No release of HCPCS that had begun by 2019-01-01 is loaded."


@pytest.mark.usefixtures("second")
async def test_a_code_that_a_successor_ends_in_the_past_ends_on_that_day(
    database: Database,
) -> None:
    before = await told(database, "Z0005", date(2026, 2, 28))
    after = await told(database, "Z0005", date(2026, 3, 1))

    assert before.is_billable
    assert after.why_not_billable == "Z0005 ended on 2026-02-28."


@pytest.mark.usefixtures("second")
async def test_a_last_day_that_a_successor_moves_is_the_new_one(database: Database) -> None:
    assert (await told(database, "Z0003", APRIL)).effective_to == date(2026, 5, 31)


@pytest.mark.usefixtures("second")
async def test_a_code_that_comes_back_is_billable_from_then_on(database: Database) -> None:
    gone = await told(database, "Z0004", JANUARY)
    back = await told(database, "Z0004", APRIL)

    assert gone.why_not_billable == "Z0004 ended on 2025-12-31."
    assert (back.is_billable, back.effective_from) == (True, APRIL)


@pytest.mark.usefixtures("second")
async def test_what_ended_long_ago_is_told_once_in_the_history(database: Database) -> None:
    history = (await page(database, "Z0002", APRIL)).history

    assert [(e.change, e.release_label, e.effective_from, e.effective_to) for e in history] == [
        (HistoryChange.ENDED, "2026-JAN", date(2021, 1, 1), None),
        (HistoryChange.FIRST_LOADED, "2026-JAN", date(1999, 1, 1), date(2020, 12, 31)),
    ]


async def test_an_end_before_the_first_day_that_a_release_told_leaves_that_day(
    database: Database, database_url: str
) -> None:
    await load_rows(database_url, "2026-JAN", JANUARY, [code("Z0001")])

    await load_rows(
        database_url, "2026-APR", APRIL, [code("Z0001", last_day=date(2025, 6, 30)), code("Z0002")]
    )

    assert (await told(database, "Z0001", APRIL)).why_not_billable == "Z0001 ended on 2026-01-01."
    [*_, last] = (await page(database, "Z0001", APRIL)).payment
    assert (last.name, last.value) == ("Last day of use", "2025-06-30")


@pytest.mark.usefixtures("first")
async def test_a_modifier_is_a_code_of_its_own_system(database: Database) -> None:
    modifier = await told(database, "z1", JANUARY, MODIFIER)

    assert modifier.kind is CodeKind.MODIFIER
    assert modifier.why_not_billable == (
        "Z1 is a modifier: it is reported with a code, never alone."
    )
    shown = await page(database, "Z1", JANUARY, MODIFIER)
    assert [(f.name, f.value) for f in shown.payment] == [
        ("Coverage", "D: covered under special instructions")
    ]


@pytest.mark.usefixtures("first")
async def test_references_are_crosswalks_whose_meaning_is_not_said(database: Database) -> None:
    shown = await page(database, "Z0003", JANUARY)

    to_level_two, to_cpt = shown.translations
    assert [row.target and str(row.target.key) for row in to_level_two.crosswalks] == [
        "HCPCS:Z0001",
        "HCPCS:Z0009",
    ]
    assert to_level_two.status is TranslationStatus.AMBIGUOUS
    assert {row.relationship for row in to_level_two.crosswalks} == {Relationship.RELATED_TO}
    [row] = to_cpt.crosswalks
    assert row.target is not None
    assert (str(row.target.key), row.target.title) == ("CPT:00000", None)
    assert to_cpt.reason == "HCPCS-2026-JAN gives Z0003 one target, near in meaning."


@pytest.mark.usefixtures("first")
async def test_references_are_found_backwards_by_what_they_name(database: Database) -> None:
    [[found]] = await translations(
        database, [CodeKey(CPT, "00000")], None, TranslationDirection.REVERSE, JANUARY, first=9
    )

    assert [str(row.source.key) for row in found.crosswalks] == ["HCPCS:Z0003"]


@pytest.mark.usefixtures("first")
async def test_a_reference_that_names_no_code_is_kept_as_it_stands(database: Database) -> None:
    shown = await page(database, "Z0004", JANUARY)

    assert [(f.name, f.value) for f in shown.payment] == [
        ("Coverage", "C: covered or not as the Medicare contractor judges"),
        ("Last day of use", "2025-12-31"),
        ("Cross reference", "CPT"),
    ]
    assert {fact.source for fact in shown.payment} == {"CMS HCPCS Level II, 2026-JAN.txt"}


@pytest.mark.usefixtures("first")
async def test_sections_without_content_say_why(database: Database) -> None:
    plain = await page(database, "Z0001", JANUARY)
    modifier = await page(database, "Z2", JANUARY, MODIFIER)

    assert emptiness(SectionKind.MODIFIERS, plain) == (
        EmptyState.NOT_LOADED,
        "CMS lists modifiers without saying which of them go with Z0001; nothing that says so is "
        "loaded here.",
    )
    assert emptiness(SectionKind.CROSSWALKS, plain) == (
        EmptyState.NONE,
        "HCPCS-2026-JAN does not name Z0001.",
    )
    assert emptiness(SectionKind.COVERAGE_AND_PAYMENT, plain) is None
    assert emptiness(SectionKind.MODIFIERS, modifier) == (
        EmptyState.NOT_APPLICABLE,
        "Modifiers are not used with HCPCS modifier codes.",
    )
    assert emptiness(SectionKind.CROSSWALKS, modifier) is None
    unreferred = await page(database, "Z1", JANUARY, MODIFIER)
    assert emptiness(SectionKind.CROSSWALKS, unreferred) == (
        EmptyState.NOT_APPLICABLE,
        "Crosswalks name codes that can be reported, not modifiers.",
    )


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(
    ("on", "reason"),
    [
        (date(2026, 3, 31), None),
        (APRIL, "2026-APR, in force since 2026-04-01, is not loaded; this is 2026-JAN."),
        (
            date(2026, 12, 1),
            "2026-OCT, in force since 2026-10-01, is not loaded; this is 2026-JAN.",
        ),
    ],
)
async def test_a_release_is_stale_once_the_next_quarter_begins(
    database: Database, on: date, reason: str | None
) -> None:
    shown = await page(database, "Z0003", on)

    assert shown.code.release is not None
    assert shown.code.release.stale_reason == reason
    [map_reason] = {
        told.map_release and told.map_release.stale_reason for told in shown.translations
    }
    assert (map_reason or "").replace("HCPCS-", "") == (reason or "")


OFFICIAL = {
    "2019": ("hcpcs-2019.zip", date(2019, 1, 1), hcpcs_anweb.read),
    "2025-OCT": ("hcpcs-2025-oct.xlsx", date(2025, 10, 1), sheet_rows),
}


async def test_the_official_files_load_one_after_the_other(
    database: Database, database_url: str
) -> None:
    files = {label: hcpcs_file(official(name)) for label, (name, _, _) in OFFICIAL.items()}
    old, new = (
        {row.value: row for row in read(files[label]) if not row.is_modifier}
        for label, (_, _, read) in OFFICIAL.items()
    )

    reports = await load(
        database_url,
        [
            partial(write_hcpcs, file=files[label], label=label, effective_from=starts)
            for label, (_, starts, _) in OFFICIAL.items()
        ],
    )

    begins = {label: starts for label, (_, starts, _) in OFFICIAL.items()}
    was = {value for value, row in old.items() if (row.last_day or date.max) >= begins["2019"]}
    now = {value for value, row in new.items() if (row.last_day or date.max) >= begins["2025-OCT"]}
    reworded = {v for v in was & now if old[v][2:4] != new[v][2:4]}
    expected = (len(new.keys() - old.keys()), len(reworded), len(was - now), 0)
    assert counts(reports)["HCPCS 2025-OCT"] == expected == (2_023, 276, 406, 0)
    assert counts(reports)["HCPCS 2019"] == (6_440, 0, 0, 0)
    assert counts(reports)["HCPCS_MODIFIER 2025-OCT"] == (23, 6, 3, 0)
    assert {r.release: r.rows for r in reports if "XREF" in r.release and "2025" in r.release} == {
        "HCPCS_XREF HCPCS-2025-OCT": 171,
        "HCPCS_XREF_CPT HCPCS-2025-OCT": 47,
        "HCPCS_XREF_MODIFIER HCPCS-2025-OCT": 1,
    }
    ended = await told(database, "C9174", date(2025, 10, 1))
    assert ended.why_not_billable == "C9174 ended on 2025-09-30."


async def test_no_official_code_is_billable_after_its_last_day(
    database: Database, database_url: str
) -> None:
    name, starts, read = OFFICIAL["2025-OCT"]
    file = hcpcs_file(official(name))
    over = [row for row in read(file) if not row.is_modifier and row.last_day]

    await load(
        database_url,
        [partial(write_hcpcs, file=file, label="2025-OCT", effective_from=starts)],
    )
    found = await codes_by_ref(database, [(HCPCS, row.value) for row in over], starts)

    assert len(over) == 1_205
    assert [isinstance(code, Code) and code.why_not_billable for code in found] == [
        f"{row.value} ended on {row.last_day}." for row in over
    ]


async def test_a_sheet_loads_as_the_text_does(database: Database, database_url: str) -> None:
    file = SourceFile("HCPC2026_JAN_ANWEB.xlsx", hcpcs_xlsx(FIRST))

    reports = await load(
        database_url,
        [partial(write_hcpcs, file=file, label="2026-JAN", effective_from=JANUARY)],
    )

    assert counts(reports)["HCPCS 2026-JAN"] == (5, 0, 0, 0)
    assert (await told(database, "Z0001", JANUARY)).title == "Invented supply"
