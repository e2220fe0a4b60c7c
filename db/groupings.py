"""Reads of groupings: batch in, batch out. `on` is the day asked about everywhere."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from db.codes import Row, code_in, codes_in, with_stale_reason
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey, printed
from schema.groupings import (
    CHRONICITIES,
    SPEAKS_OF,
    CodeGroupings,
    GroupCondition,
    Grouping,
    GroupingAnswer,
    GroupingKind,
    GroupingRelease,
    GroupMember,
    GroupMembers,
    SeverityLevel,
    grouping_verdict,
    members_verdict,
)

Editions = Mapping[GroupingKind, GroupingRelease]
"""The editions in force on a day."""


async def groupings_by_code(
    database: Database, keys: Sequence[CodeKey], kinds: Collection[GroupingKind] | None, on: date
) -> list[CodeGroupings]:
    """What groupings say of each code, in the order asked.

    `kinds` are those that answer, None for all that speak of the code's system.
    """
    systems, values = [key.system for key in keys], [key.value for key in keys]
    rows = await database.fetch(_SQL["groupings"], systems, values, on)
    return [_answered(key, row, kinds, on) for key, row in zip(keys, rows, strict=True)]


async def members_of(
    database: Database, key: CodeKey, kind: GroupingKind, on: date, first: int, after: int = 0
) -> GroupMembers:
    """The codes that a kind puts under a group, `first` at most, behind the first `after`."""
    rows = await database.fetch(_SQL["members"], *key, kind, on, first, after)
    releases = rows[0]["releases"]
    group = rows[0]["grouped"] and code_in(rows[0]["grouped"], releases, on)
    requested = group.display if group else printed(key)
    release, total = editions_in(rows[0]["editions"]).get(kind), rows[0]["total_count"]
    status, reason = members_verdict(group, requested, key, kind, release, total)
    return GroupMembers(
        requested=requested,
        group=group,
        status=status,
        reason=reason,
        members=tuple(
            GroupMember(
                member=code_in(row["member"], releases, on),
                conditions=tuple(map(GroupCondition.of, row["texts"] or ())),
            )
            for row in rows
            if row["member"] is not None
        ),
        total_count=total,
        release=release,
    )


def editions_in(bodies: str | None) -> dict[GroupingKind, GroupingRelease]:
    """The editions of a JSON array of bodies of `grouping_releases_on`, by kind."""
    parsed = json.loads(bodies or "[]")
    releases = (GroupingRelease.model_validate(with_stale_reason(body)) for body in parsed)
    return {release.kind: release for release in releases}


def grouping_of(row: Mapping[str, Any], codes: Mapping[int, Code], editions: Editions) -> Grouping:
    """What a row of `groupings_of` says, given the groups that it names."""
    kind, level, indicator = GroupingKind(row["kind"]), row["severity"], row["indicator"]
    return Grouping(
        kind=kind,
        group=None if row["group_id"] is None else codes[row["group_id"]],
        conditions=tuple(map(GroupCondition.of, row["texts"] or ())),
        severity=None if level is None else SeverityLevel(level),
        chronicity=None if indicator is None else CHRONICITIES[indicator],
        release=editions[kind],
    )


def _answered(
    key: CodeKey, row: Row, kinds: Collection[GroupingKind] | None, on: date
) -> CodeGroupings:
    code = row["code"] and code_in(row["code"], row["releases"], on)
    editions = editions_in(row["editions"])
    groups = codes_in(row["codes"], row["releases"], on)
    said = [grouping_of(found, groups, editions) for found in json.loads(row["groupings"] or "[]")]
    requested = code.display if code else printed(key)
    asked = [kind for kind in GroupingKind if _is_asked(kind, key, kinds)]
    return CodeGroupings(
        requested=requested,
        code=code,
        answers=tuple(_answer(key, code, requested, kind, said, editions) for kind in asked),
    )


def _is_asked(kind: GroupingKind, key: CodeKey, kinds: Collection[GroupingKind] | None) -> bool:
    return SPEAKS_OF[kind] is key.system if kinds is None else kind in kinds


def _answer(
    key: CodeKey,
    code: Code | None,
    requested: str,
    kind: GroupingKind,
    said: Sequence[Grouping],
    editions: Editions,
) -> GroupingAnswer:
    release = editions.get(kind)
    own = tuple(grouping for grouping in said if grouping.kind is kind)
    status, reason = grouping_verdict(code, requested, key.system, kind, release, bool(own))
    return GroupingAnswer(kind=kind, status=status, reason=reason, groupings=own, release=release)


_SQL = statements("groupings")
