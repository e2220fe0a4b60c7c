"""When allowances renew: calendar windows in time zones, across clock changes, and rolling ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.windows import Window, kind_of, window_at, window_numbered
from schema.events import WindowNumber
from schema.plans import WindowKind
from tests.metering.ledgers import ms, plan

DAY = 86_400_000
ZONES = (
    *("UTC", "America/New_York", "Europe/London", "Pacific/Auckland", "Asia/Kathmandu"),
    # Midnights that are skipped or come twice, a day that never was, clocks put back past midnight.
    *("America/Santiago", "Africa/Cairo", "America/Havana", "Pacific/Apia", "America/St_Johns"),
)


def window(kind: WindowKind, zone: str, now: str) -> Window:
    return window_at(plan(window=kind, time_zone=zone), ms(now))


def test_a_lifetime_has_one_window_without_end() -> None:
    assert window_at(plan(), ms("2026-11-23")) == Window(WindowNumber("L", 0), 0, None)


@pytest.mark.parametrize(
    ("kind", "zone", "now", "starts", "ends", "number"),
    [
        (WindowKind.DAY, "UTC", "2026-11-23T17:00", "2026-11-23", "2026-11-24", 20780),
        (WindowKind.WEEK, "UTC", "2026-11-29T23:59", "2026-11-23", "2026-11-30", 2969),
        (WindowKind.WEEK, "UTC", "1970-01-01", "1969-12-29", "1970-01-05", 0),
        (WindowKind.MONTH, "UTC", "2026-12-31T23:59", "2026-12-01", "2027-01-01", 24323),
        (
            *(WindowKind.DAY, "America/New_York", "2026-03-08T12:00"),
            *("2026-03-08T00:00-05:00", "2026-03-09T00:00-04:00", 20520),
        ),
        (
            *(WindowKind.DAY, "America/New_York", "2026-11-01T12:00"),
            *("2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00", 20758),
        ),
        # At midnight the clock of Santiago jumps to one o'clock.
        (
            *(WindowKind.DAY, "America/Santiago", "2026-09-06T12:00"),
            *("2026-09-06T01:00-03:00", "2026-09-07T00:00-03:00", 20702),
        ),
        (
            *(WindowKind.MONTH, "Pacific/Auckland", "2026-10-31T12:00"),
            *("2026-11-01T00:00+13:00", "2026-12-01T00:00+13:00", 24322),
        ),
    ],
)
def test_calendar_windows_begin_at_midnight_of_their_zone(
    kind: WindowKind, zone: str, now: str, starts: str, ends: str, number: int
) -> None:
    assert window(kind, zone, now) == Window(WindowNumber(kind[0], number), ms(starts), ms(ends))


def test_days_last_23_24_or_25_hours_where_clocks_change() -> None:
    lengths = []
    for day in ("2026-03-08", "2026-03-09", "2026-11-01"):
        found = window(WindowKind.DAY, "America/New_York", f"{day}T12:00")
        assert found.ends_ms is not None
        lengths.append((found.ends_ms - found.starts_ms) // 3_600_000)

    assert lengths == [23, 24, 25]


def test_a_clock_put_back_past_midnight_does_not_bring_yesterday_back() -> None:
    """St. John's put its clocks back at 00:01, so 23:01 to 24:00 came again."""
    before = window(WindowKind.DAY, "America/St_Johns", "2010-11-07T00:00:30-02:30")
    after = window(WindowKind.DAY, "America/St_Johns", "2010-11-06T23:30-03:30")

    assert before == after


@given(
    now=st.integers(0, ms("2045-01-01")),
    zone=st.sampled_from(ZONES),
    kind=st.sampled_from((WindowKind.DAY, WindowKind.WEEK, WindowKind.MONTH)),
)
def test_every_instant_is_in_exactly_one_window(now: int, zone: str, kind: WindowKind) -> None:
    calendar = plan(window=kind, time_zone=zone)

    found = window_at(calendar, now)

    assert found.ends_ms is not None
    assert found.starts_ms <= now < found.ends_ms
    assert window_numbered(calendar, found.at.number) == found
    following = window_at(calendar, found.ends_ms)
    assert following.starts_ms == found.ends_ms
    assert following.at.number > found.at.number


def test_a_rolling_window_is_counted_from_its_anchor() -> None:
    rolling = plan(window=WindowKind.ROLLING, rolling_days=30)
    anchor = ms("2026-11-23T17:00")

    assert kind_of(rolling) == "R30"
    assert window_at(rolling, anchor) == Window(WindowNumber("R30", 0), 0, None)
    assert window_at(rolling, anchor, anchor) == Window(
        WindowNumber("R30", 0), anchor, anchor + 30 * DAY
    )
    assert window_at(rolling, anchor + 30 * DAY - 1, anchor).at.number == 0
    assert window_at(rolling, anchor + 30 * DAY, anchor).at.number == 1
    assert window_at(rolling, anchor - 1, anchor).at.number == 0
