"""Addenda of ICD-10: what an edition adds, deletes and revises, and the counts that prove it.

Columns from 1: 1 to 13 the word, `Add:`, `Delete:`, `Revise from:` or `Revise to:`; behind it the
columns of the list that the addenda go with, without its order numbers. ICD-10-CM has flag, blank
and code, ICD-10-PCS the code alone. A summary in words ends the file. A code that becomes a header
is deleted and added.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from db.load.order_file import CODES, OrderRow
from db.load.predecessor import Predecessor
from db.load.rows import CodeRow, search_text
from db.load.source import SourceFile
from schema.codes import CodeKind, CodeSystemKey
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


def refuse_disagreement(
    addenda: Addenda, rows: Sequence[OrderRow], before: Predecessor | None
) -> None:
    """Refuse addenda that do not lead to these rows.

    The entries are undone: what is left must have as many headers and codes as the summary gives
    the edition before, and be that edition code for code where it is the one that is loaded.
    """
    undone = _undone(addenda, rows)
    for is_billable, summary in addenda.summaries.items():
        _refuse_counts(addenda, is_billable, summary, rows, undone)
    if before is not None and before.label == addenda.before:
        _refuse_other_edition(addenda, undone, before)


def _undone(addenda: Addenda, rows: Sequence[OrderRow]) -> dict[tuple[str, bool], OrderRow]:
    """The rows of the edition before, by code and flag."""
    left = {row.key: row for row in rows}
    for line, row in addenda.added:
        if left.pop(row.key, None) != row:
            raise addenda.refuse(f"adds {_told(row)}, which the list does not have so", line)
    for (_, old), (line, new) in addenda.revised:
        if left.get(new.key) != new:
            raise addenda.refuse(f"revises {_told(new)}, which the list does not have so", line)
        left[new.key] = old
    for line, row in addenda.deleted:
        if row.key in left:
            raise addenda.refuse(f"deletes {_told(row)}, which the list still has", line)
        left[row.key] = row
    return left


def _told(row: OrderRow) -> str:
    return f"the code {row.value}" if row.is_billable else f"the header {row.value}"


def _refuse_counts(
    addenda: Addenda,
    is_billable: bool,
    summary: Summary,
    rows: Sequence[OrderRow],
    undone: Mapping[tuple[str, bool], OrderRow],
) -> None:
    revised = [(a.row, b.row) for a, b in addenda.revised if b.row.is_billable is is_billable]
    found = {
        "before": sum(1 for _, flag in undone if flag is is_billable),
        "after": sum(1 for row in rows if row.is_billable is is_billable),
        "additions": sum(1 for entry in addenda.added if entry.row.is_billable is is_billable),
        "deletions": sum(1 for entry in addenda.deleted if entry.row.is_billable is is_billable),
        "revisions": len(revised),
        **{f"revisions to {name}": sum(is_so(*pair) for pair in revised) for name, is_so in _SORTS},
    }
    for name, count in summary.counts.items():
        if found[name] != count:
            noun = "codes" if is_billable else "headers"
            reason = f"its summary counts {count:,} {noun} under {name!r} where {found[name]:,} are"
            raise addenda.refuse(reason)


_Sort = Literal["both long and short titles", "long title only", "short title only"]
_SORTS: tuple[tuple[_Sort, Callable[[OrderRow, OrderRow], bool]], ...] = (
    (
        "both long and short titles",
        lambda a, b: a.title != b.title and a.short_title != b.short_title,
    ),
    ("long title only", lambda a, b: a.title != b.title and a.short_title == b.short_title),
    ("short title only", lambda a, b: a.title == b.title and a.short_title != b.short_title),
)


def _refuse_other_edition(
    addenda: Addenda, undone: Mapping[tuple[str, bool], OrderRow], before: Predecessor
) -> None:
    """Refuse addenda to an edition that is not the one loaded."""
    codes = {(row.value, True): row for row in before.rows.values() if row.kind is CodeKind.CODE}
    headers = {
        (row.value, False): row for row in before.rows.values() if row.kind is CodeKind.HEADER
    }
    # A release without short titles came as a list of codes: its headers are older than itself.
    is_whole = all(row.short_title for row in codes.values())
    stored = {**codes, **headers} if is_whole and False in addenda.summaries else codes
    odd = sorted(key for key in undone.keys() ^ stored.keys() if key[1] or stored is not codes)
    both = undone.keys() & stored.keys()
    odd += sorted(key for key in both if _differs(undone[key], stored[key]))
    if odd:
        differing = "1 code differs" if len(odd) == 1 else f"{len(odd):,} codes differ"
        reason = f"does not lead from {before.label} as it is loaded to this list"
        raise addenda.refuse(f"{reason}: {differing}, the first is {odd[0][0]}")


def _differs(undone: OrderRow, stored: CodeRow) -> bool:
    if undone.title != search_text(stored.title):
        return True
    titles = (undone.short_title, stored.short_title)
    return None not in titles and titles[0] != titles[1]
