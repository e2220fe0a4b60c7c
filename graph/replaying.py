"""Replaying the archive under other plans, as the command runs it."""

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from db.plans import plan_versions
from db.pool import open_database
from db.rebuild import shards_held
from graph.settings import Settings
from graph.stores import stores_to_use
from metering.entries import fields_of
from metering.log import read_event
from metering.policy import AdmissionRule
from metering.replay import Replay
from metering.shards import TAGS
from schema.errors import FileRefused
from schema.instants import milliseconds
from schema.people import ViewerKind
from schema.plans import Plan, WindowKind

_PATIENCE_SECONDS = 600.0
_UNLIMITED = "unlimited"
_FIELDS = {"page_view_limit", "window", "time_zone", "rolling_days"}
UNKNOWN = (
    "What nobody can know: whether a reader who was refused would have come back, or one who was "
    "let in would have gone on. The views are the ones that were asked for."
)


async def replayed(settings: Settings, file: Path, first: date | None, last: date | None) -> Replay:
    """What the plans of `file` would have granted in what is archived.

    Views from day `first` to day `last`, UTC, are counted; None for no end. Raises FileRefused.
    """
    async with (
        stores_to_use(settings, must_exist=True) as urls,
        open_database(
            urls.database_url, size=2, statement_timeout_seconds=_PATIENCE_SECONDS
        ) as database,
    ):
        versions = await plan_versions(database)
        others = read_plans(file, versions)

        def plan_of(key: str, version: int) -> Plan:
            return others.get(key) or versions[key, version]

        rule = AdmissionRule(budget=settings.network_budget)
        replay = Replay(plan_of, rule, _counts(first, last))
        for shard in range(len(TAGS)):
            async with shards_held(database, [shard]) as held:
                async for rows in held.events(shard):
                    for row in rows:
                        if not row["is_erased"]:
                            at_ms = milliseconds(row["recorded_at"])
                            stream_id = f"{at_ms}-{row['seq']}"
                            replay.add(read_event(shard, stream_id, fields_of(row)))
        return replay


def read_plans(file: Path, versions: Mapping[tuple[str, int], Plan]) -> dict[str, Plan]:
    """The plans that stand for every version of a key: the newest, with what the file changes.

    `versions` newest first within a key. Raises FileRefused.
    """
    newest: dict[str, Plan] = {}
    for plan in versions.values():
        newest.setdefault(plan.key, plan)
    return {key: _plan(file, newest, key, given) for key, given in _read(file).items()}


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        read: Any = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as wrong:
        raise FileRefused(str(file), f"it cannot be read: {wrong}") from wrong
    if not isinstance(read, dict) or not all(isinstance(given, dict) for given in read.values()):
        raise FileRefused(str(file), "it is no table of plans by key")
    return read


def _plan(file: Path, newest: Mapping[str, Plan], key: str, given: dict[str, Any]) -> Plan:
    if key not in newest:
        raise FileRefused(str(file), f"there is no plan {key!r}, only {', '.join(sorted(newest))}")
    unknown = sorted(given.keys() - _FIELDS)
    if unknown:
        raise FileRefused(str(file), f"plan {key!r}: nothing here is called {', '.join(unknown)}")
    said = newest[key].model_dump() | given
    if said["page_view_limit"] == _UNLIMITED:
        said["page_view_limit"] = None
    if said["window"] != WindowKind.ROLLING:
        said["rolling_days"] = None
    try:
        plan = Plan(**said)
    except ValidationError as wrong:
        raise FileRefused(str(file), f"plan {key!r}: {wrong.errors()[0]['msg']}") from wrong
    if plan.window is WindowKind.ROLLING and not plan.rolling_days:
        raise FileRefused(str(file), f"plan {key!r}: a rolling window has rolling_days")
    return plan


def _counts(first: date | None, last: date | None) -> Any:
    starts = -1 if first is None else _midnight_ms(first)
    ends = None if last is None else _midnight_ms(last + timedelta(days=1))
    return lambda at_ms: at_ms >= starts and (ends is None or at_ms < ends)


def _midnight_ms(day: date) -> int:
    return milliseconds(datetime.combine(day, time(), UTC))


def table_of(replay: Replay) -> str:
    """The counts as text, a line for each kind of viewer that was seen."""
    lines = [
        f"{'':12}{'views':>9}{'unlocked':>20}{'refused':>20}{'met the limit':>20}",
        f"{'':12}{'':9}" + f"{'was':>10}{'would':>10}" * 3,
    ]
    for kind in ViewerKind:
        if tally := replay.tallies.get(kind):
            counts = (
                *(tally.views, tally.unlocked_was, tally.unlocked_would),
                *(tally.refused_was, tally.refused_would),
                *(len(tally.limited_was), len(tally.limited_would)),
            )
            views, *others = (f"{count:,}" for count in counts)
            lines.append(f"{kind:12}{views:>9}" + "".join(f"{count:>10}" for count in others))
    if replay.undecided:
        lines.append(f"{replay.undecided:,} views could not be decided: their guest was sealed.")
    return "\n".join((*lines, UNKNOWN))
