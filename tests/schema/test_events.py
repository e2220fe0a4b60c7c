from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from schema.codes import CodeKey, CodeSystemKey
from schema.events import PageViewed, WindowNumber
from schema.instants import instant, milliseconds
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome, ViewContext


@pytest.fixture
def event() -> PageViewed:
    return PageViewed(
        shard=7,
        seq=42,
        epoch=1,
        recorded_at=datetime(2026, 11, 23, 17, 0, 0, 1000, tzinfo=UTC),
        viewer_id="g" + "x" * 22,
        viewer_kind=ViewerKind.GUEST,
        plan_key="guest",
        plan_version=1,
        assignment=0,
        window=WindowNumber("L", 0),
        code=CodeKey(CodeSystemKey.ICD10CM, "I10"),
        outcome=Outcome.UNLOCKED,
        used=1,
        limit=1,
        admission=None,
        request_id="r" * 12,
        context=ViewContext(client=ClientClass.BROWSER),
    )


def test_an_event_is_known_by_shard_epoch_time_and_number(event: PageViewed) -> None:
    assert event.id == "7:1:1795453200001-42"


def test_the_id_is_exact_to_the_millisecond(event: PageViewed) -> None:
    start = datetime(2026, 11, 23, 17, tzinfo=UTC)
    ids = {
        event.model_copy(update={"recorded_at": start + timedelta(milliseconds=passed)}).id
        for passed in range(1000)
    }

    assert ids == {f"7:1:{1795453200000 + passed}-42" for passed in range(1000)}


def test_an_event_stands_for_one_view_and_is_never_changed(event: PageViewed) -> None:
    assert event.count == 1
    with pytest.raises(ValidationError):
        event.used = 0  # type: ignore[misc]


def test_a_place_in_the_stream_is_exact_for_every_millisecond_of_a_second(
    event: PageViewed,
) -> None:
    at = datetime(2026, 11, 23, 17, tzinfo=UTC)

    assert [
        milliseconds(instant(1795453200000 + passed)) - 1795453200000 for passed in range(1000)
    ] == [*range(1000)]
    assert event.model_copy(update={"recorded_at": at}).stream_id == "1795453200000-42"


def test_a_view_says_of_its_origin_only_what_is_known() -> None:
    assert ViewContext() == ViewContext(
        client=ClientClass.OTHER, referrer=None, section=None, key_id=None
    )


@pytest.mark.parametrize("key_id", ["", "k" * 17, "a key", "k\n", "key/1", "k\u00e9"])
def test_a_keys_public_name_is_short_and_plain(key_id: str) -> None:
    with pytest.raises(ValidationError):
        ViewContext(key_id=key_id)


def test_a_window_is_written_as_kind_and_number() -> None:
    assert str(WindowNumber("D", 20780)) == "D.20780"
    assert str(WindowNumber("R30", 2)) == "R30.2"


def test_only_an_unlock_charges() -> None:
    assert [outcome for outcome in Outcome if outcome.is_charging] == [Outcome.UNLOCKED]
