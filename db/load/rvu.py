"""A release of the Medicare physician fee schedule: its files, and how they are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from db.load import gpci, pprrvu, pprrvu_csv
from db.load.edit_writer import write_facts
from db.load.fact_writer import open_fact_release
from db.load.gpci import LocalityRow
from db.load.opening import Named, is_named, matching
from db.load.procedures import PROCEDURES
from db.load.relative_values import RelativeValueRow
from db.load.report import LoadReport, Progress
from db.load.source import Edition, FactKind, SourceFile
from db.load.stored import Connection
from schema.errors import FileRefused
from schema.fees import FEE_SCHEDULE
from schema.pages import SectionKind

_KIND = FactKind(FEE_SCHEDULE, PROCEDURES, (SectionKind.COVERAGE_AND_PAYMENT,))
_PUBLISHER = "Centers for Medicare & Medicaid Services"
# Since 2026 there are two files with different conversion factors: that of practitioners who take
# part in advanced payment models (QPP) is left aside.
_VALUES_NAME = r"PPRRVU(?!.*(?<!non)QPP).*"
_VALUES_CSV = Named(_VALUES_NAME + r"\.csv", "PPRRVU2025_Oct.csv")
_VALUES_TEXT = Named(_VALUES_NAME + r"\.txt", "PPRRVU2025_Oct.txt")
_LOCALITIES = Named(r"GPCI.*\.csv", "GPCI2025.csv")
_ANESTHESIA = Named(r"ANES.*\.csv", "ANES2025.csv")
_LOCALITY_COLUMNS = (
    *("fact_release_id", "mac", "number", "state", "name", "work_gpci", "pe_gpci", "mp_gpci"),
    "anesthesia_conversion_factor",
)


@dataclass(frozen=True)
class ScheduleFiles:
    """The files of one release that are read."""

    values: SourceFile
    localities: SourceFile
    anesthesia: SourceFile | None

    @classmethod
    def among(cls, files: Sequence[SourceFile], given: str) -> "ScheduleFiles":
        """Those of the files; `given` is what messages call them all. Raises FileRefused.

        Where the relative values come in both forms, the one whose columns name themselves is read.
        """
        has_csv = any(is_named(file, _VALUES_CSV) for file in files)
        has_anesthesia = any(is_named(file, _ANESTHESIA) for file in files)
        return cls(
            matching(files, _VALUES_CSV if has_csv else _VALUES_TEXT, given),
            matching(files, _LOCALITIES, given),
            matching(files, _ANESTHESIA, given) if has_anesthesia else None,
        )

    def edition(self, label: str, effective_from: date) -> Edition[FactKind]:
        """The release that the files hold."""
        files = tuple(filter(None, (self.values, self.localities, self.anesthesia)))
        source = ", ".join(file.name for file in files)
        return Edition(_KIND, label, effective_from, _PUBLISHER, source, files)

    def read_values(self) -> list[RelativeValueRow]:
        """The relative values, in either form; raises FileRefused."""
        if self.values.name.lower().endswith(".csv"):
            return pprrvu_csv.read(self.values)
        return pprrvu.read(self.values)

    def read_localities(self) -> list[tuple[LocalityRow, Decimal | None]]:
        """The localities with their factors of anaesthesia; raises FileRefused."""
        rows = gpci.read(self.localities)
        factors = gpci.read_anesthesia(self.anesthesia) if self.anesthesia else {}
        nowhere = factors.keys() - {(row.mac, row.number) for row in rows}
        if nowhere and self.anesthesia:
            mac, number = min(nowhere)
            reason = f"has {mac} {number}, which {self.localities.name} has not"
            raise FileRefused(self.anesthesia.name, reason)
        return [(row, factors.get((row.mac, row.number))) for row in rows]


async def write_fee_schedule(
    connection: Connection,
    progress: Progress,
    edition: Edition[FactKind],
    files: ScheduleFiles,
) -> LoadReport:
    """Store a release of the fee schedule, unless these bytes are stored; raises FileRefused."""
    report = await write_facts(
        connection,
        progress,
        edition,
        ("relative_value", ("code_id", *RelativeValueRow._fields[1:])),
        files.read_values,
        lambda row: (row.code,),
        lambda row, ids: (ids[row.code], *row[1:]),
    )
    if report.skipped_because is None:
        release_id = await open_fact_release(connection, edition.subject)
        await connection.copy_records_to_table(
            "fee_locality",
            columns=_LOCALITY_COLUMNS,
            records=[(release_id, *row, factor) for row, factor in files.read_localities()],
        )
    return report
