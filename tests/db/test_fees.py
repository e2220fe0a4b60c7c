"""Fees of the physician fee schedule, against sums made anew over the very file."""

import csv
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from db.embedded import StoreUrls
from db.fees import fee_localities, service_fees
from db.load import pprrvu, pprrvu_csv
from db.load.edits import fee_step
from db.load.gpci import LocalityRow
from db.load.opening import opened
from db.load.relative_values import RelativeValueRow
from db.load.transaction import Step, load
from db.pool import Database, open_database
from schema.codes import CodeKey, CodeSystemKey
from schema.errors import FileRefused
from schema.fees import (
    Fee,
    FeeBasis,
    FeeSetting,
    FeeStatus,
    FeeWanted,
    LocalityWanted,
    ServiceFees,
)
from tests.conftest import _copied
from tests.official import gpci as gpci_file
from tests.official import pprrvu as pprrvu_file
from tests.official.files import official
from tests.official.pprrvu import value_row

ARCHIVE = "pprrvu-2025-oct-without-descriptions.zip"
STARTS, TODAY = date(2025, 10, 1), date(2025, 11, 23)
CPT, HCPCS = CodeSystemKey.CPT, CodeSystemKey.HCPCS
ALABAMA, SAN_FRANCISCO = LocalityWanted("10112", "00"), LocalityWanted("01112", "05")
NOWHERE = LocalityWanted("99999", "99")
OUTSIDE, INSIDE = FeeSetting.NON_FACILITY, FeeSetting.FACILITY


@pytest.fixture(scope="module")
async def official_fees(stores: StoreUrls, template_url: str) -> AsyncIterator[Database]:
    """A database that holds the official release of October 2025."""
    archive = official(ARCHIVE)
    async with _copied(stores.database_url, copy_of="template_migrated") as url:
        await load(url, [fee_step([archive], "2025-OCT", STARTS)])
        async with open_database(url) as database:
            yield database


def wanted(code: str) -> FeeWanted:
    """A service as `71046-26` names it."""
    value, _, modifier = code.partition("-")
    return FeeWanted(CodeKey(HCPCS if value[0].isalpha() else CPT, value), modifier or None)


async def fees(
    database: Database,
    code: str,
    *,
    at: Sequence[LocalityWanted] | None = None,
    setting: FeeSetting = OUTSIDE,
    on: date = TODAY,
) -> ServiceFees:
    (found,) = await service_fees(database, [wanted(code)], at, setting, on)
    return found


async def fee(database: Database, code: str, setting: FeeSetting = OUTSIDE) -> Fee:
    """The nation's fee."""
    (found,) = (await fees(database, code, setting=setting)).fees
    return found


def test_both_forms_of_the_official_file_say_the_same() -> None:
    files = {file.name: file for file in opened(official(ARCHIVE))}

    text = pprrvu.read(files["PPRRVU2025_Oct.txt"])
    table = pprrvu_csv.read(files["PPRRVU2025_Oct.csv"])

    assert text == table
    assert (len(table), len({row.code for row in table})) == (19_090, 16_852)
    assert {row.conversion_factor for row in table} == {Decimal("32.3465")}


async def test_every_row_of_the_official_file_is_read_back(official_fees: Database) -> None:
    files = {file.name: file for file in opened(official(ARCHIVE))}
    rows = await official_fees.fetch(
        "SELECT c.value AS code, v.modifier, v.status, v.is_not_for_payment, v.work,"
        " v.non_facility_pe, v.is_rare_in_non_facility, v.facility_pe, v.is_rare_in_facility,"
        " v.malpractice, v.non_facility_total, v.facility_total, v.pc_tc, v.global_days,"
        " v.preoperative_share, v.intraoperative_share, v.postoperative_share,"
        " v.multiple_procedure, v.bilateral_surgery, v.assistant_at_surgery, v.co_surgeons,"
        " v.team_surgery, v.endoscopic_base, v.conversion_factor, v.diagnostic_supervision,"
        " v.calculation_flag, v.imaging_family, v.opps_non_facility_pe, v.opps_facility_pe,"
        " v.opps_malpractice FROM relative_value v JOIN code c ON c.id = v.code_id"
    )

    stored = {RelativeValueRow(*row) for row in rows}

    assert stored == set(pprrvu_csv.read(files["PPRRVU2025_Oct.csv"]))


