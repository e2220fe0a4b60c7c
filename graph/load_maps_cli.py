"""The commands that load official maps between codes."""

from typing import Annotated

import typer

from graph.command import Data
from graph.load_cli import Effective, File, Label, Trial, day, load_files

maps_app = typer.Typer()

GemKind = Annotated[
    str | None,
    typer.Option(
        "--map", help="Which mapping a file is where its codes do not tell: GEM_I9_I10 and others."
    ),
]


@maps_app.command("gem")
def load_gem(
    file: File,
    release: Label,
    effective: Effective,
    kind: GemKind = None,
    is_trial: Trial = False,
    data: Data = None,
) -> None:
    """Load General Equivalence Mappings of CMS, text or CSV.

    An archive with both directions is loaded as a whole. The last edition is GEM-FY2018, in force
    from 2017-10-01.
    """
    from db.load.gem import MAPS
    from db.load.official_maps import gem_step

    if kind is not None and kind not in MAPS:
        raise typer.BadParameter(f"{kind} is none of {', '.join(MAPS)}.", param_hint="--map")
    step = gem_step(file, release, day(effective), MAPS[kind] if kind else None)
    load_files(data, [step], is_trial=is_trial)


@maps_app.command("conversion")
def load_conversion(
    file: File,
    release: Label,
    effective: Effective,
    is_trial: Trial = False,
    data: Data = None,
) -> None:
    """Load the conversion table of ICD-10-CM: what each new code was coded as before.

    It is taken as a workbook or as CSV. Load the codes of the same year first.
    """
    from db.load.official_maps import conversion_step

    load_files(data, [conversion_step(file, release, day(effective))], is_trial=is_trial)
