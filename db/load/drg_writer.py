"""Writes a version of MS-DRG: its groups, who belongs to them, and what secondary diagnoses weigh.

It works inside the caller's transaction, so that a refused file leaves nothing behind.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from db.load import msdrg
from db.load.fact_writer import add_fact_release
from db.load.group_writer import write_groups
from db.load.msdrg import Definitions, SeverityRow
from db.load.report import LoadReport, Progress
from db.load.rows import CodeRow, MemberRow
from db.load.source import CodeMap, Edition, FactKind, SourceFile, Subject, coded_lines
from db.load.stored import Connection, checked_rows, named_codes, stored_rows
from db.load.writer import write_codes
from schema.codes import CodeKind, CodeSystemKey
from schema.groupings import GroupingKind
from schema.pages import SectionKind

_DX, _PX = CodeSystemKey.ICD10CM, CodeSystemKey.ICD10PCS
_DRG, _MDC = CodeSystemKey.MSDRG, CodeSystemKey.MDC
_SEVERITY = FactKind(GroupingKind.SEVERITY, (_DX,), (SectionKind.COVERAGE_AND_PAYMENT,))
_GROUPINGS: dict[CodeMap, Callable[[Definitions], list[MemberRow]]] = {
    CodeMap(GroupingKind.MDC_DX, "GROUPING", _DX, _MDC): lambda told: told.diagnosis_mdcs,
    CodeMap(GroupingKind.MSDRG_DX, "GROUPING", _DX, _DRG): lambda told: told.diagnosis_groups,
    CodeMap(GroupingKind.MSDRG_PX, "GROUPING", _PX, _DRG): lambda told: told.procedure_groups,
    CodeMap(GroupingKind.MDC_MSDRG, "GROUPING", _DRG, _MDC): lambda told: told.drg_mdcs,
}
_MDC_TITLES = "mdc.txt"


@dataclass(frozen=True)
class Version:
    """A version of MS-DRG, and the snapshot that holds it."""

    label: str
    effective_from: date
    source: str
    file: SourceFile
    expected_rows: Mapping[GroupingKind, int]
    """Rows of each grouping that the version is known to have."""

    def edition(self, subject: Subject) -> Edition[Subject]:
        """The release that one part of the version is; all of them are of the same bytes."""
        return Edition(
            subject=subject,
            label=self.label,
            effective_from=self.effective_from,
            publisher="Centers for Medicare & Medicaid Services",
            source=self.source,
            files=(self.file,),
            expected_rows=self._expected_rows(subject),
        )

    def _expected_rows(self, subject: Subject) -> int | None:
        if isinstance(subject, CodeSystemKey):
            return None
        return self.expected_rows.get(GroupingKind(subject.kind))


async def write_version(
    connection: Connection, progress: Progress, version: Version
) -> list[LoadReport]:
    """Store a version, each part of it that is not stored yet; a report for each part.

    Raises FileRefused.
    """
    read = cache(lambda: msdrg.read(version.file, version.label))
    reports = [
        await write_codes(connection, progress, version.edition(_MDC), _categories),
        await write_codes(connection, progress, version.edition(_DRG), lambda: read().drgs),
    ]
    for grouping, part in _GROUPINGS.items():
        edition = version.edition(grouping)
        report = await write_groups(connection, progress, edition, lambda: part(read()))  # noqa: B023
        reports.append(report)
    reports.append(await _write_severity(connection, progress, version.edition(_SEVERITY), read))
    return reports


def _categories() -> list[CodeRow]:
    """The diagnostic categories; the snapshots only number them."""
    content = (files("db.load") / _MDC_TITLES).read_bytes()
    titles = coded_lines(SourceFile(_MDC_TITLES, content), msdrg.MDC_LINE, "ascii")
    return [CodeRow(value, CodeKind.CODE, title, False) for value, title in titles.items()]


async def _write_severity(
    connection: Connection,
    progress: Progress,
    edition: Edition[FactKind],
    read: Callable[[], Definitions],
) -> LoadReport:
    """Store the weights of secondary diagnoses and what takes them away."""
    started = time.monotonic()
    stored = await stored_rows(connection, "fact_release", edition)
    if stored is not None:
        return LoadReport.skipping(edition.name, time.monotonic() - started, rows=stored)
    rows = checked_rows(progress, edition, lambda: read().severities)
    told = read()
    listed = (*told.exclusions.values(), *told.drg_exclusions.values())
    diagnoses = {row.code for row in rows}.union(*listed)
    ids, bare = await named_codes(connection, {_DX: diagnoses, _DRG: told.drg_exclusions.keys()})
    release_id = await add_fact_release(connection, edition, len(rows))
    codes, drgs = ids[_DX], ids[_DRG]
    await connection.copy_records_to_table(
        "severity",
        columns=("fact_release_id", "code_id", *SeverityRow._fields[1:]),
        records=[(release_id, codes[code], *said) for code, *said in rows],
    )
    await connection.copy_records_to_table(
        "exclusion_group",
        columns=("fact_release_id", "number", "code_ids"),
        records=[(release_id, n, [*map(codes.get, of)]) for n, of in told.exclusions.items()],
    )
    await connection.copy_records_to_table(
        "drg_exclusion",
        columns=("fact_release_id", "drg_id", "code_ids"),
        records=[
            (release_id, drgs[drg], [*map(codes.get, of)])
            for drg, of in told.drg_exclusions.items()
        ],
    )
    return LoadReport(edition.name, len(rows), 0, 0, bare, len(rows), time.monotonic() - started)
