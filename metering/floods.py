"""Floods of repeats and refusals of one viewer, counted into one event a minute.

The rule that metering/lua/shared/floods.lua keeps, as the meter in memory keeps it.
"""

from dataclasses import dataclass, field

from schema.events import PageViewed
from schema.instants import milliseconds
from schema.usage import Outcome

LOGGED_ONE_BY_ONE = 20
"""Refusals of one viewer, and repeats of one code, that are recorded singly within an hour."""
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
"""How long views are counted before they are recorded."""

_COUNTED = (
    Outcome.REPEATED,
    Outcome.LIMIT_REACHED,
    Outcome.NETWORK_LIMIT_REACHED,
    Outcome.BLOCKED,
)
_SAME = (
    *("outcome", "viewer_kind", "plan_key", "plan_version", "assignment", "window"),
    *("used", "limit", "admission"),
)
"""What views must have in common to be counted together."""


@dataclass(slots=True)
class Flood:
    """One viewer's hour."""

    until_ms: int
    seen: dict[str, int] = field(default_factory=dict)
    """Repeats by code, and `refused`."""
    waiting: dict[str, PageViewed] = field(default_factory=dict)
    """What is counted and not recorded yet, by outcome and, for repeats, code."""


class Floods:
    """The floods of one shard, by viewer."""

    def __init__(self) -> None:
        self._by_viewer: dict[str, Flood] = {}

    def settle(self, viewer_id: str, latest_ms: int) -> list[PageViewed]:
        """What waits for the viewer and began at `latest_ms` or before; it waits no more.

        The events are those of the first view of each, with the count of all.
        """
        flood = self._by_viewer.get(viewer_id)
        if flood is None:
            return []
        due = {
            name: event
            for name, event in flood.waiting.items()
            if milliseconds(event.decided_at) <= latest_ms
        }
        for name in due:
            del flood.waiting[name]
        return list(due.values())

    def forget(self, viewer_id: str) -> None:
        """The viewer is erased."""
        self._by_viewer.pop(viewer_id, None)

    def count(self, event: PageViewed, now_ms: int) -> tuple[bool, list[PageViewed]]:
        """Whether the view is counted instead of recorded, and what is to be recorded first."""
        if event.outcome not in _COUNTED:
            return False, []
        settled: list[PageViewed] = []
        flood = self._by_viewer.get(event.viewer_id)
        if flood is not None and now_ms >= flood.until_ms:
            settled = self.settle(event.viewer_id, now_ms)
            flood = None
        if flood is None:
            flood = self._by_viewer[event.viewer_id] = Flood(now_ms + HOUR_MS)
        name = str(event.code) if event.outcome is Outcome.REPEATED else "refused"
        flood.seen[name] = flood.seen.get(name, 0) + 1
        if flood.seen[name] <= LOGGED_ONE_BY_ONE:
            return False, settled
        return True, settled + _add(flood, f"{event.outcome} {name}", event, now_ms)


def _add(flood: Flood, name: str, event: PageViewed, now_ms: int) -> list[PageViewed]:
    waits = flood.waiting.get(name)
    is_same = waits is not None and _are_alike(waits, event)
    if waits and is_same and now_ms - milliseconds(waits.decided_at) < MINUTE_MS:
        flood.waiting[name] = waits.model_copy(update={"count": waits.count + 1})
        return []
    flood.waiting[name] = event.model_copy(update={"first_at": event.recorded_at})
    return [] if waits is None else [waits]


def _are_alike(one: PageViewed, other: PageViewed) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _SAME)
