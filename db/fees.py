"""Reads of the physician fee schedule: relative values and localities, a batch at a time."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from db.codes import Row, codes_in
from db.facts import fact_release_of
from db.pool import Database
from db.queries import statements
from schema.codes import Code
from schema.facts import FactRelease
from schema.fees import (
    Fee,
    FeeSetting,
    FeeWanted,
    LocalityWanted,
    ServiceFees,
    no_fee,
    service_fee,
    unknown_locality,
)
from schema.relative_values import FeeLocality, RelativeValue


async def service_fees(
    database: Database,
    services: Sequence[FeeWanted],
    localities: Sequence[LocalityWanted] | None,
    setting: FeeSetting,
    on: date,
) -> list[ServiceFees]:
    """The fees of each service in a setting, in the order asked, at each of the localities, or at
    the nation's average where they are None."""
    asked = zip(*((s.key.system, s.key.value, s.modifier or "") for s in services), strict=True)
    rows = await database.fetch(_SQL["services"], *map(list, asked), on) if services else []
    places = await _places(database, localities, on) if localities else {}
    return [
        _service_fees(wanted, row, localities, places, setting, on)
        for wanted, row in zip(services, rows, strict=True)
    ]


async def fee_localities(
    database: Database, state: str | None, on: date
) -> tuple[FactRelease | None, tuple[FeeLocality, ...]]:
    """The release in force, and its localities by state, contractor and number; those of one state
    where it is named."""
    release = await database.fetch_one(_SQL["fee_schedule"], on)
    rows = await database.fetch(_SQL["localities"], None, None, on, state)
    found = tuple(FeeLocality.model_validate(dict(row)) for row in rows)
    return fact_release_of(release["body"] if release else None), found


def relative_value_of(body: Mapping[str, Any]) -> RelativeValue:
    """The values of a row of the table, out of JSON."""
    said = {name: body[name] for name in RelativeValue.model_fields}
    return RelativeValue.model_validate({**said, "modifier": body["modifier"] or None})


def relative_values_in(array: str | None) -> list[dict[str, Any]]:
    """The bodies of a JSON array of rows, their numbers exact."""
    parsed: list[dict[str, Any]] = json.loads(array or "[]", parse_float=Decimal)
    return parsed


async def _places(
    database: Database, localities: Sequence[LocalityWanted], on: date
) -> dict[LocalityWanted, FeeLocality]:
    asked = zip(*localities, strict=True)
    rows = await database.fetch(_SQL["localities"], *map(list, asked), on, None)
    found = (FeeLocality.model_validate(dict(row)) for row in rows)
    return {LocalityWanted(place.mac, place.number): place for place in found}


def _service_fees(
    wanted: FeeWanted,
    row: Row,
    localities: Sequence[LocalityWanted] | None,
    places: Mapping[LocalityWanted, FeeLocality],
    setting: FeeSetting,
    on: date,
) -> ServiceFees:
    codes = codes_in(f"[{row['code']}]", row["releases"], on) if row["code"] else {}
    code: Code | None = next(iter(codes.values()), None)
    release = fact_release_of(row["release"])
    values = relative_values_in(f"[{row['value']}]" if row["value"] else None)
    value = relative_value_of(values[0]) if values else None

    def fee_at(place: LocalityWanted | None) -> Fee:
        if value is None or release is None:
            return no_fee(wanted, code, release, row["has_code"], on)
        if place is None:
            return service_fee(wanted, value, setting, None)
        if place not in places:
            return unknown_locality(place, release)
        return service_fee(wanted, value, setting, places[place])

    at: Sequence[LocalityWanted | None] = [None] if localities is None else localities
    return ServiceFees(
        code=code,
        value=value,
        fees=tuple(map(fee_at, at)),
        localities=tuple(places.get(place) if place else None for place in at),
        release=release,
    )


_SQL = statements("fees")
