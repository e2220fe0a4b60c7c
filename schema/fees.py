"""Fees of the Medicare physician fee schedule: what relative values come to at a locality."""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

from schema.codes import Code, CodeKey, CodeSystemKey, printed
from schema.facts import FactRelease
from schema.relative_values import FeeLocality, RelativeValue
from schema.shape import Shape

FEE_SCHEDULE = "PHYSICIAN_FEE_SCHEDULE"
"""The kind of release that holds relative values and localities."""
PRICED_SYSTEMS = frozenset({CodeSystemKey.HCPCS, CodeSystemKey.CPT})
"""The systems whose codes the fee schedule prices."""

_CENT = Decimal("0.01")
_EVEN = Decimal("1.000")


class FeeSetting(StrEnum):
    """Where the service is given, which decides who bears the cost of the practice."""

    NON_FACILITY = "NON_FACILITY"
    """In an office or the like: the practitioner bears the cost."""
    FACILITY = "FACILITY"
    """In a hospital or another facility, which is paid for the cost itself."""


class FeeStatus(StrEnum):
    """Whether the fee schedule comes to a fee, and why not."""

    PRICED = "PRICED"
    """It does; the answer holds the amount and its formula."""
    RARE_IN_SETTING = "RARE_IN_SETTING"
    """The service is rarely or never given in the setting, and the file marks it NA there."""
    CONTRACTOR_PRICED = "CONTRACTOR_PRICED"
    """The Medicare contractor sets the fee: status C, or no units are given."""
    BUNDLED = "BUNDLED"
    """Payment is within that of other services: status B or P."""
    EXCLUDED = "EXCLUDED"
    """Law or regulation keeps it out of the fee schedule: status E or X."""
    NOT_COVERED = "NOT_COVERED"
    """Medicare does not cover it: status N."""
    NOT_VALID = "NOT_VALID"
    """Medicare uses another code, or the code has gone: status D, F, G, H or I."""
    ANESTHESIA = "ANESTHESIA"
    """It is paid by base units and time, not by these units: status J."""
    REPORTING_ONLY = "REPORTING_ONLY"
    """It is reported and never paid: status M or Q."""
    UNKNOWN_CODE = "UNKNOWN_CODE"
    """The release has no such code, or the text cannot be a code."""
    UNKNOWN_MODIFIER = "UNKNOWN_MODIFIER"
    """The release has the code, but no values of it with that modifier."""
    UNKNOWN_LOCALITY = "UNKNOWN_LOCALITY"
    """The release has no such locality."""
    NOT_LOADED = "NOT_LOADED"
    """No fee schedule in force on the day is loaded: never to be read as "no fee"."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """The fee schedule is about procedure codes, and the system has none."""


class FeeBasis(StrEnum):
    """Which of the units of the file a fee is computed from."""

    FEE_SCHEDULE = "FEE_SCHEDULE"
    """The units of the fee schedule."""
    HOSPITAL_CEILING = "HOSPITAL_CEILING"
    """The units that the payment to outpatient hospitals comes to, which is lower: imaging is paid
    no more than that (Deficit Reduction Act of 2005, section 5102(b))."""


class FeeFormula(Shape):
    """(work x its index + practice expense x its index + insurance x its index) x factor."""

    work: Decimal
    work_gpci: Decimal
    practice_expense: Decimal
    practice_expense_gpci: Decimal
    malpractice: Decimal
    malpractice_gpci: Decimal
    conversion_factor: Decimal
    """US dollars a unit."""
    basis: FeeBasis

    @property
    def unrounded(self) -> Decimal:
        """What the formula comes to, US dollars, exactly."""
        units = (
            self.work * self.work_gpci
            + self.practice_expense * self.practice_expense_gpci
            + self.malpractice * self.malpractice_gpci
        )
        return units * self.conversion_factor

    @property
    def amount(self) -> Decimal:
        """The same to the cent, rounded once, half a cent up."""
        return self.unrounded.quantize(_CENT, ROUND_HALF_UP)

    def __str__(self) -> str:
        return (
            f"({self.work} x {self.work_gpci} + {self.practice_expense} x "
            f"{self.practice_expense_gpci} + {self.malpractice} x {self.malpractice_gpci}) x "
            f"{self.conversion_factor}"
        )


class Fee(Shape):
    """What a service is paid somewhere, or why that cannot be said."""

    status: FeeStatus
    reason: str
    formula: FeeFormula | None
    """None unless PRICED."""


class FeeWanted(NamedTuple):
    """A service whose fee is asked for."""

    key: CodeKey
    modifier: str | None


class LocalityWanted(NamedTuple):
    """A locality as CMS numbers it."""

    mac: str
    number: str


class ServiceFees(Shape):
    """What the fee schedule says about one service, and its fee at each place asked about."""

    code: Code | None
    """None when nothing that is loaded names it."""
    value: RelativeValue | None
    """None when the release has no such row."""
    fees: tuple[Fee, ...]
    """One for each locality asked about, in that order; for the nation when none was."""
    localities: tuple[FeeLocality | None, ...]
    """The places of the fees; None for the nation and for a locality that is unknown."""
    release: FactRelease | None
    """None when none is loaded."""


_PRICED = frozenset("ART")
_UNPRICED = {
    **dict.fromkeys("B", (FeeStatus.BUNDLED, "is always paid within other services")),
    **dict.fromkeys("P", (FeeStatus.BUNDLED, "is paid within other services, or excluded")),
    **dict.fromkeys("C", (FeeStatus.CONTRACTOR_PRICED, "is priced by the Medicare contractor")),
    **dict.fromkeys("E", (FeeStatus.EXCLUDED, "is excluded from the fee schedule by regulation")),
    **dict.fromkeys("X", (FeeStatus.EXCLUDED, "is no physician service by law")),
    **dict.fromkeys("N", (FeeStatus.NOT_COVERED, "is not covered by Medicare")),
    **dict.fromkeys("GI", (FeeStatus.NOT_VALID, "is not valid: Medicare uses another code")),
    **dict.fromkeys("DFH", (FeeStatus.NOT_VALID, "has been deleted")),
    **dict.fromkeys("J", (FeeStatus.ANESTHESIA, "is paid by base units and time")),
    **dict.fromkeys("MQ", (FeeStatus.REPORTING_ONLY, "is reported and never paid")),
}
STATUSES = frozenset({*_PRICED, *_UNPRICED})
"""The status letters that are understood here. Source: CMS, Medicare Claims Processing Manual,
chapter 23, and the documentation of the relative value files: only the units of A, R and T are used
for payment."""


def service_fee(
    wanted: FeeWanted, value: RelativeValue, setting: FeeSetting, locality: FeeLocality | None
) -> Fee:
    """What a service is paid in a setting at a locality, None for the nation's average.

    Source: CMS, documentation of the relative value files: the formula, the meaning of NA, and the
    ceiling of imaging. It names no rule of rounding; here the result alone is rounded.
    """
    service = " ".join(filter(None, (printed(wanted.key), wanted.modifier)))
    if value.status in _UNPRICED:
        status, said = _UNPRICED[value.status]
        factor = locality.anesthesia_conversion_factor if locality else None
        if status is FeeStatus.ANESTHESIA and locality and factor:
            said = f"{said}, {factor} dollars a unit in {locality.name}"
        return _unpriced(status, f"{service} {said} (status {value.status}).")
    is_facility = setting is FeeSetting.FACILITY
    if value.is_rare_in_facility if is_facility else value.is_rare_in_non_facility:
        where = "in facilities" if is_facility else "outside facilities"
        reason = f"{service} is rarely or never given {where} (NA)."
        return _unpriced(FeeStatus.RARE_IN_SETTING, reason)
    if not (value.facility_total if is_facility else value.non_facility_total):
        reason = f"{service} has no units: the Medicare contractor prices it."
        return _unpriced(FeeStatus.CONTRACTOR_PRICED, reason)
    formula = _lowest(value, setting, locality)
    return Fee(status=FeeStatus.PRICED, reason=f"{formula} = {formula.amount}", formula=formula)


def no_fee(
    wanted: FeeWanted, code: Code | None, release: FactRelease | None, has_code: bool, on: object
) -> Fee:
    """Why a service has no row in the release to compute from."""
    system, said = wanted.key.system.short_name, printed(wanted.key)
    if wanted.key.system not in PRICED_SYSTEMS:
        reason = f"The physician fee schedule prices procedure codes, not {system}."
        return _unpriced(FeeStatus.NOT_APPLICABLE, reason)
    if release is None:
        reason = f"No physician fee schedule in force on {on} is loaded."
        return _unpriced(FeeStatus.NOT_LOADED, reason)
    if code is None or not has_code:
        reason = f"{release.label} has no {system} code {said}."
        return _unpriced(FeeStatus.UNKNOWN_CODE, reason)
    with_modifier = f"with modifier {wanted.modifier}" if wanted.modifier else "without a modifier"
    reason = f"{release.label} has no values of {said} {with_modifier}."
    return _unpriced(FeeStatus.UNKNOWN_MODIFIER, reason)


def unknown_locality(wanted: LocalityWanted, release: FactRelease) -> Fee:
    """That the release has no such locality."""
    reason = f"{release.label} has no locality {wanted.number} of the contractor {wanted.mac}."
    return _unpriced(FeeStatus.UNKNOWN_LOCALITY, reason)


def _unpriced(status: FeeStatus, reason: str) -> Fee:
    return Fee(status=status, reason=reason, formula=None)


def _lowest(value: RelativeValue, setting: FeeSetting, locality: FeeLocality | None) -> FeeFormula:
    """The formula of the fee schedule, or of the ceiling where that comes to less."""
    is_facility = setting is FeeSetting.FACILITY
    expense = value.facility_pe if is_facility else value.non_facility_pe
    units = (expense, value.malpractice)
    formula = _formula(value, *units, locality, FeeBasis.FEE_SCHEDULE)
    if not value.has_ceiling:
        return formula
    expense = value.opps_facility_pe if is_facility else value.opps_non_facility_pe
    units = (expense, value.opps_malpractice)
    ceiling = _formula(value, *units, locality, FeeBasis.HOSPITAL_CEILING)
    return min(formula, ceiling, key=lambda known: known.unrounded)


def _formula(
    value: RelativeValue,
    expense: Decimal,
    malpractice: Decimal,
    locality: FeeLocality | None,
    basis: FeeBasis,
) -> FeeFormula:
    return FeeFormula(
        work=value.work,
        work_gpci=locality.work_gpci if locality else _EVEN,
        practice_expense=expense,
        practice_expense_gpci=locality.pe_gpci if locality else _EVEN,
        malpractice=malpractice,
        malpractice_gpci=locality.mp_gpci if locality else _EVEN,
        conversion_factor=value.conversion_factor,
        basis=basis,
    )
