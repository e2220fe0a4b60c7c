"""The groupers of AHRQ in their layouts, made of rows: CCSR as JSON, chronic conditions as CSV."""

import json
from collections.abc import Iterable

from db.load.rows import MemberRow

_BANNER = (
    "Chronic Condition Indicator Refined v2023.1,,\n"
    "(0=Not chronic 1=Chronic and 9=No determination),,\n"
    "'ICD-10-CM CODE','ICD-10-CM CODE DESCRIPTION','CHRONIC INDICATOR'\n"
)


def ccsr(rows: Iterable[MemberRow]) -> bytes:
    """The default category of each diagnosis."""
    return json.dumps({row.code: row.group for row in rows}, indent=2).encode()


def ccir(rows: Iterable[tuple[str, int]]) -> bytes:
    """The indicator of each diagnosis, with a text that holds a comma."""
    lines = (f"'{code}',\"invented, text\",{indicator}\n" for code, indicator in rows)
    return (_BANNER + "".join(lines)).encode()
