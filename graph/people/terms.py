"""What is wrong with the terms of a plan, before anybody is on it."""

import re
from collections.abc import Iterator
from functools import cache
from zoneinfo import available_timezones

from schema.people import ViewerKind
from schema.plans import PlanTerms, WindowKind

Fault = tuple[str, str, str]
"""The field, the rule it breaks, and a sentence."""

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,31}")
GUEST_PLAN = "guest"
VIEWS_MAX = 1_000_000_000
GUEST_VIEWS_MAX = 1_000
"""What a guest has open is carried over in one event when it becomes an account."""
ROLLING_DAYS_MAX = 3_660
POINTS_MAX = 1_000_000


def faults_of(terms: PlanTerms) -> Iterator[Fault]:
    """Every fault of the terms, in the order of their fields."""
    if not _KEY.fullmatch(terms.key):
        yield "key", "PLAN_KEY", "A key is 1 to 32 small letters, digits, _ and -, a letter first."
    yield from _of_limit(terms)
    if terms.time_zone not in _time_zones():
        yield "time_zone", "TIME_ZONE", "The time zone is no name of the IANA database."
    yield from _of_days(terms)
    yield from _of_kind(terms)
    for name in ("points_capacity", "points_per_second"):
        if not 1 <= getattr(terms, name) <= POINTS_MAX:
            yield name, "RANGE", f"Points are from 1 to {POINTS_MAX}."


def _of_limit(terms: PlanTerms) -> Iterator[Fault]:
    limit = terms.page_view_limit
    if limit is not None and not 0 <= limit <= VIEWS_MAX:
        yield "page_view_limit", "RANGE", f"A limit is from 0 to {VIEWS_MAX}, or null for none."
    elif terms.key == GUEST_PLAN and (limit is None or limit > GUEST_VIEWS_MAX):
        message = f"Guests have a limit of at most {GUEST_VIEWS_MAX}."
        yield "page_view_limit", "GUEST_LIMIT", message


def _of_days(terms: PlanTerms) -> Iterator[Fault]:
    days = terms.rolling_days
    if terms.window is not WindowKind.ROLLING:
        if days is not None:
            yield "rolling_days", "NOT_ROLLING", "Only a rolling window has days."
    elif days is None:
        yield "rolling_days", "REQUIRED", "A rolling window needs its days."
    elif not 1 <= days <= ROLLING_DAYS_MAX:
        yield "rolling_days", "RANGE", f"A window rolls over 1 to {ROLLING_DAYS_MAX} days."


def _of_kind(terms: PlanTerms) -> Iterator[Fault]:
    kind = terms.viewer_kind
    if kind is ViewerKind.STAFF:
        yield "viewer_kind", "STAFF_PLAN", "Staff is made by the command `codestile staff` alone."
    elif kind is ViewerKind.GUEST and terms.key != GUEST_PLAN:
        yield "viewer_kind", "GUEST_PLAN", f"Guests are on the plan {GUEST_PLAN}, and on no other."


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
