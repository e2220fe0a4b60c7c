"""Proves a list of ICD-10 by its addenda: undone, they lead back to the edition before."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from db.load.addenda import Addenda
from db.load.order_file import OrderRow
from db.load.predecessor import Predecessor
from db.load.rows import CodeRow, search_text
from schema.codes import CodeKind

Key: TypeAlias = tuple[str, bool]
"""A code, and whether it is billable."""


def refuse_disagreement(
    addenda: Addenda, rows: Sequence[OrderRow], before: Predecessor | None
) -> None:
    """Refuse addenda that do not lead to these rows.

    The entries are undone: what is left must have as many headers and codes as the summary gives
    the edition before, and be that edition code for code where it is the one that is loaded.
    """
    undone = _undone(addenda, rows)
    for is_billable in addenda.summaries:
        _refuse_counts(addenda, is_billable, [row.key for row in rows], undone)
    if before is not None and before.label == addenda.before:
        _refuse_other_edition(addenda, undone, before)


def _undone(addenda: Addenda, rows: Sequence[OrderRow]) -> dict[Key, OrderRow]:
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
    addenda: Addenda, is_billable: bool, after: Iterable[Key], before: Iterable[Key]
) -> None:
    """Refuse a summary, of codes or of headers, that counts otherwise than we do."""

    def count(keys: Iterable[Key]) -> int:
        return sum(flag is is_billable for _, flag in keys)

    found = Counter(
        before=count(before),
        after=count(after),
        additions=count(entry.row.key for entry in addenda.added),
        deletions=count(entry.row.key for entry in addenda.deleted),
        revisions=count(new.row.key for _, new in addenda.revised),
    )
    found.update(
        _sort(old.row, new.row)
        for old, new in addenda.revised
        if new.row.is_billable is is_billable
    )
    noun = "codes" if is_billable else "headers"
    for name, told in addenda.summaries[is_billable].counts.items():
        if found[name] != told:
            reason = f"its summary counts {told:,} {noun} under {name!r} where {found[name]:,} are"
            raise addenda.refuse(reason)


def _sort(old: OrderRow, new: OrderRow) -> str:
    """Under which count a revision falls."""
    if old.title == new.title:
        return "revisions to short title only"
    is_both = old.short_title != new.short_title
    return f"revisions to {'both long and short titles' if is_both else 'long title only'}"


def _refuse_other_edition(
    addenda: Addenda, undone: Mapping[Key, OrderRow], before: Predecessor
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
