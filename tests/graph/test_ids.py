"""Ids round-trip, have one spelling each, and no text whatever breaks the decoder."""

import base64
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import ids
from graph.day import Day
from schema.codes import CodeKey, CodeSystemKey


@pytest.mark.parametrize(
    ("kind", "key", "text"),
    [
        ("code", "ICD10CM:I10", "MWNvZGU6SUNEMTBDTTpJMTA"),
        ("map", "GEM_I10_I9:GEM-FY2013", "MW1hcDpHRU1fSTEwX0k5OkdFTS1GWTIwMTM"),
        ("cursor", 7, "MWN1cnNvcjo3"),
    ],
)
def test_an_id_is_what_it_was_in_every_release(kind, key, text):
    assert ids.encode(kind, key) == text
    assert ids.decode(text) == (kind, str(key))


def test_a_code_id_names_its_code():
    key = CodeKey(CodeSystemKey.DEMO, "DM-4120")

    assert ids.decode_code(ids.encode_code(key, Day(date(2026, 11, 23)))) == (key, None)


def test_a_code_as_of_a_named_day_has_an_id_of_its_own():
    key, day = CodeKey(CodeSystemKey.ICD10CM, "I10"), Day(date(2024, 2, 29), is_named=True)

    assert ids.decode_code(ids.encode_code(key, day)) == (key, day)


@pytest.mark.parametrize("day", ["", "2024-02-30", "20240229x", "1899-12-31", "2200-01-01", "@"])
def test_a_day_that_cannot_be_asked_about_is_no_code(day):
    assert ids.decode_code(ids.encode("code", f"ICD10CM:I10@{day}")) is None


@pytest.mark.parametrize(
    "text",
    [
        ids.encode("section", "ICD10CM:I10"),
        ids.encode("code", "NOPE:I10"),
        ids.encode("code", "ICD10CM:i10"),
        ids.encode("code", "ICD10CM:I 1"),
        ids.encode("code", "ICD10CM"),
        ids.encode("code", ":"),
    ],
)
def test_an_id_of_something_else_names_no_code(text):
    assert ids.decode_code(text) is None


@pytest.mark.parametrize("position", [0, 1, 19, 999_999_999])
def test_a_cursor_is_a_place(position):
    assert ids.decode_cursor(ids.encode_cursor(position)) == position


@pytest.mark.parametrize("key", ["-1", "01", "x", "9" * 30, "١"])
def test_a_made_up_cursor_is_no_place(key):
    assert ids.decode_cursor(ids.encode("cursor", key)) is None


def raw(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "MWNvZGU6SUNEMTBDTTpJMTA=",
        "MWNvZGU6SUNEMTBDTTpJMTB",
        " MWNvZGU6SUNEMTBDTTpJMTA",
        "MWNvZGU6SUNE\nMTBDTTpJMTA",
        "a",
        "é",
        "\ud800",
        "A" * 10_000,
        raw(b"2code:x"),
        raw(b"1code:"),
        raw(b"1CODE:x"),
        raw(b"1code:\x00"),
        raw(b"1code:\xff"),
    ],
)
def test_any_other_text_is_no_id(text):
    assert ids.decode(text) is None


@given(st.text())
def test_decoding_is_total(text):
    decoded = ids.decode(text)

    assert decoded is None or ids.encode(*decoded) == text


@given(
    st.from_regex(r"[a-z]{1,10}", fullmatch=True), st.text("AZaz09:-_.", min_size=1, max_size=60)
)
def test_every_key_round_trips(kind, key):
    assert ids.decode(ids.encode(kind, key)) == (kind, key)
