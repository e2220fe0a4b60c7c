"""The commands that load HCPCS: level II of CMS, and CPT, which is its level I."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from graph.command import Data
from graph.load_cli import Effective, File, Label, Trial, day, load_files

hcpcs_app = typer.Typer()


@hcpcs_app.command("hcpcs")
def load_hcpcs(
    file: File, label: Label, effective: Effective, is_trial: Trial = False, data: Data = None
) -> None:
    """Load HCPCS Level II of CMS with its modifiers: the ANWEB file, as text or workbook."""
    from db.load.hcpcs_writer import hcpcs_file, write_hcpcs

    step = partial(write_hcpcs, file=hcpcs_file(file), label=label, effective_from=day(effective))
    load_files(data, [step], is_trial=is_trial)


@hcpcs_app.command("cpt")
def load_cpt(
    files: Annotated[
        list[Path],
        typer.Argument(help="LONGULT or LONGULF, and MEDU or SHORTU, bare or in archives."),
    ],
    license_id: Annotated[
        str,
        typer.Option(
            "--i-hold-an-ama-license",
            metavar="ID",
            help="The licence of the American Medical Association under which you hold them.",
        ),
    ],
    label: Label,
    effective: Effective,
    is_trial: Trial = False,
    data: Data = None,
) -> None:
    """Load CPT from files of a licence holder (experimental).

    Nobody is shown a text until `codestile license` says whom the licence covers.
    """
    from db.load.cpt_writer import cpt_files, write_cpt
    from schema.errors import OptionRefused
    from schema.licenses import LICENSE_ID, LICENSE_ID_RULE

    if not LICENSE_ID.fullmatch(license_id):
        raise OptionRefused(LICENSE_ID_RULE)
    step = partial(
        write_cpt,
        files=cpt_files(files),
        label=label,
        effective_from=day(effective),
        license_id=license_id,
    )
    load_files(data, [step], is_trial=is_trial)
