"""Where a list without chapters and blocks puts its categories."""

import pytest

from db.load.kept_groups import groups_above
from db.load.predecessor import Predecessor
from db.load.rows import CodeRow
from schema.codes import CodeKind


def group(value: str, kind: CodeKind, parent: str | None, depth: int) -> CodeRow:
    return CodeRow(value, kind, "Invented", False, None, parent, depth)


def category(value: str, parent: str | None) -> CodeRow:
    return CodeRow(value, CodeKind.CODE, "Invented", True, None, parent, 3)


BEFORE = [
    group("CH02", CodeKind.CHAPTER, None, 0),
    group("C00-C96", CodeKind.BLOCK, "CH02", 1),
    group("C00-C75", CodeKind.BLOCK, "C00-C96", 2),
    group("C43-C44", CodeKind.BLOCK, "C00-C75", 3),
    category("C43", "C43-C44"),
    category("C44", "C43-C44"),
    group("C45-C49", CodeKind.BLOCK, "C00-C75", 3),
    category("C45", "C45-C49"),
    group("D10-D36", CodeKind.BLOCK, "CH02", 1),
    category("D10", "D10-D36"),
    group("CH03", CodeKind.CHAPTER, None, 0),
    group("D50-D53", CodeKind.BLOCK, "CH03", 1),
    category("D50", "D50-D53"),
    category("U07", None),
]
PREDECESSOR = Predecessor("FY1", "FY1", {row.value: row for row in BEFORE})
KNOWN = ["C43", "C44", "C45", "D10", "D50", "U07"]


@pytest.mark.parametrize(
    ("new", "behind", "above"),
    [
        ("C46", "C45", "C45-C49"),  # In the block of its neighbour.
        ("C4A", "C45", "C00-C75"),  # Behind C49 by its letter: in the block around.
        ("C97", "C45", "CH02"),  # In no block: in the chapter that both neighbours are in.
        ("D40", "D10", None),  # Between two chapters, in no block of either.
        ("U09", "U07", None),  # Behind everything, beside a category without a group.
    ],
)
def test_a_new_category_goes_where_its_neighbours_have_room_for_it(
    new: str, behind: str, above: str | None
) -> None:
    place = KNOWN.index(behind) + 1

    found = groups_above([*KNOWN[:place], new, *KNOWN[place:]], PREDECESSOR)

    assert found[new] == above
    assert {value: found[value] for value in KNOWN} == {
        "C43": "C43-C44",
        "C44": "C43-C44",
        "C45": "C45-C49",
        "D10": "D10-D36",
        "D50": "D50-D53",
        "U07": None,
    }


def test_where_nothing_was_loaded_categories_stand_below_nothing() -> None:
    assert groups_above(["C43", "C44"], None) == {"C43": None, "C44": None}
