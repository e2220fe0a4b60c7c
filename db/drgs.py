"""Reads of the MS-DRGs that the codes of one stay may lead to, in three statements."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

from db.codes import Row, code_in, codes_in
from db.groupings import groupings_by_code
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey, CodeSystemKey
from schema.drgs import (
    NO_GROUPER,
    CandidatesStatus,
    DrgCandidate,
    DrgCandidates,
    SecondaryDiagnosis,
    SeverityEffect,
    highest_level,
)
from schema.groupings import (
    CodeGroupings,
    ConditionRole,
    GroupCondition,
    Grouping,
    GroupingAnswer,
    GroupingKind,
    GroupingStatus,
    SeverityLevel,
)

Named = tuple[Code, Grouping, tuple[GroupCondition, ...]]
"""A code of the stay, a group whose lists name it, and the headings of those lists."""


async def drg_candidates(
    database: Database,
    principal: CodeKey,
    secondaries: Sequence[CodeKey],
    procedures: Sequence[CodeKey],
    on: date,
) -> DrgCandidates:
    """What MS-DRG names for a stay: groups of MS-DRGs, and the weight of secondary diagnoses.

    Diagnoses are of ICD-10-CM, procedures of ICD-10-PCS.
    """
    keys = [principal, *secondaries, *procedures]
    first, *others = await groupings_by_code(database, keys, None, on)
    beside, done = others[: len(secondaries)], others[len(secondaries) :]
    categories = _answer(first, GroupingKind.MDC_DX).groupings
    present = {key.value for key in procedures}
    named = [
        *(item for code in done for item in _named_by(code, GroupingKind.MSDRG_PX, present)),
        *_named_by(first, GroupingKind.MSDRG_DX, present),
    ]
    status, reason = _verdict(first)
    is_answered = status is CandidatesStatus.ANSWERED
    weighed = await _weighed(database, first, beside, on)
    return DrgCandidates(
        status=status,
        reason=f"{reason} {NO_GROUPER}",
        principal=first.code,
        categories=categories,
        candidates=await _candidates(database, named, categories, on) if is_answered else (),
        secondary_diagnoses=weighed,
        highest=highest_level(weighed),
        unnamed_procedures=tuple(
            code.requested
            for code in done
            if _answer(code, GroupingKind.MSDRG_PX).status is not GroupingStatus.GROUPED
        ),
        release=_answer(first, GroupingKind.MDC_DX).release,
    )


def _answer(code: CodeGroupings, kind: GroupingKind) -> GroupingAnswer:
    return next(answer for answer in code.answers if answer.kind is kind)


def _verdict(principal: CodeGroupings) -> tuple[CandidatesStatus, str]:
    answer = _answer(principal, GroupingKind.MDC_DX)
    match answer.status:
        case GroupingStatus.GROUPED:
            return CandidatesStatus.ANSWERED, answer.reason
        case GroupingStatus.UNKNOWN_CODE:
            return CandidatesStatus.UNKNOWN_CODE, answer.reason
        case GroupingStatus.NOT_LOADED:
            return CandidatesStatus.NOT_LOADED, answer.reason
    return CandidatesStatus.NOT_GROUPED, answer.reason


def _named_by(code: CodeGroupings, kind: GroupingKind, present: Collection[str]) -> Iterator[Named]:
    """The groups whose lists name a code in its place; a list that asks for further procedures
    names it only where they are present."""
    for grouping in _answer(code, kind).groupings:
        met = tuple(
            condition
            for condition in grouping.conditions
            if condition.role in (ConditionRole.PRINCIPAL, ConditionRole.EITHER)
            and set(condition.with_codes) <= set(present)
        )
        if met and code.code is not None:
            yield code.code, grouping, met


async def _candidates(
    database: Database, named: Sequence[Named], categories: Sequence[Grouping], on: date
) -> tuple[DrgCandidate, ...]:
    """The groups named that belong to one of the categories, or to none and so come before any."""
    groups = {grouping.group.id: grouping.group for _, grouping, _ in named if grouping.group}
    rows = await database.fetch(_SQL["drgs_of_groups"], list(groups), on) if groups else []
    admitted = {item.group.id for item in categories if item.group}
    found = []
    for (id, has_procedures), of_group in groupby(rows, key=_group):
        drgs, category = _drgs(list(of_group), on)
        if category is None or category.id in admitted:
            found.append(_candidate(groups[id], category, drgs, named, has_procedures))
    return tuple(sorted(found, key=lambda candidate: candidate.lacks_procedure))


def _group(row: Row) -> tuple[int, bool]:
    return row["group_id"], row["has_procedures"]


def _drgs(rows: Sequence[Row], on: date) -> tuple[tuple[Code, ...], Code | None]:
    """The MS-DRGs of a group, and the category that they share."""
    drgs = tuple(code_in(row["drg"], row["releases"], on) for row in rows)
    category = rows[0]["category"]
    return drgs, category and code_in(category, rows[0]["releases"], on)


def _candidate(
    group: Code,
    category: Code | None,
    drgs: tuple[Code, ...],
    named: Iterable[Named],
    has_procedures: bool,
) -> DrgCandidate:
    own = [(code, met) for code, grouping, met in named if grouping.group == group]
    return DrgCandidate(
        group=group,
        category=category,
        drgs=drgs,
        named_by=tuple({code.id: code for code, _ in own}.values()),
        conditions=tuple(dict.fromkeys(condition for _, met in own for condition in met)),
        lacks_procedure=has_procedures
        and all(code.key.system is not CodeSystemKey.ICD10PCS for code, _ in own),
    )


async def _weighed(
    database: Database, principal: CodeGroupings, beside: Sequence[CodeGroupings], on: date
) -> tuple[SecondaryDiagnosis, ...]:
    known = [item.code.id for item in beside if item.code is not None]
    first = principal.code.id if principal.code else None
    rows = await database.fetch(_SQL["weights"], known, first, on) if known else []
    weights = {row["code_id"]: row for row in rows}
    return tuple(
        _secondary(item, principal.requested, weights.get(item.code.id if item.code else None), on)
        for item in beside
    )


def _secondary(
    item: CodeGroupings, principal: str, weight: Row | None, on: date
) -> SecondaryDiagnosis:
    answer = _answer(item, GroupingKind.SEVERITY)
    level = answer.groupings[0].severity if answer.groupings else None
    effect, reason = _effect(answer, level, item.requested, principal, weight)
    return SecondaryDiagnosis(
        requested=item.requested,
        code=item.code,
        level=SeverityLevel.NONE if effect is SeverityEffect.NO_LEVEL else level,
        effect=effect,
        reason=reason,
        is_only_alive=bool(weight and weight["only_alive"]),
        acquired_condition=weight["acquired_condition"] if weight else None,
        excluded_in=tuple(
            codes_in(weight["excluded_in"], weight["releases"], on).values() if weight else ()
        ),
    )


def _effect(
    answer: GroupingAnswer,
    level: SeverityLevel | None,
    requested: str,
    principal: str,
    weight: Row | None,
) -> tuple[SeverityEffect, str]:
    match answer.status:
        case GroupingStatus.UNKNOWN_CODE:
            return SeverityEffect.UNKNOWN_CODE, answer.reason
        case GroupingStatus.NOT_LOADED:
            return SeverityEffect.NOT_LOADED, answer.reason
    if weight is None or level is None:
        return SeverityEffect.NO_LEVEL, f"{requested} is neither CC nor MCC."
    if weight["is_excluded"]:
        return SeverityEffect.EXCLUDED, f"{requested} is {level}, which {principal} excludes."
    return SeverityEffect.COUNTS, f"{requested} is {level}."


_SQL = statements("drgs")
