"""What the Medicare physician fee schedule says of codes and of localities."""

from decimal import Decimal

from schema.shape import Shape


class RelativeValue(Shape):
    """What the fee schedule says of one code, alone or with a modifier. Indicators are the letters
    and digits of the file, which CMS explains in the documentation of each release."""

    modifier: str | None
    """26 the professional part, TC the technical one, 53 discontinued; absent where none is."""
    status: str
    """One letter: A active, R restricted and T paid only alone are priced by units."""
    is_not_for_payment: bool
    """Whether the file calls the units "not used for Medicare payment"."""
    work: Decimal
    """Units of the practitioner's work."""
    non_facility_pe: Decimal
    """Units of the practice's expense outside facilities."""
    is_rare_in_non_facility: bool
    """NA: rarely or never given outside facilities."""
    facility_pe: Decimal
    """Units of the practice's expense in facilities."""
    is_rare_in_facility: bool
    """NA: rarely or never given in facilities."""
    malpractice: Decimal
    """Units of liability insurance."""
    non_facility_total: Decimal
    """Units in all outside facilities."""
    facility_total: Decimal
    """Units in all in facilities."""
    pc_tc: str
    """Whether the code has a professional and a technical part."""
    global_days: str
    """Days after a procedure that the fee covers: 000, 010 or 090, or three letters where
    it covers none or another period."""
    preoperative_share: Decimal
    """Share of the fee for care before the operation, 0 to 1."""
    intraoperative_share: Decimal
    """Share for the operation and the care in hospital after it."""
    postoperative_share: Decimal
    """Share for care after leaving the hospital."""
    multiple_procedure: str
    """The rule for several procedures on one day, modifier 51."""
    bilateral_surgery: str
    """The rule for both sides, modifier 50."""
    assistant_at_surgery: str
    """The rule for an assistant, modifiers 80 to 82 and AS."""
    co_surgeons: str
    """The rule for two surgeons, modifier 62."""
    team_surgery: str
    """The rule for a team, modifier 66."""
    endoscopic_base: str | None
    """The code of the base endoscopy of the family; absent where there is none."""
    conversion_factor: Decimal
    """US dollars a unit."""
    diagnostic_supervision: str
    """How closely a physician supervises a diagnostic procedure."""
    calculation_flag: str
    """1 where units were changed by hand, 0 where they were computed."""
    imaging_family: str
    """88 where several images on one day are reduced, else 99."""
    opps_non_facility_pe: Decimal
    """Units of practice expense of the ceiling; 0 with the other two where there is none."""
    opps_facility_pe: Decimal
    """Units of practice expense of the ceiling in facilities."""
    opps_malpractice: Decimal
    """Units of liability insurance of the ceiling."""

    @property
    def has_ceiling(self) -> bool:
        """Whether the payment to outpatient hospitals bounds the fee."""
        return any((self.opps_non_facility_pe, self.opps_facility_pe, self.opps_malpractice))


class FeeLocality(Shape):
    """Where a fee is paid, and what it costs to give services there."""

    mac: str
    """The Medicare administrative contractor, five digits."""
    number: str
    """The contractor's locality, two digits."""
    state: str
    """Two letters."""
    name: str
    """As CMS prints it."""
    work_gpci: Decimal
    """The geographic practice cost index of work; 1.000 is the nation's average."""
    pe_gpci: Decimal
    """The index of the practice's expense."""
    mp_gpci: Decimal
    """The index of liability insurance."""
    anesthesia_conversion_factor: Decimal | None
    """US dollars a unit of anaesthesia; absent when the release gives none."""