@pytest.mark.parametrize("setting", FeeSetting)
@pytest.mark.parametrize("place", [ALABAMA, SAN_FRANCISCO])
@pytest.mark.parametrize("code", ["99213", "45378-53", "G0101"])
async def test_a_fee_is_what_the_raw_file_comes_to(
    official_fees: Database, code: str, place: LocalityWanted, setting: FeeSetting
) -> None:
    """Computed here from lines and cells of the file itself."""
    value, _, modifier = code.partition("-")
    with zipfile.ZipFile(official(ARCHIVE)) as archive:
        text = archive.read("PPRRVU2025_Oct.txt").decode("ascii")
        table = archive.read("GPCI2025.csv").decode("ascii")
    [line] = [at for at in text.splitlines() if at[:7] == f"{value}{modifier:2}"]
    [row] = [at for at in csv.reader(io.StringIO(table)) if at[0::2][:2] == list(place)]
    work, outside, inside, insurance = (
        Decimal(line[first - 1 : last].strip())
        for first, last in ((60, 65), (67, 72), (76, 81), (85, 89))
    )
    expense = outside if setting is OUTSIDE else inside
    units = sum(
        (
            unit * Decimal(index)
            for unit, index in zip((work, expense, insurance), row[4:], strict=True)
        ),
        Decimal(0),
    )
    due = (units * Decimal("32.3465")).quantize(Decimal("0.01"), ROUND_HALF_UP)

    [found] = (await fees(official_fees, code, at=[place], setting=setting)).fees

    assert found.formula is not None
    assert (found.status, found.formula.amount) == (FeeStatus.PRICED, due)


async def test_fees_that_were_worked_out_by_hand(official_fees: Database) -> None:
    """(1.30 x 1 + 1.35 x 0.869 + 0.10 x 0.575) x 32.3465 = 81.857..., and others."""
    found = {
        (place, code): (await fees(official_fees, code, at=[place])).fees[0].formula
        for code in ("99213", "71046-26", "G0101")
        for place in (ALABAMA, SAN_FRANCISCO)
    }

    assert {key: formula and str(formula.amount) for key, formula in found.items()} == {
        (ALABAMA, "99213"): "81.86",
        (SAN_FRANCISCO, "99213"): "109.15",
        (ALABAMA, "71046-26"): "9.55",
        (SAN_FRANCISCO, "71046-26"): "11.56",
        (ALABAMA, "G0101"): "34.22",
        (SAN_FRANCISCO, "G0101"): "46.99",
    }
    formula = found[ALABAMA, "99213"]
    assert str(formula) == "(1.30 x 1.000 + 1.35 x 0.869 + 0.10 x 0.575) x 32.3465"


async def test_without_a_locality_the_fee_is_the_nations(official_fees: Database) -> None:
    found = await fees(official_fees, "99213")

    [national] = found.fees
    assert found.localities == (None,)
    assert national.formula is not None
    assert str(national.formula.amount) == "88.95"
    assert found.value is not None
    assert found.value.non_facility_total == Decimal("2.75")


async def test_imaging_is_paid_no_more_than_in_hospitals(official_fees: Database) -> None:
    """Every service that the ceiling lowers, in the nation, found anew over the raw file."""
    with zipfile.ZipFile(official(ARCHIVE)) as archive:
        lines = archive.read("PPRRVU2025_Oct.txt").decode("ascii").splitlines()

    def units(line: str, first: int, last: int) -> Decimal:
        return Decimal(line[first - 1 : last].strip())

    lowered = {
        f"{line[:5]}-{line[5:7].strip()}": units(line, 60, 65) + ceiling
        for line in lines
        if line[57:58] == "A"
        and (ceiling := units(line, 152, 157) + units(line, 166, 171))
        and ceiling < units(line, 67, 72) + units(line, 85, 89)
    }
    assert len(lowered) == 58

    found = await service_fees(
        official_fees, [wanted(code) for code in lowered], None, OUTSIDE, TODAY
    )

    formulas = [answer.fees[0].formula for answer in found]
    assert [formula and formula.basis for formula in formulas] == (
        [FeeBasis.HOSPITAL_CEILING] * len(lowered)
    )
    assert [formula and formula.unrounded for formula in formulas] == [
        total * Decimal("32.3465") for total in lowered.values()
    ]


