"""Fees as GraphQL types: relative values, localities, amounts and the formulas behind them."""

from decimal import Decimal
from typing import Self

import strawberry
import strawberry.pydantic

from graph.day import Day
from graph.types.codes import Code
from graph.types.facts import FactRelease
from schema import fees as shapes
from schema.codes import CodeKey
from schema.fees import FeeBasis, FeeSetting, FeeStatus, FeeWanted
from schema.relative_values import FeeLocality, RelativeValue

DECIMAL = strawberry.scalar(
    name="Decimal",
    description="An exact decimal number, written as a text (`81.86`): a float would lose cents.",
    serialize=lambda number: format(number, "f"),
    parse_value=Decimal,
)

for published in (FeeBasis, FeeSetting, FeeStatus):
    strawberry.enum(published)
for whole in (FeeLocality, RelativeValue):
    strawberry.pydantic.type(whole)


@strawberry.type
class FeeFormula:
    """(work x its index + practice expense x its index + insurance x its index) x factor."""

    work: Decimal
    """Units of work."""
    work_gpci: Decimal
    """The locality's index of work; 1.000 for the nation."""
    practice_expense: Decimal
    """Units of practice expense in the setting."""
    practice_expense_gpci: Decimal
    """The locality's index of practice expense."""
    malpractice: Decimal
    """Units of liability insurance."""
    malpractice_gpci: Decimal
    """The locality's index of liability insurance."""
    conversion_factor: Decimal
    """US dollars a unit."""
    basis: FeeBasis
    """Which units of the file these are."""
    unrounded: Decimal
    """What the formula comes to, US dollars, exactly."""
    text: str
    """The formula with its numbers."""

    @classmethod
    def of(cls, formula: shapes.FeeFormula) -> Self:
        """The published form of a formula."""
        return cls(**formula.model_dump(), unrounded=formula.unrounded, text=str(formula))


@strawberry.type
class Fee:
    """What a service is paid somewhere, or why that cannot be said."""

    status: FeeStatus
    """Whether there is a fee."""
    reason: str
    """The formula and the amount, or a sentence that says why there is none."""
    amount: Decimal | None
    """US dollars, rounded once to the cent, half a cent up; null unless PRICED."""
    formula: FeeFormula | None
    """How the amount comes about; null unless PRICED."""

    @classmethod
    def of(cls, fee: shapes.Fee) -> Self:
        """The published form of a fee."""
        return cls(
            status=fee.status,
            reason=fee.reason,
            amount=fee.formula.amount if fee.formula else None,
            formula=FeeFormula.of(fee.formula) if fee.formula else None,
        )


@strawberry.type
class ServiceValue:
    """What the physician fee schedule says of a code, alone or with a modifier, and what that comes
    to for the nation, every index being 1.000."""

    values: RelativeValue
    """The row of the file."""
    non_facility_fee: Fee
    """The nation's fee outside facilities."""
    facility_fee: Fee
    """The nation's fee in facilities."""

    @classmethod
    def of(cls, key: CodeKey, values: RelativeValue) -> Self:
        """The published form of a row about a code."""
        wanted = FeeWanted(key, values.modifier)
        outside, inside = (
            Fee.of(shapes.service_fee(wanted, values, setting, None)) for setting in FeeSetting
        )
        return cls(values=values, non_facility_fee=outside, facility_fee=inside)


@strawberry.type
class LocalityFee:
    """The fee of a service at one place."""

    locality: FeeLocality | None
    """The place; null for the nation, and for a locality that is unknown."""
    fee: Fee
    """The fee, or why there is none."""


@strawberry.type
class ServiceFees:
    """What the physician fee schedule says about one service."""

    requested: str
    """The code as it was asked for."""
    modifier: str | None
    """The modifier that was asked for."""
    code: Code | None
    """The code; null when nothing that is loaded names it."""
    values: RelativeValue | None
    """The row of the file; null when the release has none."""
    fees: list[LocalityFee]
    """One for each locality asked about, in that order; the nation's when none was."""
    release: FactRelease | None
    """The release that says so; null when none is loaded."""

    @classmethod
    def of(cls, found: shapes.ServiceFees, requested: str, modifier: str | None, on: Day) -> Self:
        """The published form of an answer as of `on`, given what was asked."""
        return cls(
            requested=requested,
            modifier=modifier,
            code=Code.of(found.code, on) if found.code else None,
            values=found.value,
            fees=[
                LocalityFee(locality=place, fee=Fee.of(fee))
                for place, fee in zip(found.localities, found.fees, strict=True)
            ],
            release=FactRelease.of(found.release) if found.release else None,
        )


@strawberry.type
class FeeAnswers:
    """The answers to a batch, one for each service, in the order asked."""

    items: list[ServiceFees]
    """One for each service; one without a fee has an answer that says why."""


@strawberry.type
class FeeLocalities:
    """Where fees are paid."""

    release: FactRelease | None
    """The release of the fee schedule that says so; null when none is loaded, which is not to be
    read as "none"."""
    items: list[FeeLocality]
    """By state, contractor and number."""
