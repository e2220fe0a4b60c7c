"""CPT files of a holder of a licence of the American Medical Association.

Experimental: the layouts are known by description only, so whatever they do not promise is refused.
A file is told by its name, as the Association gives it:

    LONGULT, LONGUT   number, tab, long description
    LONGULF, LONGUF   number, sequence of two digits, blank, 72 columns of the long description
    MEDU, SHORTU      number, blank, medium or short description

A notice of copyright stands before the data. No message here repeats a text: they are licensed.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from db.load.rows import CodeRow
from db.load.source import SourceFile
from schema.codes import CodeKind
from schema.errors import FileRefused

LONG_NAMES = ("LONGULT", "LONGUT", "LONGULF", "LONGUF")
SHORT_NAMES = ("MEDU", "SHORTU")

_NUMBER = r"([0-9]{4}[0-9A-Z])"
_LINES = {
    **dict.fromkeys(("LONGULT", "LONGUT"), re.compile(_NUMBER + r"\t()([^\t]+)")),
    **dict.fromkeys(("LONGULF", "LONGUF"), re.compile(_NUMBER + r"([0-9]{2}) (.{1,72})")),
    "MEDU": re.compile(_NUMBER + r"() (.{1,100})"),
    "SHORTU": re.compile(_NUMBER + r"() (.{1,28})"),
}
"""By name of the file: number, sequence and text of a line."""
_BEGINS = re.compile(r"[0-9]{4}[0-9A-Z](?:[0-9]{2} |\t| )")
_COPYRIGHT = re.compile(r"copyright.*[0-9]{4}.*American Medical Association", re.IGNORECASE)
_LONGEST_NOTICE = 300
_LINES_OF_NOTICE = 200


class CptFiles(NamedTuple):
    """The files of one edition."""

    long: SourceFile
    short: SourceFile | None
    """Medium or short descriptions, which become the short titles; None for none."""


class CptEdition(NamedTuple):
    """What the files say."""

    rows: list[CodeRow]
    copyright: str
    """The line of the notice that names owner and year."""


def chosen(files: Sequence[SourceFile]) -> CptFiles:
    """The files to read of those given; raises FileRefused unless exactly one is of long
    descriptions and at most one of shorter ones."""
    long = [file for file in files if _name(file) in LONG_NAMES]
    short = [file for file in files if _name(file) in SHORT_NAMES]
    if len(long) != 1 or len(short) > 1:
        given = ", ".join(file.name for file in (*long, *short)) or "none"
        reason = f"one of {', '.join(LONG_NAMES)} is needed, and of {' or '.join(SHORT_NAMES)} one"
        where = files[0].name if files else "CPT"
        raise FileRefused(where, f"{reason} at most; given are {given}")
    return CptFiles(long[0], short[0] if short else None)


def read(files: CptFiles) -> CptEdition:
    """The codes in the order of the file of long descriptions; raises FileRefused with the line,
    and never with a word of a description."""
    notice, titles = _read(files.long)
    shorts = _read(files.short)[1] if files.short else {}
    if files.short and (alone := shorts.keys() ^ titles.keys()):
        reason = f"{min(alone)} stands in one of {files.long.name} and {files.short.name} only"
        raise FileRefused(files.short.name, reason)
    rows = [
        CodeRow(value, CodeKind.CODE, title, True, shorts.get(value))
        for value, title in titles.items()
    ]
    return CptEdition(rows, notice)


def _read(file: SourceFile) -> tuple[str, dict[str, str]]:
    """The notice, and each number's text."""
    lines = list(file.lines("utf-8-sig"))
    begin = next((at for at, (_, line) in enumerate(lines) if _BEGINS.match(line)), len(lines))
    notice = _notice(file, [line for _, line in lines[:begin]])
    texts: dict[str, list[str]] = {}
    for number, code, sequence, text in _parts(file, lines[begin:]):
        before = texts.setdefault(code, [])
        if before and (not sequence or code != next(reversed(texts))):
            raise FileRefused(file.name, f"{code} comes twice", line=number)
        if sequence and int(sequence) != len(before) + 1:
            raise FileRefused(file.name, f"{code} is out of sequence", line=number, column=6)
        before.append(text)
    if not texts:
        raise FileRefused(file.name, "holds no line of a code")
    return notice, {code: " ".join(" ".join(parts).split()) for code, parts in texts.items()}


def _parts(
    file: SourceFile, lines: Sequence[tuple[int, str]]
) -> Iterator[tuple[int, str, str, str]]:
    layout = _LINES[_name(file)]
    for number, line in lines:
        if not line.strip():
            continue
        found = layout.fullmatch(line.rstrip())
        if found is None or not found[3].strip() or not found[3].isprintable():
            reason = f"is no line of the layout of {_name(file)}"
            column = 6 if re.match(_NUMBER, line) else 1
            raise FileRefused(file.name, reason, line=number, column=column)
        code, sequence, text = found.groups()
        yield number, code, sequence, text


def _notice(file: SourceFile, lines: Sequence[str]) -> str:
    """The line before the data that says whose the texts are."""
    if len(lines) <= _LINES_OF_NOTICE:
        for line in lines:
            text = " ".join(line.split())
            if _COPYRIGHT.search(text) and len(text) <= _LONGEST_NOTICE and text.isprintable():
                return text
    reason = "has no line of copyright of the American Medical Association before its data"
    raise FileRefused(file.name, reason)


def _name(file: SourceFile) -> str:
    return PurePath(file.name).stem.upper()
