"""The loads of CMS's edits and fees: which files hold what, and the step that stores them."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from db.load import add_on, mue, ncci
from db.load.edit_writer import write_add_ons, write_unit_limits
from db.load.opening import Named, member, opened
from db.load.pair_writer import write_pairs
from db.load.procedures import PROCEDURES
from db.load.rvu import ScheduleFiles, write_fee_schedule
from db.load.source import Edition, FactKind, SourceFile
from db.load.transaction import Step
from schema.edits import EditSetting, UnitSetting
from schema.errors import FileRefused
from schema.pages import SectionKind

_PUBLISHER = "Centers for Medicare & Medicaid Services"
_UNITS = Named(r"MCR_MUE_.*\.csv", "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv")
_ADD_ONS_BOOK = Named(r"AOC_.*\.xlsx", "AOC_V2026Q4-MCR.xlsx")
_ADD_ONS_TEXT = Named(r"AOC_.*\.txt", "AOC_V2026Q4-MCR.txt")
_SETTING_NAMES = {
    UnitSetting.PRACTITIONER: "Practitioner services",
    UnitSetting.OUTPATIENT_HOSPITAL: "Outpatient hospital services",
    UnitSetting.SUPPLIER: "Equipment supplier services",
}


def pair_step(paths: Sequence[Path], setting: EditSetting, label: str, starts: date) -> Step:
    """The load of a quarter of pair edits; raises FileRefused for wrong or missing parts."""
    found = [file for path in paths for file in opened(path)]
    # The archive of a part holds it as a workbook besides.
    files = sorted(
        (file for file in found if file.name.lower().endswith(".txt")), key=lambda file: file.name
    )
    if not files:
        names = ", ".join(file.name for file in found) or "nothing"
        raise FileRefused(paths[0].name, f"has no .txt file of pair edits; it holds {names}")
    ncci.refuse_wrong_parts(files, setting)
    edition = _edition(setting.kind, label, starts, files)
    return partial(write_pairs, edition=edition, read=partial(ncci.rows, files))


def unit_step(path: Path, label: str, starts: date) -> Step:
    """The load of a table of limits of units, whose heading tells the setting."""
    file = member(path, _UNITS)
    setting, rows = mue.read(file)
    edition = _edition(setting.kind, label, starts, [file])
    return partial(
        write_unit_limits, edition=edition, setting=_SETTING_NAMES[setting], read=lambda: rows
    )


def add_on_step(path: Path, label: str, starts: date) -> Step:
    """The load of a table of add-on codes; of an archive that holds both forms, the workbook."""
    files = opened(path) if path.suffix.lower() == ".zip" else []
    is_workbook = any(file.name.lower().endswith(".xlsx") for file in files)
    file = member(path, _ADD_ONS_BOOK if is_workbook else _ADD_ONS_TEXT)
    edition = _edition("ADD_ON", label, starts, [file])
    return partial(write_add_ons, edition=edition, read=partial(add_on.read, file))


def fee_step(paths: Sequence[Path], label: str, starts: date) -> Step:
    """The load of a release of the physician fee schedule; raises FileRefused where its files are
    not all there."""
    found = [file for path in paths for file in opened(path)]
    files = ScheduleFiles.among(found, " and ".join(path.name for path in paths))
    return partial(write_fee_schedule, edition=files.edition(label, starts), files=files)


def _edition(kind: str, label: str, starts: date, files: Sequence[SourceFile]) -> Edition[FactKind]:
    subject = FactKind(kind, PROCEDURES, (SectionKind.CODE_EDITS,))
    source = ", ".join(file.name for file in files)
    return Edition(subject, label, starts, _PUBLISHER, source, tuple(files))
