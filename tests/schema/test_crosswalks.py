"""What a row of a map is called in the terms of others."""

from typing import Any

import pytest

from schema.codes import Code, CodeKey, CodeKind, CodeStatus, CodeSystemKey
from schema.crosswalks import Crosswalk, Relationship, r4_equivalence


def _code(system: CodeSystemKey, value: str) -> Code:
    return Code(
        id=1,
        key=CodeKey(system, value),
        kind=CodeKind.CODE,
        title=None,
        short_title=None,
        status=CodeStatus.UNKNOWN,
        is_billable=None,
        why_not_billable=None,
        effective_from=None,
        effective_to=None,
        release=None,
        parent_id=None,
    )


ROW = {
    "id": 1,
    "source": _code(CodeSystemKey.ICD10CM, "K831"),
    "target": _code(CodeSystemKey.ICD9CM_DX, "5762"),
    "relationship": Relationship.EQUIVALENT,
    "is_approximate": False,
    "is_combination": False,
    "scenario": None,
    "choice_list": None,
    "map_release_id": 1,
}
APPROXIMATE = {"relationship": Relationship.RELATED_TO, "is_approximate": True}
TOGETHER = {"is_combination": True, "scenario": 1, "choice_list": 1}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "equivalent"),
        (APPROXIMATE, "inexact"),
        (APPROXIMATE | TOGETHER, "relatedto"),
        ({"relationship": Relationship.RELATED_TO}, "relatedto"),
        ({"relationship": Relationship.SOURCE_NARROWER}, "wider"),
        ({"relationship": Relationship.SOURCE_BROADER}, "narrower"),
        ({"relationship": Relationship.NOT_RELATED}, "disjoint"),
        ({"relationship": Relationship.NOT_RELATED, "target": None}, "unmatched"),
    ],
)
def test_a_row_has_a_name_in_fhir_r4(change: dict[str, Any], expected: str) -> None:
    assert r4_equivalence(Crosswalk.model_validate(ROW | change)) == expected
