"""Entries as rows: the short way for page views says the same as the way for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import entries
from metering.chain import canonical, split
from metering.entries import COLUMNS, Readings, fields_of, read_id, read_into
from metering.log import LaterEvent, UnreadableEvent
from schema.instants import instant
from tests.metering.archives import NOON, act, view

VIEWS = st.fixed_dictionaries(
    {
        "type": st.just("view"),
        "epoch": st.integers(1, 10**8).map(str),
        "viewer": st.from_regex(r"[gu][A-Za-z0-9_-]{22}", fullmatch=True),
        "kind": st.sampled_from("GRSPT"),
        "plan": st.sampled_from(["guest.1", "a-b_c.12"]),
        "assignment": st.integers(0, 10**17).map(str),
        "window": st.sampled_from(["L.0", "D.20780", "R30.2"]),
        "code": st.sampled_from(["ICD10CM:I10", "DEMO:DM-4120", "ICD10PCS:0016070"]),
        "outcome": st.sampled_from("URMLNB"),
        "used": st.integers(0, 10**8).map(str),
        "limit": st.one_of(st.just(""), st.integers(0, 10**8).map(str)),
        "network": st.sampled_from(["", "abcdefghij_-/3/50"]),
        "request": st.from_regex(r"[A-Za-z0-9_-]{12}", fullmatch=True),
        "context": st.sampled_from(["b", "be3", "p/k3y1d_8c"]),
    }
).map(lambda fields: {name: fields[name] for name in view("g" + "a" * 22)})


def flat(fields: dict[str, str]) -> list[str]:
    """Names and values in turn, as the store gives them."""
    return [part for pair in fields.items() for part in pair]


def read(fields: dict[str, str]) -> Readings:
    readings = Readings([], [], [])
    read_into(readings, 7, instant(NOON), 5, flat(fields))
    return readings


@given(VIEWS)
def test_the_short_way_of_a_view_gives_the_row_and_the_form_of_the_long_way(
    fields: dict[str, str],
) -> None:
    readings = read(fields)

    assert readings.rows == [entries._row_of_any(7, instant(NOON), 5, fields)]
    assert fields_of(dict(zip(COLUMNS, readings.rows[0], strict=False))) == fields
    assert [*map(canonical, split(fields))] == [readings.publics[0], readings.privates[0]]


@given(st.sampled_from([*view("g" + "a" * 22)]), st.text(max_size=12))
def test_a_view_with_any_text_in_a_field_is_made_again_or_refused(name: str, text: str) -> None:
    fields = view("g" + "a" * 22) | {name: text}

    try:
        readings = read(fields)
    except UnreadableEvent:
        return
    assert fields_of(dict(zip(COLUMNS, readings.rows[0], strict=False))) == fields
    assert [*map(canonical, split(fields))] == [readings.publics[0], readings.privates[0]]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"epoch": "1"}, "it has no type"),
        (view("nobody"), "viewer 'nobody' is none"),
        (view("g" + "a" * 22, used="01"), "used '01' is none"),
        (view("g" + "a" * 22, count="0"), "count '0' is none"),
        (view("g" + "a" * 22, count="01@5"), "count '01@5' is none"),
        (view("g" + "a" * 22) | {"epoch": "0"}, "epoch '0' is none"),
        ({"epoch": "1"} | view("g" + "a" * 22), "its fields are not in their order"),
        (
            act("block", viewer="g" + "a" * 22, request="r", actor="a", reason="a\0b"),
            r"reason 'a\x00b' is none",
        ),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(fields: dict[str, str], reason: str) -> None:
    with pytest.raises(UnreadableEvent) as raised:
        read(fields)

    assert str(raised.value) == reason


def test_a_type_of_a_later_version_is_told_apart() -> None:
    with pytest.raises(LaterEvent, match="of type 'refund', written by a later version"):
        read({"type": "refund", "epoch": "1"})


def test_the_id_of_an_entry_is_its_time_and_its_number() -> None:
    assert read_id("1764072000000-17") == (1764072000000, 17)
    with pytest.raises(UnreadableEvent):
        read_id("1764072000000-0")
