"""When an allowance renews: the window an instant falls into, computed from the plan alone.

Instants are whole milliseconds since 1970, UTC, as the store's clock gives them.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from zoneinfo import ZoneInfo

from schema.events import WindowNumber
from schema.instants import EPOCH, instant, milliseconds
from schema.plans import Plan, WindowKind

MS_PER_DAY = 86_400_000
_EPOCH_ORDINAL = EPOCH.toordinal()
_EASTERNMOST_MS = 14 * 3_600_000
_DAYS_TO_MONDAY = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of time in which an allowance is spent, from its start up to its end."""

    at: WindowNumber
    starts_ms: int
    ends_ms: int | None
    """The first millisecond of the next window; None when it never ends or has not begun."""


def kind_of(plan: Plan) -> str:
    """The window kind as events spell it; rolling windows of different length differ in kind,
    since their numbers cannot be compared."""
    if plan.window is WindowKind.ROLLING:
        return f"R{plan.rolling_days}"
    return plan.window[0]


def window_at(plan: Plan, now_ms: int, anchor_ms: int | None = None) -> Window:
    """The window that `now_ms` falls into.

    `anchor_ms` is when the viewer's first rolling window began: None before the first unlock,
    and without meaning for the other kinds.
    """
    if plan.window is WindowKind.LIFETIME:
        return window_numbered(plan, 0)
    if plan.window is WindowKind.ROLLING:
        begun_ms = 0 if anchor_ms is None else now_ms - anchor_ms
        return window_numbered(plan, max(0, begun_ms // _rolling_ms(plan)), anchor_ms)
    number = _calendar_number(plan.window, instant(now_ms).astimezone(_zone(plan)).date())
    window = window_numbered(plan, number)
    # A clock put back over midnight shows yesterday's date again for some minutes.
    if window.ends_ms is not None and window.ends_ms <= now_ms:
        return window_numbered(plan, number + 1)
    return window


def window_numbered(plan: Plan, number: int, anchor_ms: int | None = None) -> Window:
    """The window of that number under a plan; `anchor_ms` as in window_at."""
    at = WindowNumber(kind_of(plan), number)
    if plan.window is WindowKind.LIFETIME:
        return Window(at, 0, None)
    if plan.window is WindowKind.ROLLING:
        if anchor_ms is None:
            return Window(at, 0, None)
        starts_ms = anchor_ms + number * _rolling_ms(plan)
        return Window(at, starts_ms, starts_ms + _rolling_ms(plan))
    zone = _zone(plan)
    return Window(
        at,
        _midnight_ms(_first_day(plan.window, number), zone),
        _midnight_ms(_first_day(plan.window, number + 1), zone),
    )


def latest_number(kind: str, now_ms: int) -> int | None:
    """The highest number that a window of a kind, as events spell it, has at an instant in any time
    zone; None for rolling windows, which begin with their viewers."""
    if kind == "L":
        return 0
    if kind.startswith("R"):
        return None
    day = instant(now_ms + _EASTERNMOST_MS).date()
    [window] = [each for each in WindowKind if each.startswith(kind)]
    return _calendar_number(window, day)


def _rolling_ms(plan: Plan) -> int:
    assert plan.rolling_days is not None, "a rolling plan has a length"
    return plan.rolling_days * MS_PER_DAY


def _zone(plan: Plan) -> tzinfo:
    return UTC if plan.time_zone == "UTC" else ZoneInfo(plan.time_zone)


def _calendar_number(kind: WindowKind, day: date) -> int:
    days = day.toordinal() - _EPOCH_ORDINAL
    if kind is WindowKind.DAY:
        return days
    if kind is WindowKind.WEEK:
        return (days + _DAYS_TO_MONDAY) // 7
    return day.year * 12 + day.month - 1


def _first_day(kind: WindowKind, number: int) -> date:
    if kind is WindowKind.DAY:
        return date.fromordinal(_EPOCH_ORDINAL + number)
    if kind is WindowKind.WEEK:
        return date.fromordinal(_EPOCH_ORDINAL + number * 7 - _DAYS_TO_MONDAY)
    return date(number // 12, number % 12 + 1, 1)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    # A midnight that a clock change skips resolves to the change itself, which is the day's start.
    return milliseconds(datetime.combine(day, time(), zone).astimezone(UTC))
