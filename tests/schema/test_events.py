from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from schema.codes import CodeKey, CodeSystemKey
from schema.events import PageViewed, WindowNumber
from schema.people import ViewerKind
from schema.usage import ClientClass, Outcome


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
        client=ClientClass.BROWSER,
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


def test_a_window_is_written_as_kind_and_number() -> None:
    assert str(WindowNumber("D", 20780)) == "D.20780"
    assert str(WindowNumber("R30", 2)) == "R30.2"


def test_every_outcome_says_whether_it_grants_and_whether_it_charges() -> None:
    assert {outcome for outcome in Outcome if outcome.is_granted} == {
        Outcome.UNLOCKED,
        Outcome.REPEATED,
        Outcome.UNMETERED,
    }
    assert [outcome for outcome in Outcome if outcome.is_charging] == [Outcome.UNLOCKED]
