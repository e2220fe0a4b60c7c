"""The Chronic Condition Indicator Refined of AHRQ: three lines of banner, then a table whose codes
stand between apostrophes."""

import re

from db.load.csv_table import csv_rows
from db.load.source import SourceFile
from schema.errors import FileRefused

_BANNER = re.compile(r"Chronic Condition Indicator Refined v[0-9]{4}\.[0-9]")
_MEANINGS = ["(0=Not chronic 1=Chronic and 9=No determination)", "", ""]
_COLUMNS = ["'ICD-10-CM CODE'", "'ICD-10-CM CODE DESCRIPTION'", "'CHRONIC INDICATOR'"]
_CODE = re.compile(r"'([A-Z][0-9A-Z]{2,6})'")
_INDICATORS = {"0": 0, "1": 1, "9": 9}


def read(file: SourceFile) -> list[tuple[str, int]]:
    """Each diagnosis and its indicator, 0, 1 or 9, in the order of the file; raises FileRefused.

    The texts are those of the codes and are left aside.
    """
    rows = csv_rows(file, "ascii")
    banner, meanings, columns = (next(rows, (0, []))[1] for _ in range(3))
    if not banner or not _BANNER.fullmatch(banner[0]):
        raise FileRefused(file.name, "is no Chronic Condition Indicator Refined", line=1)
    if meanings != _MEANINGS or columns != _COLUMNS:
        raise FileRefused(file.name, f"has the columns {columns[:5]}", line=3)
    found: dict[str, int] = {}
    for line, row in rows:
        code = _CODE.fullmatch(row[0]) if len(row) == 3 else None
        if code is None or row[2] not in _INDICATORS:
            reason = "is not code, text and 0, 1 or 9"
            raise FileRefused(file.name, reason, line=line, column=3 if code else 1)
        if code[1] in found:
            raise FileRefused(file.name, f"{code[1]} comes twice", line=line)
        found[code[1]] = _INDICATORS[row[2]]
    return list(found.items())
