"""Reads of the risk adjustment categories of a list of diagnoses, in two statements."""

import json
from collections.abc import Sequence
from datetime import date

from db.groupings import groupings_by_code
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey
from schema.groupings import CodeGroupings, GroupingKind, GroupingStatus
from schema.hccs import CategoryFound, HccList, HccModel, HccStatus

_SQL = statements("hccs")


async def hccs_of(
    database: Database, diagnoses: Sequence[CodeKey], model: HccModel, on: date
) -> HccList:
    """The categories of one model that diagnoses of ICD-10-CM lead to, and which of them drop
    because one above them is there as well."""
    said = await groupings_by_code(database, diagnoses, {GroupingKind.HCC_DX}, on)
    found: dict[Code, list[Code]] = {}
    for item in said:
        for category in _categories(item, model):
            found.setdefault(category, []).extend([item.code] if item.code else [])
    row = await database.fetch_one(_SQL["hierarchy"], model, [c.id for c in found], on)
    assert row is not None
    release = next((item.answers[0].release for item in said), None)
    status = HccStatus.ANSWERED if row["has_members"] else HccStatus.NOT_LOADED
    return HccList(
        model=model,
        status=status,
        reason=_reason(status, model, len(found), on),
        categories=_with_hierarchy(found, row["dropped"]),
        without=tuple(_left_out(item, model) for item in said if not _categories(item, model)),
        release=release,
    )


def _categories(item: CodeGroupings, model: HccModel) -> list[Code]:
    groups = (grouping.group for grouping in item.answers[0].groupings)
    return [group for group in groups if group and group.key.value.startswith(f"{model}-")]


def _left_out(item: CodeGroupings, model: HccModel) -> CodeGroupings:
    """What is said of a diagnosis that has a category in other models at most."""
    (answer,) = item.answers
    if answer.status is not GroupingStatus.GROUPED:
        return item
    said = {
        "status": GroupingStatus.NOT_GROUPED,
        "reason": f"{item.requested} leads to no category of the model {model}.",
        "groupings": (),
    }
    return item.model_copy(update={"answers": (answer.model_copy(update=said),)})


def _with_hierarchy(
    found: dict[Code, list[Code]], dropped: str | None
) -> tuple[CategoryFound, ...]:
    by_id = {category.id: category for category in found}
    above: dict[int, list[Code]] = {}
    for pair in json.loads(dropped or "[]"):
        above.setdefault(pair["dropped_id"], []).append(by_id[pair["above_id"]])
    return tuple(
        CategoryFound(
            category=category,
            diagnoses=tuple(dict.fromkeys(found[category])),
            dropped_by=tuple(above.get(category.id, ())),
        )
        for category in sorted(found, key=_number)
    )


def _number(category: Code) -> int:
    return int(category.key.value.rpartition("-")[2])


def _reason(status: HccStatus, model: HccModel, count: int, on: date) -> str:
    if status is HccStatus.NOT_LOADED:
        return f"No diagnoses of the model {model} in force on {on} are loaded."
    categories = "1 category" if count == 1 else f"{count} categories"
    return f"The diagnoses lead to {categories} of the model {model}."
