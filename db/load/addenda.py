"""Addenda of ICD-10: what an edition adds, deletes and revises, and how many.

Columns from 1: 1 to 13 the word, `Add:`, `Delete:`, `Revise from:` or `Revise to:`; behind it the
columns of the list that the addenda go with, without its order numbers. ICD-10-CM has flag, blank
and code, ICD-10-PCS the code alone. A summary in words ends the file. A code that becomes a header
is deleted and added.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from db.load.order_file import CODES, OrderRow
from db.load.source import SourceFile
from schema.codes import CodeSystemKey
from schema.errors import FileRefused


class Layout(NamedTuple):
    """Where the parts of an entry stand, in columns from 1."""

    system: CodeSystemKey
    flag: int | None
    """None: what has seven characters is a code, and what has three a header."""
    code: int
    has_short_title: bool


ICD10CM_ORDER = Layout(CodeSystemKey.ICD10CM, 14, 16, True)
ICD10CM_CODES = Layout(CodeSystemKey.ICD10CM, None, 14, False)
ICD10PCS_ORDER = Layout(CodeSystemKey.ICD10PCS, None, 14, True)

_HEADINGS = ("Add", "Delete", "Revise from", "Revise to")
_WORDS = {f"{heading}:".ljust(13): heading for heading in _HEADINGS}
_COUNT = re.compile(
    r" +(\d{1,9}) (?:(headers|codes) in (\S+)|(additions|deletions)|revisions(?: to "
    r"(both long and short titles|long title only|short title only))?)"
)
_ALWAYS = frozenset({"before", "after", "additions", "deletions", "revisions"})
"""The counts that every summary has."""


class Entry(NamedTuple):
    """One line, and the line it stands in."""

    line: int
    row: OrderRow


@dataclass
class Summary:
    """What the file says in words of its headers, or of its codes."""

    counts: dict[str, int] = field(default_factory=dict)
    """By the name of the count; `before` and `after` are those of the two editions."""
    before: str = ""
    """The name of the file of the edition before."""


@dataclass(frozen=True)
class Addenda:
    """Addenda, read whole."""

    file: SourceFile
    added: list[Entry]
    deleted: list[Entry]
    revised: list[tuple[Entry, Entry]]
    """As it was, and as it is."""
    summaries: dict[bool, Summary]
    """Of codes under True, of headers under False; a list of codes alone has no headers."""

    @property
    def before(self) -> str | None:
        """The label of the edition before, `FY2025`; None when the file's name has no year."""
        year = re.search(r"(\d{4})\.txt$", next(iter(self.summaries.values())).before)
        return year and f"FY{year[1]}"

    def refuse(self, reason: str, line: int | None = None) -> FileRefused:
        """The refusal of the file, to be raised."""
        return FileRefused(self.file.name, reason, line=line)


def read(file: SourceFile, layout: Layout) -> Addenda:
    """Every entry, and the summary; raises FileRefused with the line of what is odd."""
    entries: dict[str, list[Entry]] = {word: [] for word in _HEADINGS}
    summaries: dict[bool, Summary] = {}
    lines = file.lines("ascii")
    for number, line in lines:
        word = _WORDS.get(line[:13])
        if word is None:
            _read_summaries(file, number, line, lines, summaries)
            break
        entries[word].append(Entry(number, _row(file, number, line, layout)))
    is_whole = all(told.counts.keys() >= _ALWAYS for told in summaries.values())
    if True not in summaries or not is_whole:
        raise FileRefused(file.name, "has no whole summary; the file is cut")
    revised = list(_revisions(file, entries["Revise from"], entries["Revise to"]))
    return Addenda(file, entries["Add"], entries["Delete"], revised, summaries)


def _row(file: SourceFile, number: int, line: str, layout: Layout) -> OrderRow:
    start = layout.code - 1
    value, rest = line[start : start + 7].rstrip(), line[start + 7 :]
    flag = _flag(line, value, layout)
    if not CODES[layout.system].fullmatch(value) or flag not in ("0", "1"):
        raise FileRefused(file.name, "is not a word, a flag and a code", line=number, column=14)
    short_title = rest[1:61].rstrip() if layout.has_short_title else None
    title = (rest[62:] if layout.has_short_title else rest[1:]).rstrip()
    is_blank = rest[:1] == " " and (short_title is None or rest[61:62] == " ")
    if not is_blank or not title or short_title == "" or not line.isprintable():
        reason = f"does not tell the titles of {value}"
        raise FileRefused(file.name, reason, line=number, column=layout.code + 7)
    return OrderRow(value, flag == "1", short_title, title)


def _flag(line: str, value: str, layout: Layout) -> str:
    """The flag of an entry, 0 or 1 where it has one."""
    if layout.flag is not None:
        return line[layout.flag - 1 : layout.code - 1].removesuffix(" ")
    is_table = layout.system is CodeSystemKey.ICD10PCS and len(value) == 3
    return "0" if is_table else "1"


def _revisions(
    file: SourceFile, old: Sequence[Entry], new: Sequence[Entry]
) -> Iterator[tuple[Entry, Entry]]:
    later = {entry.line: entry for entry in new}
    for entry in old:
        told = later.pop(entry.line + 1, None)
        if told is None or told.row.key != entry.row.key:
            reason = f"revises {entry.row.value} and does not say to what"
            raise FileRefused(file.name, reason, line=entry.line)
        yield entry, told
    for line, entry in later.items():
        raise FileRefused(file.name, f"does not say what {entry.row.value} was", line=line)


def _read_summaries(
    file: SourceFile,
    number: int,
    line: str,
    rest: Iterable[tuple[int, str]],
    summaries: dict[bool, Summary],
) -> None:
    """Fill in the summaries from the line on that ends the entries."""
    summary: Summary | None = None
    for at, text in ((number, line), *rest):
        if text in ("Headers", "Codes"):
            summary = summaries.setdefault(text == "Codes", Summary())
        elif count := _COUNT.fullmatch(text):
            if summary is None or not _is_counted(summary, count):
                raise FileRefused(file.name, "counts what was counted before", line=at)
        elif text.strip() not in ("", "of which"):
            raise FileRefused(file.name, "is neither an entry nor a line of the summary", line=at)


def _is_counted(summary: Summary, count: re.Match[str]) -> bool:
    """Enter a count of the summary; False for one that it has."""
    number, noun, file, change, titles = count.groups()
    if noun and not summary.before:
        summary.before = file
    name = change or (titles and f"revisions to {titles}") or "revisions"
    if noun:
        name = "after" if "before" in summary.counts else "before"
    is_new = name not in summary.counts
    summary.counts[name] = int(number)
    return is_new