@pytest.mark.parametrize(
    ("setting", "status", "code", "reason"),
    [
        (INSIDE, "RARE_IN_SETTING", "71046-TC", "71046 TC is rarely or never given in facilities"),
        (OUTSIDE, "CONTRACTOR_PRICED", "0633T-TC", "0633T TC is priced by the Medicare contractor"),
        (OUTSIDE, "ANESTHESIA", "00100", "00100 is paid by base units and time (status J)"),
        (OUTSIDE, "UNKNOWN_MODIFIER", "71046-53", "has no values of 71046 with modifier 53"),
        (OUTSIDE, "UNKNOWN_CODE", "00001", "2025-OCT has no CPT code 00001"),
        (OUTSIDE, "NOT_COVERED", "V5364", "V5364 is not covered by Medicare (status N)"),
        (OUTSIDE, "NOT_VALID", "0001F", "0001F is not valid: Medicare uses another code"),
    ],
)
async def test_why_there_is_no_fee(
    official_fees: Database, setting: FeeSetting, status: str, code: str, reason: str
) -> None:
    found = await fee(official_fees, code, setting)

    assert (found.status, found.formula) == (status, None)
    assert reason in found.reason


async def test_anesthesia_tells_the_factor_of_the_locality(official_fees: Database) -> None:
    [found] = (await fees(official_fees, "00100", at=[ALABAMA])).fees

    assert found.reason == (
        "00100 is paid by base units and time, 19.3100 dollars a unit in ALABAMA (status J)."
    )


async def test_one_unknown_locality_leaves_the_others_answered(official_fees: Database) -> None:
    found = await fees(official_fees, "99213", at=[NOWHERE, ALABAMA])

    assert [answer.status for answer in found.fees] == [
        FeeStatus.UNKNOWN_LOCALITY,
        FeeStatus.PRICED,
    ]
    assert found.fees[0].reason == "2025-OCT has no locality 99 of the contractor 99999."
    assert [place and place.name for place in found.localities] == [None, "ALABAMA"]


async def test_before_the_first_release_no_fee_schedule_is_loaded(official_fees: Database) -> None:
    found = await fees(official_fees, "99213", on=date(2025, 9, 30))

    assert found.release is None
    assert [answer.status for answer in found.fees] == [FeeStatus.NOT_LOADED]
    assert await fee_localities(official_fees, None, date(2025, 9, 30)) == (None, ())


async def test_the_fee_schedule_is_about_procedure_codes(official_fees: Database) -> None:
    asked = FeeWanted(CodeKey(CodeSystemKey.ICD10CM, "I10"), None)

    (found,) = await service_fees(official_fees, [asked], None, OUTSIDE, TODAY)

    assert [answer.status for answer in found.fees] == [FeeStatus.NOT_APPLICABLE]


async def test_localities_are_told_by_state(official_fees: Database) -> None:
    release, every = await fee_localities(official_fees, None, TODAY)
    _, alaska = await fee_localities(official_fees, "AK", TODAY)

    assert release is not None
    assert release.source == "PPRRVU2025_Oct.csv, GPCI2025.csv, ANES2025.csv"
    assert len(every) == 109
    assert [(place.mac, place.number, place.work_gpci) for place in alaska] == [
        ("02102", "01", Decimal("1.500"))
    ]
    assert alaska[0].anesthesia_conversion_factor == Decimal("27.8600")


