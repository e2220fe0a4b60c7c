"""Reads of edits: pairs of codes, limits of units, add-on codes; one statement for a batch."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from db.codes import Row, codes_in
from db.facts import fact_release_of
from db.pool import Database
from db.queries import statements
from schema.codes import Code, CodeKey
from schema.edits import (
    AddOnCheck,
    AddOnRule,
    AddOnType,
    CodePairEdit,
    EditSetting,
    ModifierIndicator,
    PairCheck,
    UnitAdjudication,
    UnitCheck,
    UnitLimit,
    UnitSetting,
    add_on_verdict,
    pair_verdict,
    unit_verdict,
)
from schema.facts import FactRelease

# Of the invented system, one release answers in every setting.
_DEMO_EDITS, _DEMO_LIMITS = "DEMO_EDIT", "DEMO_FEE"
_SETTINGS = {setting.kind: setting for setting in EditSetting}


async def pair_checks(
    database: Database, keys: Sequence[CodeKey], setting: EditSetting, on: date
) -> list[PairCheck]:
    """What the edits of a setting say about every two codes of a list of different ones: the first
    with each behind it, then the second, and so on."""
    kinds = [setting.kind, _DEMO_EDITS]
    (row,) = await database.fetch(_SQL["pair_checks"], *_arguments(keys), kinds, on)
    codes = codes_in(row["codes"], row["releases"], on)
    placed = {
        place: codes[body["id"]] for body in _parsed(row["codes"]) for place in body["ordinals"]
    }
    return [_pair_check(pair, keys, placed, codes, on) for pair in _parsed(row["pairs"])]


async def unit_checks(
    database: Database, keys: Sequence[CodeKey], setting: UnitSetting, on: date
) -> list[UnitCheck]:
    """What the limits of units of a setting say about each code, in the order asked."""
    kinds = [setting.kind, _DEMO_LIMITS]
    rows = await database.fetch(_SQL["unit_checks"], *_arguments(keys), kinds, on)
    return [_unit_check(key, row, on) for key, row in zip(keys, rows, strict=True)]


async def add_on_checks(database: Database, keys: Sequence[CodeKey], on: date) -> list[AddOnCheck]:
    """What the rules about add-on codes say about each code, in the order asked."""
    rows = await database.fetch(_SQL["add_on_checks"], *_arguments(keys), ["ADD_ON"], on)
    return [_add_on_check(key, row, on) for key, row in zip(keys, rows, strict=True)]


async def pair_edits(
    database: Database, ids: Sequence[int], on: date, first: int, after: int
) -> list[tuple[CodePairEdit, ...]]:
    """The rules about pairs that name each code, in the order asked, `first` at most behind the
    first `after`: where the code is the one paid, then where it is denied."""
    rows = await database.fetch(_SQL["pair_edits"], ids, on, first, after)
    return [tuple(pair_edit_of(edit, known) for edit in told) for told, known in _told(rows, on)]


async def add_ons(
    database: Database, ids: Sequence[int], on: date, first: int, after: int
) -> list[tuple[AddOnRule, ...]]:
    """The rules about add-on codes that name each code, in the order asked, `first` at most behind
    the first `after`: those of the code as an add-on, then as a primary code."""
    rows = await database.fetch(_SQL["add_ons"], ids, on, first, after)
    return [tuple(add_on_of(rule, known) for rule in told) for told, known in _told(rows, on)]


def pair_edit_of(edit: Mapping[str, Any], codes: Mapping[int, Code]) -> CodePairEdit:
    """The rule of a body of `pair_edits_of`, given the codes it names by id."""
    return CodePairEdit(
        column_one=codes[edit["column_one_id"]],
        column_two=codes[edit["column_two_id"]],
        modifier=ModifierIndicator.of(edit["modifier_indicator"]),
        setting=_SETTINGS.get(edit["kind"]),
        rationale=edit["rationale"],
        effective_from=edit["effective_from"],
        effective_to=edit["effective_to"],
    )


def add_on_of(rule: Mapping[str, Any], codes: Mapping[int, Code]) -> AddOnRule:
    """The rule of a body of `add_ons_of`, given the codes it names by id."""
    primary = rule["primary_id"]
    return AddOnRule(
        add_on=codes[rule["add_on_id"]],
        primary=None if primary is None else codes[primary],
        type=AddOnType.of(rule["type"]),
        effective_from=rule["effective_from"],
        effective_to=rule["effective_to"],
    )


def unit_limit_of(limit: Mapping[str, Any]) -> UnitLimit:
    """The limit of a row of the table, out of JSON."""
    digit = limit["adjudication"]
    said = None if digit is None else UnitAdjudication.of(digit)
    return UnitLimit.model_validate({**limit, "adjudication": said})


def _pair_check(
    pair: Mapping[str, Any],
    keys: Sequence[CodeKey],
    placed: Mapping[int, Code],
    codes: Mapping[int, Code],
    on: date,
) -> PairCheck:
    first, second = pair["first"], pair["second"]
    release = fact_release_of(pair["release"])
    edits = [pair_edit_of(edit, codes) for edit in pair["edits"] or ()]
    two = (placed.get(first), placed.get(second))
    status, reason = pair_verdict((keys[first - 1], keys[second - 1]), two, release, edits, on)
    return PairCheck(
        first=two[0],
        second=two[1],
        status=status,
        reason=reason,
        edits=tuple(edit for edit in edits if edit.is_in_force(on)),
        release=release,
    )


def _unit_check(key: CodeKey, row: Row, on: date) -> UnitCheck:
    code, release = _asked(row, on)
    limits = tuple(map(unit_limit_of, _parsed(row["limits"])))
    status, reason = unit_verdict(key, code, release, limits, on)
    return UnitCheck(code=code, status=status, reason=reason, limits=limits, release=release)


def _add_on_check(key: CodeKey, row: Row, on: date) -> AddOnCheck:
    code, release = _asked(row, on)
    count = row["rule_count"]
    status, reason = add_on_verdict(key, code, release, count, on)
    return AddOnCheck(code=code, status=status, reason=reason, rule_count=count, release=release)


def _asked(row: Row, on: date) -> tuple[Code | None, FactRelease | None]:
    """The code of a row that something names, and the release that answers."""
    codes = codes_in(f"[{row['code']}]", row["releases"], on) if row["code"] else {}
    return next(iter(codes.values()), None), fact_release_of(row["release"])


def _told(rows: Sequence[Row], on: date) -> list[tuple[list[dict[str, Any]], dict[int, Code]]]:
    """The bodies of each row, and the codes that they name by id."""
    return [(_parsed(row["rows"]), codes_in(row["codes"], row["releases"], on)) for row in rows]


def _arguments(keys: Sequence[CodeKey]) -> tuple[list[str], list[str]]:
    return [key.system for key in keys], [key.value for key in keys]


def _parsed(array: str | None) -> list[dict[str, Any]]:
    parsed: list[dict[str, Any]] = json.loads(array or "[]")
    return parsed


_SQL = statements("edits")
