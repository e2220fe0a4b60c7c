"""ICD-9-CM diagnoses or procedures from the two description files of CMS, long and short."""

import re
from itertools import zip_longest

from db.load.rows import CodeRow
from db.load.source import SourceFile, coded_lines
from schema.codes import CodeKind
from schema.errors import FileRefused

_LINE = re.compile(r"([0-9EV][0-9]{1,4}) +(\S.*)")


def read(long: SourceFile, short: SourceFile) -> list[CodeRow]:
    """Every code in the order of the files, which must be the same; raises FileRefused."""
    # The long titles spell Ménière and Sjögren in ISO 8859-1.
    long_titles = coded_lines(long, _LINE, "latin-1")
    short_titles = coded_lines(short, _LINE, "latin-1")
    for number, (value, other) in enumerate(zip_longest(long_titles, short_titles), start=1):
        if value != other:
            raise FileRefused(short.name, f"has {other} where {long.name} has {value}", line=number)
    return [
        CodeRow(value, CodeKind.CODE, title, True, short_titles[value])
        for value, title in long_titles.items()
    ]
