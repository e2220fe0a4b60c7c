"""What loads and holdings print: lines that no width of a terminal folds or cuts."""

from datetime import date

from db.load.report import BillableChanges, LoadReport
from graph.load_status import lines_of as holdings_told
from graph.progress import lines_of as loads_told
from schema.holdings import Holding, MissingRelease


def test_a_load_tells_what_is_not_nothing_in_columns() -> None:
    changes = BillableChanges(added=1_487, removed=28, revised=38)
    reports = [
        LoadReport("ICD10CM FY2027", 2_000, 0, 12, 3, 98_186, 1.25, billable=changes),
        LoadReport("HCPCS_XREF HCPCS-2026-OCT", 0, 0, 0, 0, 171, 0.04),
        LoadReport.skipping("HCPCS 2026-OCT", 0.1, rows=8_463),
    ]

    assert list(loads_told(reports)) == [
        "release                      rows  result",
        "ICD10CM FY2027             98,186  2,000 added, 12 removed, 3 unresolved in 1.2 s",
        "                                   billable: +1,487 -28, 38 revised",
        "HCPCS_XREF HCPCS-2026-OCT     171  nothing changed in 0.0 s",
        "HCPCS 2026-OCT              8,463  loaded already",
    ]


def test_a_holding_is_told_on_a_line_of_its_own_with_its_whole_name() -> None:
    missing = MissingRelease(label="2026-OCT", effective_from=date(2026, 10, 1))
    shared = {"origin": None, "missing": missing}
    held = [
        Holding(
            subject="ICD10CM",
            label="FY2026",
            effective_from=date(2025, 10, 1),
            row_count=98_186,
            **(shared | {"missing": None}),
        ),
        Holding(
            subject="PHYSICIAN_FEE_SCHEDULE",
            label=None,
            effective_from=None,
            row_count=None,
            **shared,
        ),
    ]

    assert list(holdings_told(held)) == [
        "                        edition  from          rows",
        "ICD10CM                 FY2026   2025-10-01  98,186  current",
        f"PHYSICIAN_FEE_SCHEDULE{'':31}not loaded: 2026-OCT since 2026-10-01",
    ]
