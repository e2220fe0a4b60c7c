"""Rows of ICD-10-PCS order files, in the shape of its tables; tests.official.icd10cm_order writes
them, since both have the same columns."""

from collections.abc import Mapping, Sequence

from db.load.order_file import OrderRow


def table(header: str, title: str, codes: Mapping[str, str]) -> list[OrderRow]:
    """The header of a table, three characters, and the codes below it by their other four."""
    below = [OrderRow(header + rest, True, told[:60], told) for rest, told in codes.items()]
    return [OrderRow(header, False, title[:60], title), *below]


def without(rows: Sequence[OrderRow], *values: str) -> list[OrderRow]:
    """The rows but for some."""
    return [row for row in rows if row.value not in values]
