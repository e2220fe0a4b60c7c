"""Writes CPT files in the layouts of a licence holder's, with numbers and words that are invented.

Nothing of CPT is in here: give it numbers that are no CPT codes, and texts such as "invented text
1".
"""

import textwrap
from collections.abc import Iterator, Mapping

NOTICE = (
    "CPT copyright 2025 American Medical Association. All rights reserved.",
    "A generated file: its numbers and texts are invented.",
    "",
)


def tabbed(texts: Mapping[str, str], notice: tuple[str, ...] = NOTICE) -> bytes:
    """LONGULT: number, tab, text."""
    return _file(notice, (f"{code}\t{text}" for code, text in texts.items()))


def fixed(texts: Mapping[str, str], notice: tuple[str, ...] = NOTICE) -> bytes:
    """LONGULF: number in columns 1 to 5, sequence in 6 and 7, text from 9, 72 columns a line."""
    return _file(notice, (line for item in texts.items() for line in _fixed_lines(*item)))


def short(texts: Mapping[str, str], notice: tuple[str, ...] = NOTICE) -> bytes:
    """SHORTU and MEDU: number, blank, text."""
    return _file(notice, (f"{code} {text}" for code, text in texts.items()))


def _fixed_lines(code: str, text: str) -> Iterator[str]:
    for number, part in enumerate(textwrap.wrap(text, 72, break_on_hyphens=False), start=1):
        yield f"{code}{number:02} {part}"


def _file(notice: tuple[str, ...], lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in (*notice, *lines)).encode("utf-8")
