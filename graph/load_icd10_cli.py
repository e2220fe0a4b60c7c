"""The commands that load ICD-10 from the lists of codes that its agencies publish each year."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.command import Data
from graph.load_cli import File, Trial, checked_label, day, load_files

if TYPE_CHECKING:
    from db.load.listed import ListForm

icd10_app = typer.Typer()

Named = Annotated[
    str | None,
    typer.Option(
        "--release",
        callback=checked_label,
        help="The edition, FY2027; else as the name of the list tells it.",
    ),
]
Begins = Annotated[
    datetime | None,
    typer.Option(
        "--effective",
        formats=["%Y-%m-%d"],
        help="First day of the edition, 2026-10-01; else as its label tells it.",
    ),
]
Tabular = Annotated[
    Path | None,
    typer.Option(help="The tabular list of the same edition: chapters, blocks, notes."),
]


@icd10_app.command("icd10cm-order")
def load_icd10cm_order(
    file: File,
    release: Named = None,
    effective: Begins = None,
    tabular: Tabular = None,
    dry_run: Trial = False,
    data: Data = None,
) -> None:
    """Load ICD-10-CM from its order file: headers, codes, both titles."""
    from db.load.listed import ICD10CM_ORDER

    _load(ICD10CM_ORDER, file, release, effective, tabular, data, is_trial=dry_run)


@icd10_app.command("icd10cm-codes")
def load_icd10cm_codes(
    file: File,
    release: Named = None,
    effective: Begins = None,
    dry_run: Trial = False,
    data: Data = None,
) -> None:
    """Load ICD-10-CM from its codes file: billable codes and long titles, without headers."""
    from db.load.listed import ICD10CM_CODES

    _load(ICD10CM_CODES, file, release, effective, None, data, is_trial=dry_run)


@icd10_app.command("icd10pcs-order")
def load_icd10pcs_order(
    file: File,
    release: Named = None,
    effective: Begins = None,
    dry_run: Trial = False,
    data: Data = None,
) -> None:
    """Load ICD-10-PCS from its order file: codes below the headers of their tables."""
    from db.load.listed import ICD10PCS_ORDER

    _load(ICD10PCS_ORDER, file, release, effective, None, data, is_trial=dry_run)


def _load(
    form: "ListForm",
    file: Path,
    release: str | None,
    effective: datetime | None,
    tabular: Path | None,
    data: Path | None,
    *,
    is_trial: bool,
) -> None:
    from db.load.listed import list_step

    begins = None if effective is None else day(effective)
    step = list_step(form, file, release, begins, tabular)
    load_files(data, [step], is_trial=is_trial)