HERE = LocalityRow("10112", "00", "AL", "HERE", *map(Decimal, ("1.500", "0.869", "0.575")))
HALF_A_CENT = value_row(
    "G0101",
    work=Decimal("0.01"),
    non_facility_total=Decimal("0.01"),
    conversion_factor=Decimal("0.5000"),
)


def generated(
    folder: Path, rows: list[RelativeValueRow], label: str = "A", starts: date = STARTS
) -> Step:
    """The load of bare files: relative values as text, indices."""
    values, indices = folder / f"PPRRVU_{label}.txt", folder / "GPCI2025.csv"
    values.write_bytes(pprrvu_file.fixed_width(rows))
    indices.write_bytes(gpci_file.indices([HERE]))
    return fee_step([values, indices], label, starts)


async def test_half_a_cent_is_rounded_up(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load(database_url, [generated(tmp_path, [HALF_A_CENT])])

    found = await fee(database, "G0101")

    assert found.formula is not None
    assert (str(found.formula.unrounded), str(found.formula.amount)) == ("0.005000000", "0.01")


async def test_a_restricted_service_without_units_is_priced_by_the_contractor(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load(database_url, [generated(tmp_path, [value_row("G0101", status="R")])])

    found = await fee(database, "G0101")

    assert found.status is FeeStatus.CONTRACTOR_PRICED
    assert found.reason == "G0101 has no units: the Medicare contractor prices it."


async def test_a_successor_reports_its_difference_the_factor_aside(
    database_url: str, tmp_path: Path
) -> None:
    old = [value_row("G0101"), value_row("G0102"), value_row("G0103")]
    factor = Decimal("33.4009")
    new = [
        old[0]._replace(conversion_factor=factor),
        old[1]._replace(conversion_factor=factor, work=Decimal("1.00")),
        value_row("G0104"),
    ]
    await load(database_url, [generated(tmp_path, old)])

    (report,) = await load(database_url, [generated(tmp_path, new, "B", date(2026, 1, 1))])

    assert (report.added, report.changed, report.removed, report.rows) == (1, 1, 1, 3)


async def test_the_same_bytes_change_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await load(database_url, [generated(tmp_path, [HALF_A_CENT])])

    (again,) = await load(database_url, [generated(tmp_path, [HALF_A_CENT])])

    assert (again.skipped_because, again.rows) == ("loaded already", 1)
    (row,) = await database.fetch("SELECT count(*) FROM fee_locality")
    assert row[0] == 1


def test_relative_values_without_localities_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "PPRRVU2025_Oct.txt"
    path.write_bytes(pprrvu_file.fixed_width([HALF_A_CENT]))

    with pytest.raises(FileRefused, match="has no file named like GPCI"):
        fee_step([path], "2025-OCT", STARTS)


def test_of_two_files_of_a_year_the_one_without_a_payment_model_is_read(tmp_path: Path) -> None:
    archive = tmp_path / "rvu26a.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for name in ("PPRRVU2026_Jan_nonQPP.csv", "PPRRVU2026_Jan_QPP.csv"):
            written.writestr(name, pprrvu_file.comma_separated([HALF_A_CENT]))
        written.writestr("GPCI2026.csv", gpci_file.indices([HERE]))

    step = fee_step([archive], "2026-JAN", date(2026, 1, 1))

    assert step.keywords["edition"].source == (  # type: ignore[attr-defined]  # a partial
        "PPRRVU2026_Jan_nonQPP.csv, GPCI2026.csv"
    )


async def test_factors_of_an_unknown_locality_are_refused(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    generated(tmp_path, [HALF_A_CENT])
    factors = tmp_path / "ANES2025.csv"
    factors.write_bytes(gpci_file.factors({("99999", "99"): Decimal(20)}))
    step = fee_step(sorted(tmp_path.iterdir()), "A", STARTS)

    with pytest.raises(FileRefused, match="has 99999 99, which GPCI2025"):
        await load(database_url, [step])

    (row,) = await database.fetch("SELECT count(*) FROM relative_value")
    assert row[0] == 0
