"""Every command that loads, given a file of every other format: refused with a sentence."""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from typer.main import get_group

from db.load.add_on import AddOnRow
from db.load.cpt_writer import cpt_files, write_cpt
from db.load.edits import add_on_step, fee_step, pair_step, unit_step
from db.load.hcpcs import HcpcsRow
from db.load.hcpcs_writer import hcpcs_file, write_hcpcs
from db.load.listed import ICD10CM_CODES, ICD10CM_ORDER, ICD10PCS_ORDER, list_step
from db.load.mue import UnitRow
from db.load.official_maps import conversion_step, gem_step
from db.load.transaction import Step, load
from db.pool import Database
from graph.cli import load_app
from schema.edits import EditSetting, UnitSetting
from schema.errors import FileRefused
from tests.official import add_on, cpt, gpci, mue, ncci, pprrvu
from tests.official.conversion import in_csv
from tests.official.editions import CHAPTERS, OLD
from tests.official.gem import text
from tests.official.hcpcs_anweb import anweb
from tests.official.icd10cm_order import archive, codes, order
from tests.official.icd10cm_tabular import tabular
from tests.official.icd10pcs_order import table
from tests.official.test_edits_and_fees import PLACES

DAY = date(2026, 10, 1)
Make = Callable[[Path], Step]


def _fees(path: Path) -> Step:
    localities = path.parent / "GPCI2026.csv"
    localities.write_bytes(gpci.indices(PLACES))
    return fee_step([path, localities], "2026-OCT", DAY)


def _hcpcs(path: Path) -> Step:
    return partial(write_hcpcs, file=hcpcs_file(path), label="2026-OCT", effective_from=DAY)


def _cpt(path: Path) -> Step:
    files = cpt_files([path])
    return partial(write_cpt, files=files, label="2026", effective_from=DAY, license_id="AMA-1")


COMMANDS: dict[str, tuple[str, bytes, Make]] = {
    "icd10cm-order": (
        "icd10cm-order-2027.txt",
        order(OLD),
        partial(list_step, ICD10CM_ORDER),
    ),
    "icd10cm-codes": (
        "icd10cm-codes-2027.txt",
        codes(OLD),
        partial(list_step, ICD10CM_CODES),
    ),
    "icd10pcs-order": (
        "icd10pcs_order_2027.txt",
        order(table("0A1", "Invented act", {"0000": "Invented act on nothing"})),
        partial(list_step, ICD10PCS_ORDER),
    ),
    "gem": (
        "2018_I9gem.txt",
        text("GEM_I9_I10", [("5762", "K831", "00000"), ("4019", "I10", "10000")]),
        partial(gem_step, label="GEM-FY2018", effective_from=DAY),
    ),
    "conversion": (
        "icd10cm-conversion-table-FY2027.csv",
        in_csv([("A00.1", 2020, "A04.7")]),
        partial(conversion_step, label="FY2027", effective_from=DAY),
    ),
    "hcpcs": (
        "HCPC2026_OCT_ANWEB.txt",
        anweb([HcpcsRow("Z0001", is_modifier=False, title="Invented", short_title="")]),
        _hcpcs,
    ),
    "cpt": ("LONGULT.txt", cpt.tabbed({"0000X": "invented text 1"}), _cpt),
    "rvu": ("PPRRVU2026_Oct.txt", pprrvu.fixed_width([pprrvu.value_row("G0101")]), _fees),
    "ncci-ptp": (
        "ccipra-v324r0-f1.txt",
        ncci.part([ncci.rule("12001/12002", date(2020, 1, 1))]),
        lambda path: pair_step([path], EditSetting.PRACTITIONER, "2026Q4", DAY),
    ),
    "mue": (
        "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv",
        mue.table(UnitSetting.PRACTITIONER, [UnitRow("12001", 1, 2, "An invented policy")]),
        partial(unit_step, label="2026Q4", starts=DAY),
    ),
    "add-on": (
        "AOC_V2026Q4-MCR.txt",
        add_on.as_text([AddOnRow("12002", "12001", 1, date(2020, 1, 1), None)]),
        partial(add_on_step, label="2026Q4", starts=DAY),
    ),
}
"""By command: the name that its file has, one such file, and the load of a path."""

NO_FORMAT = {
    "nothing": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
    "a page of the web": b"<!DOCTYPE html>\n<html><body>Moved</body></html>\n",
    "a list with entities": b'<!DOCTYPE a [<!ENTITY b "c">]>\n<a>&b;</a>\n',
    "a tabular list": tabular(CHAPTERS),
    "localities": gpci.indices(PLACES),
}


async def _refusal(url: str, make: Make, path: Path) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        await load(url, [make(path)])
    return refused.value


def test_every_command_is_given_wrong_files() -> None:
    assert COMMANDS.keys() == get_group(load_app).commands.keys() - {"default"}


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_file_is_read_bare_and_in_an_archive(
    database_url: str, tmp_path: Path, command: str
) -> None:
    name, content, make = COMMANDS[command]
    bare, packed = tmp_path / name, tmp_path / "published.zip"
    bare.write_bytes(content)
    packed.write_bytes(archive({name: content}))

    for path in (bare, packed):
        reports = await load(database_url, [make(path)], is_trial=True)
        assert sum(report.added for report in reports) > 0


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_file_of_any_other_format_is_refused_under_the_name_of_the_right_one(
    database: Database, database_url: str, tmp_path: Path, command: str
) -> None:
    name, own, make = COMMANDS[command]
    others = {other: content for other, (_, content, _) in COMMANDS.items() if other != command}
    recoded = {"its own in UTF-16": own.decode("latin-1").encode("utf-16")}

    for content in (others | NO_FORMAT | recoded).values():
        bare, packed = tmp_path / name, tmp_path / "published.zip"
        bare.write_bytes(content)
        packed.write_bytes(archive({name: content}))
        for path in (bare, packed):
            refused = await _refusal(database_url, make, path)
            assert refused.reason

    for stored in ("code_release", "map_release", "fact_release", "code"):
        assert await database.fetch(f"SELECT 1 FROM {stored}") == []


@pytest.mark.parametrize("command", COMMANDS)
async def test_an_archive_that_would_grow_without_end_is_refused(
    database_url: str, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content, make = COMMANDS[command]
    monkeypatch.setattr("db.load.opening.MOST_BYTES", 100_000)
    bomb = tmp_path / "published.zip"
    bomb.write_bytes(archive({name: content + bytes(200_000)}))

    refused = await _refusal(database_url, make, bomb)

    assert str(refused) == "published.zip: unpacks to more than 100,000 bytes"
