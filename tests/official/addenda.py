"""Writes the addenda that lead from one list of ICD-10 to the next, summary included."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from db.load.order_file import OrderRow

Pair = tuple[OrderRow, OrderRow]


def order_addenda(
    old: Sequence[OrderRow], new: Sequence[OrderRow], year: int, system: str = "icd10cm"
) -> bytes:
    """`icd10cm-order-addenda-YYYY.txt`, with a flag before each code, or `order_addenda_YYYY.txt`
    of ICD-10-PCS, which has none."""
    entries = _entries(old, new, has_flags=system == "icd10cm")
    summaries = (_summary(old, new, year, system, is_billable=kind) for kind in (False, True))
    return _lines(chain(entries, *summaries))


def codes_addenda(old: Sequence[OrderRow], new: Sequence[OrderRow], year: int) -> bytes:
    """`icd10cm-codes-addenda-YYYY.txt`: codes and long titles."""
    was, is_now = _billable(old), _billable(new)
    entries = (f"{word:<13}{row.value:<7} {row.title}" for word, row in _differences(was, is_now))
    summary = list(_summary(was, is_now, year, "icd10cm", is_billable=True))
    return _lines(chain(entries, summary[: summary.index("of which")]))


def _billable(rows: Iterable[OrderRow]) -> list[OrderRow]:
    return [row._replace(short_title=None) for row in rows if row.is_billable]


def _entries(old: Sequence[OrderRow], new: Sequence[OrderRow], *, has_flags: bool) -> Iterator[str]:
    for word, row in _differences(old, new):
        flag = f"{int(row.is_billable)} " if has_flags else ""
        yield f"{word:<13}{flag}{row.value:<7} {row.short_title:<60} {row.title}"


def _differences(
    old: Sequence[OrderRow], new: Sequence[OrderRow]
) -> Iterator[tuple[str, OrderRow]]:
    was, is_now = ({row.key: row for row in rows} for rows in (old, new))
    yield from (("Delete:", row) for key, row in was.items() if key not in is_now)
    for key, row in is_now.items():
        if key not in was:
            yield "Add:", row
        elif was[key] != row:
            yield "Revise from:", was[key]
            yield "Revise to:", row


def _summary(
    old: Sequence[OrderRow],
    new: Sequence[OrderRow],
    year: int,
    system: str,
    *,
    is_billable: bool,
) -> Iterator[str]:
    noun = "codes" if is_billable else "headers"
    was, is_now = (
        {row.value: row for row in rows if row.is_billable is is_billable} for rows in (old, new)
    )
    both = [(was[value], is_now[value]) for value in was.keys() & is_now]
    revised = [pair for pair in both if pair[0] != pair[1]]
    yield from ("", noun.capitalize())
    yield f"{len(was):7} {noun} in {system}_order_{year - 1}.txt"
    yield f"{len(is_now):7} {noun} in {system}_order_{year}.txt"
    yield f"{len(is_now.keys() - was):7} additions"
    yield f"{len(was.keys() - is_now):7} deletions"
    yield f"{len(revised):7} revisions"
    yield "of which"
    yield f"{_count(revised, long=True, short=True):7} revisions to both long and short titles"
    yield f"{_count(revised, long=True, short=False):7} revisions to long title only"
    yield f"{_count(revised, long=False, short=True):7} revisions to short title only"


def _count(revised: Sequence[Pair], *, long: bool, short: bool) -> int:
    return sum(
        (a.title != b.title) is long and (a.short_title != b.short_title) is short
        for a, b in revised
    )


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")
