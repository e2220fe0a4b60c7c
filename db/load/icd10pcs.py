"""ICD-10-PCS from the codes file of CMS: seven characters, a blank, the long title.

The file has no headers, so the codes have no parents; letters I and O are never used.
"""

import re

from db.load.rows import CodeRow
from db.load.source import SourceFile, coded_lines
from schema.codes import CodeKind

_LINE = re.compile(r"([0-9A-HJ-NP-Z]{7}) (\S.*)")


def read(codes: SourceFile) -> list[CodeRow]:
    """Every code in the order of the file; raises FileRefused."""
    titles = coded_lines(codes, _LINE, "ascii")
    return [CodeRow(value, CodeKind.CODE, title, True) for value, title in titles.items()]
