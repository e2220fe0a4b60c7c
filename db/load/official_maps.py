"""Loads of the maps that agencies publish, as an operator has them: one transaction each."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from db.load import gem
from db.load.map_writer import write_map
from db.load.opening import Named, all_matching, opened
from db.load.report import LoadReport, Progress
from db.load.rows import EdgeRow
from db.load.source import CodeMap, Edition, SourceFile
from db.load.stored import Connection
from db.load.succession import PREVIOUSLY_CODED_AS, write_conversion
from db.load.transaction import Step
from schema.errors import FileRefused

_CMS = "Centers for Medicare & Medicaid Services"
_CDC = "CDC National Center for Health Statistics"
_GEM_NAME = Named(r".*gem.*\.(?:txt|csv)", "2018_I9gem.txt")
_TABLE_NAME = Named(r".*conversion.*\.(?:xlsx|csv)", "icd10cm-conversion-table-FY2026.xlsx")


def gem_step(path: Path, label: str, effective_from: date, wanted: CodeMap | None = None) -> Step:
    """The load of one General Equivalence Mapping, or of all in an archive.

    Each file tells by its codes which mapping it is, unless `wanted` does. Raises FileRefused.
    """

    async def write(connection: Connection, progress: Progress) -> list[LoadReport]:
        reports = []
        for file, code_map, rows in _read_gems(path, wanted):
            edition = _edition(code_map, label, effective_from, _CMS, path, file)
            reports.append(await write_map(connection, progress, edition, partial(list, rows)))
        return reports

    return write


def conversion_step(path: Path, label: str, effective_from: date) -> Step:
    """The load of the conversion table of ICD-10-CM. Raises FileRefused."""
    (file,) = _members(path, _TABLE_NAME, most=1)
    edition = _edition(PREVIOUSLY_CODED_AS, label, effective_from, _CDC, path, file)
    return partial(write_conversion, edition=edition)


def _read_gems(
    path: Path, wanted: CodeMap | None
) -> list[tuple[SourceFile, CodeMap, Sequence[EdgeRow]]]:
    read: dict[CodeMap, tuple[SourceFile, Sequence[EdgeRow]]] = {}
    for file in _members(path, _GEM_NAME, most=len(gem.MAPS)):
        code_map, rows = gem.read(file, wanted)
        if code_map in read:
            raise FileRefused(file.name, f"is {code_map}, as {read[code_map][0].name} is")
        read[code_map] = file, rows
    return [(file, code_map, rows) for code_map, (file, rows) in read.items()]


def _members(path: Path, name: Named, most: int) -> list[SourceFile]:
    """The files named so in an archive, 1 to `most`, or the bare file whatever its name."""
    files = opened(path)
    if path.suffix.lower() != ".zip":
        return files
    return all_matching(files, name, path.name, most)


def _edition(
    code_map: CodeMap,
    label: str,
    effective_from: date,
    publisher: str,
    path: Path,
    file: SourceFile,
) -> Edition[CodeMap]:
    source = file.name if file.name == path.name else f"{path.name}: {file.name}"
    return Edition(code_map, label, effective_from, publisher, source, (file,))
