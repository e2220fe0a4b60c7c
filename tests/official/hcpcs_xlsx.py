"""Writes HCPCS Level II in its workbook form, from the rows that a reader makes of it."""

from collections.abc import Iterator, Sequence
from datetime import date

from db.load.hcpcs import HcpcsRow
from tests.official.xlsx import Value, workbook

HEADING = [
    *("HCPC", "SEQNUM", "RECID", "LONG DESCRIPTION", "SHORT DESCRIPTION"),
    *("PRICE1", "PRICE2", "PRICE3", "PRICE4", "MULT_PI"),
    *("CIM1", "CIM2", "CIM3", "MCM1", "MCM2", "MCM3", "STATUTE"),
    *("LABCERT1", "LABCERT2", "LABCERT3", "LABCERT4"),
    *("LABCERT5", "LABCERT6", "LABCERT7", "LABCERT8"),
    *("XREF1", "XREF2", "XREF3", "XREF4", "XREF5", "COV"),
    *("ASC_GRP", "ASC_DT", "OPPS", "OPPS_PI", "OPPS_DT", "PROCNOTE", "BETOS"),
    *("TOS1", "TOS2", "TOS3", "TOS4", "TOS5", "ANEST_BU"),
    *("ADD DT", "ACT EFF DT", "TERM DT", "ACTION CD"),
]


def hcpcs_xlsx(rows: Sequence[HcpcsRow], heading: Sequence[str] = HEADING) -> bytes:
    """The bytes of the workbook: the names of the columns, then a row for each."""
    return workbook([heading, *(list(cells(row)) for row in rows)])


def cells(row: HcpcsRow) -> Iterator[Value]:
    """The cells of one code or modifier, in the order of the columns."""
    yield from (f"{row.value:>5}", "0010", "7" if row.is_modifier else "3")
    yield from (row.title, row.short_title)
    yield from (*_several(row.pricing, 4), row.multiple_pricing)
    yield from (*_several(row.coverage_issues, 3), *_several(row.carriers_manual, 3), row.statute)
    yield from (*_several(row.laboratory, 8), *_several(row.cross_references, 5), row.coverage)
    yield from (row.surgical_center, _day(row.surgical_center_from))
    yield from (row.outpatient_group, row.outpatient_policy, _day(row.outpatient_from))
    yield from (row.processing_note, row.betos, *_several(row.types_of_service, 5))
    yield "" if row.is_modifier else f"{row.anesthesia_units:>3}"
    yield from map(_day, (row.added_on, row.action_on, row.last_day))
    yield row.action


def _several(texts: Sequence[str], most: int) -> list[str]:
    return [*texts, *[""] * (most - len(texts))]


def _day(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""
