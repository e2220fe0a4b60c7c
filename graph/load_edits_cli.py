"""The commands that load CMS's edits and fees."""

from pathlib import Path
from typing import Annotated

import typer

from graph.command import Data
from graph.load_cli import Effective, File, Label, Trial, day, load_files
from schema.edits import EditSetting

load_edits_app = typer.Typer()

Files = Annotated[
    list[Path],
    typer.Argument(help="The files as CMS publishes them, bare or in their zip archives."),
]
Setting = Annotated[
    EditSetting, typer.Option(help="Whose claims the set is for.", case_sensitive=False)
]


@load_edits_app.command("rvu")
def load_rvu(
    files: Files, release: Label, effective: Effective, dry_run: Trial = False, data: Data = None
) -> None:
    """Load a release of the physician fee schedule: PPRRVU, GPCI and, if there, ANES.

    The descriptions are AMA's and are left out. Release as 2025-OCT.
    """
    from db.load.edits import fee_step

    load_files(data, [fee_step(files, release, day(effective))], is_trial=dry_run)


@load_edits_app.command("ncci-ptp")
def load_ncci_ptp(
    files: Files,
    setting: Setting,
    release: Label,
    effective: Effective,
    dry_run: Trial = False,
    data: Data = None,
) -> None:
    """Load a quarter of NCCI pair edits, all its parts at once (experimental layout).

    Release as 2026Q4. Practitioners and hospitals have sets of their own.
    """
    from db.load.edits import pair_step

    step = pair_step(files, setting, release, day(effective))
    load_files(data, [step], is_trial=dry_run)


@load_edits_app.command("mue")
def load_mue(
    file: File, release: Label, effective: Effective, dry_run: Trial = False, data: Data = None
) -> None:
    """Load a quarter of NCCI limits of units, MUE, of one setting (experimental layout)."""
    from db.load.edits import unit_step

    load_files(data, [unit_step(file, release, day(effective))], is_trial=dry_run)


@load_edits_app.command("add-on")
def load_add_on(
    file: File, release: Label, effective: Effective, dry_run: Trial = False, data: Data = None
) -> None:
    """Load a quarter of NCCI add-on codes (experimental layout)."""
    from db.load.edits import add_on_step

    load_files(data, [add_on_step(file, release, day(effective))], is_trial=dry_run)
