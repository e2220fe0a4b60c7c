"""What is loaded and what is missing, as an operator is told."""

from datetime import date

from typer.main import get_group

from db.holdings import holdings
from db.origins import origins
from db.pool import Database
from graph.cli import load_app
from graph.load_status import advice
from schema.holdings import Holding, MissingRelease

ON = date(2026, 11, 25)


async def test_a_stale_system_an_absent_one_and_a_closed_one_are_told_apart(
    catalogue: Database,
) -> None:
    found = {held.subject: held for held in await holdings(catalogue, ON)}

    assert _told(found["ICD10CM"]) == ("FY2026-APR", 98_505, "stale: FY2027 since 2026-10-01")
    assert _told(found["ICD9CM_DX"]) == ("FY2015", 14_567, "current")
    assert _told(found["HCPCS"]) == (None, None, "not loaded: 2026-OCT since 2026-10-01")
    assert _told(found["MSDRG"])[0] == "v43.1"
    assert _told(found["CPT"]) == (None, None, "not loaded: 2026 since 2026-01-01")
    assert _told(found["GEM_I9_I10"]) == (
        "GEM-FY2013",
        23_912,
        "stale: GEM-FY2018 since 2017-10-01",
    )
    assert _told(found["DEMO_FEE"]) == ("DEMO-2026", 23, "current")


def _told(held: Holding) -> tuple[str | None, int | None, str]:
    return held.label, held.row_count, held.state


async def test_an_edition_is_missing_from_its_first_day_on(catalogue: Database) -> None:
    before = {held.subject: held for held in await holdings(catalogue, date(2026, 9, 30))}
    after = {held.subject: held for held in await holdings(catalogue, date(2026, 10, 1))}

    assert before["ICD10CM"].missing is None
    assert after["ICD10CM"].missing == MissingRelease(
        label="FY2027", effective_from=date(2026, 10, 1)
    )


async def test_an_empty_catalogue_misses_what_the_calendar_expects(database: Database) -> None:
    found = await holdings(database, ON)

    assert [(held.subject, held.state) for held in found][:3] == [
        ("ICD10CM", "not loaded: FY2027 since 2026-10-01"),
        ("ICD10PCS", "not loaded: FY2027 since 2026-10-01"),
        ("ICD9CM_DX", "not loaded"),
    ]
    assert len(found) == len({held.subject for held in found})


async def test_a_grouping_is_told_once_whether_it_has_rows_or_values(catalogue: Database) -> None:
    found = await holdings(catalogue, ON)

    told = {held.subject: _told(held) for held in found}
    assert len(told) == len(found)
    assert told["HCC_DX"] == ("PY2026", 55_297, "current")
    assert told["SEVERITY"] == ("v43.1", 18_391, "stale: v44 since 2026-10-01")
    assert told["CHRONIC"] == ("v2023.1", 74_549, "stale: v2026.1 since 2025-10-01")


async def test_advice_names_page_and_command_of_what_is_not_current(catalogue: Database) -> None:
    found = await holdings(catalogue, ON)

    lines = list(advice(found, {"default", "icd10cm-order"}))

    assert lines[:6] == [
        "ICD10CM",
        "  from https://www.cdc.gov/nchs/icd/icd-10-cm/files.html",
        "  by codestile load icd10cm-order FILE.zip --tabular FILE.zip",
        "ICD10PCS",
        "  from https://www.cms.gov/medicare/coding-billing/icd-10-codes",
        "  no command loads it",
    ]
    assert "ICD9CM_DX" not in " ".join(lines)


async def test_no_command_is_advised_that_would_change_nothing(
    catalogue: Database, database: Database
) -> None:
    """The default load brings what the packages hold: that it has brought already."""
    stale = list(advice(await holdings(catalogue, ON), {"default"}))
    absent = list(advice(await holdings(database, ON), {"default"}))

    told = dict(zip(stale, stale[2:], strict=False))
    first = dict(zip(absent, absent[2:], strict=False))
    packaged = "  by a version of Codestile with a newer package: no command reads the file"
    assert told["CHRONIC"] == packaged
    assert first["CHRONIC"] == "  by codestile load default"


def test_every_command_that_loads_may_be_tried_first() -> None:
    commands = get_group(load_app).commands

    assert len(commands) == 12
    for name, command in commands.items():
        assert "--dry-run" in [option for one in command.params for option in one.opts], name


def test_every_command_that_loads_is_advised_somewhere() -> None:
    """A command for another file of a system that has one is not: the better file is advised."""
    named = {origin.command for origin in origins().values()}

    assert get_group(load_app).commands.keys() - named == {"icd10cm-codes"}
