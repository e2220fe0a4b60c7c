"""What HCPCS Level II says of coverage and payment, as named values with their meaning in words."""

import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import files

from db.load.hcpcs import HcpcsRow

Fact = tuple[str, str]
"""A name and a value."""


def facts_of(row: HcpcsRow) -> Iterator[Fact]:
    """Name and value of what the file says of a code or modifier, in the order to show them.

    A value is the indicator as published and what it stands for; a field that is blank, and no
    anesthesia units, give none.
    """
    yield from _told("Coverage", "coverage", row.coverage)
    for indicator in row.pricing:
        yield from _told("Pricing", "pricing", indicator)
    yield from _told("Multiple pricing", "multiple_pricing", row.multiple_pricing)
    yield from _surgical(row)
    if row.anesthesia_units:
        yield "Anesthesia base units", str(row.anesthesia_units)
    yield from _told("BETOS category", "betos", row.betos)
    for indicator in row.types_of_service:
        yield from _told("Type of service", "type_of_service", indicator)
    for indicator in row.laboratory:
        yield from _told("Laboratory certificate", "laboratory", indicator)
    yield from _references(row)
    yield from _days(row)


def _surgical(row: HcpcsRow) -> Iterator[Fact]:
    since = _since(row.surgical_center_from)
    yield from _told("Surgical center", "surgical_center", row.surgical_center, since)
    if row.outpatient_group:
        yield "Medicare outpatient group", row.outpatient_group + _since(row.outpatient_from)
    yield from _told("Medicare outpatient policy", "outpatient_policy", row.outpatient_policy)


def _references(row: HcpcsRow) -> Iterator[Fact]:
    if row.statute:
        yield "Statute", row.statute
    for section in row.coverage_issues:
        yield "National coverage (Coverage Issues Manual)", section
    for section in row.carriers_manual:
        yield "Medicare Carriers Manual", section
    if row.processing_note:
        yield "Processing note", row.processing_note


def _days(row: HcpcsRow) -> Iterator[Fact]:
    if row.added_on:
        yield "Added", str(row.added_on)
    yield from _told("Last action", "action", row.action, _since(row.action_on))
    if row.last_day:
        yield "Last day of use", str(row.last_day)


def _told(name: str, table: str, indicator: str, more: str = "") -> Iterator[Fact]:
    if indicator:
        meaning = _meanings()[table].get(indicator)
        yield name, (f"{indicator}: {meaning}" if meaning else indicator) + more


def _since(day: date | None) -> str:
    return f", since {day}" if day else ""


@cache
def _meanings() -> dict[str, dict[str, str]]:
    text = (files("db.load") / "hcpcs_indicators.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
