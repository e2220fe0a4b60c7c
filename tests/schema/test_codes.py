"""The stored and the printed form of codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.codes import CodeKey, CodeKind, CodeSystemKey, display, normalize, printed


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("j45.901", "J45901"),
        (" W22.01xA\t", "W2201XA"),
        ("dm-4120", "DM-4120"),
        ("c50-c50", "C50-C50"),
        ("E 030", "E030"),
        ("A" * 20, "A" * 20),
    ],
)
def test_a_code_is_stored_in_upper_case_without_dots_and_blanks(typed: str, stored: str) -> None:
    assert normalize(typed) == stored


@pytest.mark.parametrize("typed", ["", " . ", "-A", "J45!", "J45'--", "Ä10", "A" * 21, "A " * 50])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert normalize(typed) is None


@given(st.text(max_size=60))
def test_a_stored_form_is_its_own_stored_form(typed: str) -> None:
    stored = normalize(typed)

    assert stored is None or normalize(stored) == stored


@pytest.mark.parametrize(
    ("system", "value", "kind", "printed"),
    [
        (CodeSystemKey.ICD10CM, "J45901", CodeKind.CODE, "J45.901"),
        (CodeSystemKey.ICD10CM, "J45", CodeKind.HEADER, "J45"),
        (CodeSystemKey.ICD10CM, "J40-J4A", CodeKind.BLOCK, "J40-J4A"),
        (CodeSystemKey.ICD10CM, "CH10", CodeKind.CHAPTER, "CH10"),
        (CodeSystemKey.ICD9CM_DX, "V5412", CodeKind.CODE, "V54.12"),
        (CodeSystemKey.ICD9CM_DX, "E8558", CodeKind.CODE, "E855.8"),
        (CodeSystemKey.ICD9CM_DX, "E030", CodeKind.CODE, "E030"),
        (CodeSystemKey.ICD9CM_PX, "0001", CodeKind.CODE, "00.01"),
        (CodeSystemKey.ICD10PCS, "0016070", CodeKind.CODE, "0016070"),
        (CodeSystemKey.DEMO, "DM-4120", CodeKind.CODE, "DM-4120"),
    ],
)
def test_a_code_is_printed_with_the_dot_of_its_system(
    system: CodeSystemKey, value: str, kind: CodeKind, printed: str
) -> None:
    assert display(CodeKey(system, value), kind) == printed


@pytest.mark.parametrize(
    ("system", "value", "shown"),
    [
        (CodeSystemKey.ICD10CM, "I109", "I10.9"),
        (CodeSystemKey.ICD10CM, "C50-C51", "C50-C51"),
        (CodeSystemKey.ICD10CM, "CH99", "CH99"),
        (CodeSystemKey.ICD9CM_DX, "E8559", "E855.9"),
        (CodeSystemKey.DEMO, "DM-9999", "DM-9999"),
    ],
)
def test_what_may_be_no_code_is_printed_by_its_form(
    system: CodeSystemKey, value: str, shown: str
) -> None:
    assert printed(CodeKey(system, value)) == shown


def test_every_system_has_the_short_name_of_the_trade() -> None:
    assert [system.short_name for system in CodeSystemKey] == [
        "ICD-10-CM",
        "ICD-10-PCS",
        "ICD-9-CM",
        "ICD-9-CM procedures",
        "HCPCS",
        "HCPCS modifiers",
        "CPT",
        "MS-DRG",
        "MDC",
        "HCC",
        "CCSR",
        "DEMO",
    ]
