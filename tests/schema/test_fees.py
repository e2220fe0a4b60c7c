"""Statuses, settings and ceilings of the fee schedule, as sums and sentences."""

from decimal import Decimal
from typing import Any

import pytest

from schema.codes import CodeKey, CodeSystemKey
from schema.fees import (
    STATUSES,
    FeeBasis,
    FeeSetting,
    FeeStatus,
    FeeWanted,
    service_fee,
)
from schema.relative_values import FeeLocality, RelativeValue

SERVICE = FeeWanted(CodeKey(CodeSystemKey.HCPCS, "G0101"), None)
OUTSIDE, INSIDE = FeeSetting.NON_FACILITY, FeeSetting.FACILITY
ZERO, ONE, TWO = Decimal("0.00"), Decimal("1.00"), Decimal("2.00")


def values(**said: Any) -> RelativeValue:
    """Values of one unit each, a dollar a unit, in which something is said otherwise."""
    plain: dict[str, Any] = {
        name: ONE if field.annotation is Decimal else "0"
        for name, field in RelativeValue.model_fields.items()
    }
    plain |= {name: ZERO for name in plain if name.startswith("opps_")}
    plain |= {name: False for name in plain if name.startswith("is_")}
    plain |= {"modifier": None, "status": "A", "endoscopic_base": None}
    return RelativeValue(**{**plain, **said})


def locality(**said: Any) -> FeeLocality:
    indices = dict.fromkeys(("work_gpci", "pe_gpci", "mp_gpci"), Decimal("1.000"))
    plain = {"number": "00", "state": "AL", "name": "ALABAMA", "mac": "10112", **indices}
    return FeeLocality(**{**plain, "anesthesia_conversion_factor": None, **said})


@pytest.mark.parametrize(
    ("letters", "status"),
    [
        ("ART", FeeStatus.PRICED),
        ("BP", FeeStatus.BUNDLED),
        ("C", FeeStatus.CONTRACTOR_PRICED),
        ("EX", FeeStatus.EXCLUDED),
        ("N", FeeStatus.NOT_COVERED),
        ("DFGHI", FeeStatus.NOT_VALID),
        ("J", FeeStatus.ANESTHESIA),
        ("MQ", FeeStatus.REPORTING_ONLY),
    ],
)
def test_each_letter_of_the_file_has_its_answer(letters: str, status: FeeStatus) -> None:
    fees = [service_fee(SERVICE, values(status=letter), OUTSIDE, None) for letter in letters]

    assert {fee.status for fee in fees} == {status}
    assert all((fee.formula is not None) == (status is FeeStatus.PRICED) for fee in fees)


def test_every_letter_that_is_understood_is_in_the_table_above() -> None:
    assert set("ARTBPCEXNDFGHIJMQ") == STATUSES


@pytest.mark.parametrize("setting", FeeSetting)
def test_a_mark_of_rarity_counts_in_its_own_setting(setting: FeeSetting) -> None:
    marked = values(is_rare_in_facility=True)

    fee = service_fee(SERVICE, marked, setting, None)

    expected = FeeStatus.RARE_IN_SETTING if setting is INSIDE else FeeStatus.PRICED
    assert fee.status is expected


def test_each_setting_has_its_own_expense() -> None:
    told = values(non_facility_pe=TWO, facility_pe=ONE)

    amounts = [service_fee(SERVICE, told, setting, None).formula for setting in FeeSetting]

    assert [formula and formula.amount for formula in amounts] == [Decimal("4.00"), Decimal("3.00")]


def test_each_index_bears_on_its_own_units() -> None:
    here = locality(work_gpci=Decimal("2.000"), pe_gpci=Decimal("3.000"), mp_gpci=Decimal("5.000"))
    told = values(non_facility_pe=Decimal("10.00"), malpractice=Decimal("100.00"))

    fee = service_fee(SERVICE, told, OUTSIDE, here)

    assert fee.formula is not None
    assert fee.formula.unrounded == 2 + 30 + 500
    assert fee.reason == "(1.00 x 2.000 + 10.00 x 3.000 + 100.00 x 5.000) x 1.00 = 532.00"


@pytest.mark.parametrize(
    ("ceiling", "basis", "amount"),
    [
        (ZERO, FeeBasis.FEE_SCHEDULE, "3.00"),
        (Decimal("0.40"), FeeBasis.HOSPITAL_CEILING, "1.80"),
        (ONE, FeeBasis.FEE_SCHEDULE, "3.00"),
        (TWO, FeeBasis.FEE_SCHEDULE, "3.00"),
    ],
)
def test_the_lower_of_schedule_and_ceiling_is_paid(
    ceiling: Decimal, basis: FeeBasis, amount: str
) -> None:
    bounded = values(opps_non_facility_pe=ceiling, opps_malpractice=ceiling)

    fee = service_fee(SERVICE, bounded, OUTSIDE, None)

    assert fee.formula is not None
    assert (fee.formula.basis, str(fee.formula.amount)) == (basis, amount)


def test_the_ceiling_is_weighed_at_the_locality() -> None:
    """Practice may be dear where insurance is cheap: what is lower depends on the place."""
    bounded = values(opps_non_facility_pe=ZERO, opps_malpractice=Decimal("3.00"))
    dear = locality(mp_gpci=Decimal("0.100"))

    national = service_fee(SERVICE, bounded, OUTSIDE, None)
    there = service_fee(SERVICE, bounded, OUTSIDE, dear)

    assert national.formula is not None
    assert there.formula is not None
    assert national.formula.basis is FeeBasis.FEE_SCHEDULE
    assert there.formula.basis is FeeBasis.HOSPITAL_CEILING
    assert str(there.formula.amount) == "1.30"
