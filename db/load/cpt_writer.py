"""A release of CPT, and the licence under which its texts are held."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from db.load import cpt
from db.load.opening import opened
from db.load.report import LoadReport, Progress
from db.load.rows import CodeRow
from db.load.source import Edition, SourceFile
from db.load.stored import Connection
from db.load.writer import write_codes
from db.queries import statements
from schema.codes import CodeSystemKey

_SQL = statements("load")


def cpt_files(paths: Sequence[Path]) -> cpt.CptFiles:
    """The files of CPT among those at the paths, bare or in archives; raises FileRefused."""
    return cpt.chosen([file for path in paths for file in opened(path)])


async def write_cpt(
    connection: Connection,
    progress: Progress,
    files: cpt.CptFiles,
    label: str,
    effective_from: date,
    license_id: str,
) -> LoadReport:
    """Store a release of CPT as held under a licence, unless these bytes are stored; raises
    FileRefused.

    The texts are shown to nobody until that licence is recorded, and then to whom it covers.
    """
    told = cpt.read(files)
    read: list[SourceFile] = [file for file in files if file is not None]
    edition = Edition(
        subject=CodeSystemKey.CPT,
        label=label,
        effective_from=effective_from,
        publisher="American Medical Association",
        source=f"files of a licence holder: {', '.join(file.name for file in read)}",
        files=tuple(read),
    )
    report = await write_codes(connection, progress, edition, partial(list[CodeRow], told.rows))
    await connection.execute(
        _SQL["hold_under_license"], edition.subject, label, license_id, told.copyright
    )
    return report
