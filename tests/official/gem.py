"""General Equivalence Mappings in the layouts of CMS and of NBER, made from rows."""

import csv
from collections.abc import Iterable
from io import StringIO

Row = tuple[str, str, str]
"""Source, target or what is printed for none, and the five flags."""

_WIDTHS = {
    "GEM_I9_I10": (5, 7),
    "GEM_I10_I9": (7, 5),
    "GEM_I9_PCS": (5, 7),
    "GEM_PCS_I9": (7, 5),
}
_COLUMNS = {"GEM_I9_I10": ("icd9cm", "icd10cm"), "GEM_I10_I9": ("icd10cm", "icd9cm")}


def text(kind: str, rows: Iterable[Row]) -> bytes:
    """The text file of CMS: 19 columns, source and target to the left, flags from column 15."""
    source_width, target_width = _WIDTHS[kind]
    return "".join(
        f"{source:<{source_width}} {target:<{target_width}} {flags}\n"
        for source, target, flags in rows
    ).encode("ascii")


def nber_csv(kind: str, rows: Iterable[Row]) -> bytes:
    """The CSV file of NBER: codes and flags quoted, then each flag by itself."""
    content = StringIO()
    writer = csv.writer(content, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    flags = ("flags", "approximate", "no_map", "combination", "scenario", "choice_list")
    writer.writerow([*_COLUMNS[kind], *flags])
    for source, target, printed in rows:
        writer.writerow([source, target, printed, *map(int, printed)])
    return content.getvalue().encode("ascii")
