"""What an order file, or a list of codes in its stead, makes of a release of ICD-10.

Such a list tells codes, titles and flags. Chapters, blocks and notes come from the tabular list
where one is given; otherwise those of the release before stand on (docs/decisions/0021).
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from db.load import icd10cm_tabular
from db.load.kept_groups import groups_above
from db.load.order_file import OrderRow, header_of
from db.load.predecessor import Predecessor
from db.load.rows import CodeRow, search_text
from db.load.source import SourceFile
from schema.codes import CodeKind
from schema.errors import FileRefused

_GROUPS = (CodeKind.CHAPTER, CodeKind.BLOCK)


def with_tabular(order: SourceFile, rows: Sequence[OrderRow], tabular: SourceFile) -> list[CodeRow]:
    """The tree and notes of the tabular list, with the titles and flags of the order file.

    The two must tell the same codes in the same order; raises FileRefused where they differ.
    """
    tree = icd10cm_tabular.tree(tabular, frozenset(row.value for row in rows))
    codes = [row for row in tree if row.kind not in _GROUPS]
    for number, (ours, theirs) in enumerate(zip_longest(rows, codes), start=1):
        if ours is None or theirs is None or ours.key != (theirs.value, theirs.is_billable):
            reason = f"has {_told(ours)} where {tabular.name} has {_told(theirs)}"
            raise FileRefused(order.name, reason, line=number)
    listed = iter(rows)
    return [row if row.kind in _GROUPS else _titled(row, next(listed)) for row in tree]


def _told(row: OrderRow | CodeRow | None) -> str:
    if row is None:
        return "no more codes"
    return f"the code {row.value}" if row.is_billable else f"the header {row.value}"


def _titled(row: CodeRow, said: OrderRow) -> CodeRow:
    return row._replace(title=_title(said, row), short_title=said.short_title)


def _title(said: OrderRow, accented: CodeRow | None) -> str:
    """The title as the file has it, in the accents of another list that says the same."""
    if accented is not None and search_text(accented.title) == said.title:
        return accented.title
    return said.title


def alone(rows: Sequence[OrderRow], before: Predecessor | None) -> list[CodeRow]:
    """Headers and codes as the list has them, below the chapters and blocks of the release before;
    the notes that stood at a code or group stay there."""
    return list(_Alone(rows, before).rows())


class _Alone:
    """One walk through a list that has no chapters and blocks."""

    def __init__(self, rows: Sequence[OrderRow], before: Predecessor | None) -> None:
        self._listed = rows
        self._known = {row.value: row for row in rows}
        self._before = before
        roots = [row.value for row in rows if header_of(row.value, self._known) is None]
        self._groups = groups_above(roots, before)
        self._depths: dict[str, int] = {}

    def rows(self) -> Iterator[CodeRow]:
        for said in self._listed:
            parent = header_of(said.value, self._known)
            if parent is None:
                parent = self._groups[said.value]
                yield from self._opened(parent)
            stood = self._before.rows.get(said.value) if self._before else None
            yield CodeRow(
                value=said.value,
                kind=CodeKind.CODE if said.is_billable else CodeKind.HEADER,
                title=_title(said, stood),
                is_billable=said.is_billable,
                short_title=said.short_title,
                parent=parent,
                depth=self._depth(said.value, parent),
                notes=stood.notes if stood else (),
            )

    def _opened(self, group: str | None) -> Iterator[CodeRow]:
        """A group and those above it, from the top, but for those that were told before."""
        if group is None or self._before is None or group in self._depths:
            return
        row = self._before.rows[group]
        yield from self._opened(row.parent)
        self._depth(group, row.parent)
        yield row

    def _depth(self, value: str, parent: str | None) -> int:
        self._depths[value] = 0 if parent is None else self._depths[parent] + 1
        return self._depths[value]
