"""Edits of claims: rules about reporting codes together, how often, and beside which others."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from schema.codes import Code, CodeKey, CodeSystemKey, printed
from schema.facts import FactRelease
from schema.shape import Shape


class EditSetting(StrEnum):
    """Whose claims a set of rules about pairs of codes is for."""

    PRACTITIONER = "PRACTITIONER"
    """Physicians, other practitioners and ambulatory surgical centers."""
    OUTPATIENT_HOSPITAL = "OUTPATIENT_HOSPITAL"
    """Outpatient hospital services."""

    @property
    def kind(self) -> str:
        """The kind of release that holds the setting's rules."""
        is_hospital = self is EditSetting.OUTPATIENT_HOSPITAL
        return "NCCI_PTP_HOSPITAL" if is_hospital else "NCCI_PTP_PRACTITIONER"


class UnitSetting(StrEnum):
    """Whose claims a table of limits of units is for."""

    PRACTITIONER = "PRACTITIONER"
    """Physicians, other practitioners and ambulatory surgical centers."""
    OUTPATIENT_HOSPITAL = "OUTPATIENT_HOSPITAL"
    """Outpatient hospital services."""
    SUPPLIER = "SUPPLIER"
    """Suppliers of durable medical equipment."""

    @property
    def kind(self) -> str:
        """The kind of release that holds the setting's limits."""
        return f"MUE_{self}"


class EditStatus(StrEnum):
    """Whether edits bear on what was asked; "none" is never said of what is not loaded."""

    APPLIES = "APPLIES"
    """They do; the answer holds them."""
    NO_EDIT_IN_RELEASE = "NO_EDIT_IN_RELEASE"
    """The release in force on the day, which the answer names, has none in force on it."""
    NOT_LOADED = "NOT_LOADED"
    """No release that is in force on the day is loaded: never to be read as "none"."""
    UNKNOWN_CODE = "UNKNOWN_CODE"
    """Nothing that is loaded names the code, or the text cannot be a code."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """Edits are about procedure codes, and the system has none."""


class ModifierIndicator(StrEnum):
    """Whether a modifier lifts a rule about two codes; 0, 1 and 9 in the edits of NCCI."""

    NOT_ALLOWED = "NOT_ALLOWED"
    """No modifier lifts the rule: the two are never paid together."""
    ALLOWED = "ALLOWED"
    """A modifier lifts the rule where the record supports it."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """The rule was withdrawn from its first day on, so there is nothing to lift."""

    @classmethod
    def of(cls, digit: int) -> "ModifierIndicator":
        """The meaning of 0, 1 or 9."""
        return {0: cls.NOT_ALLOWED, 1: cls.ALLOWED, 9: cls.NOT_APPLICABLE}[digit]


class CodePairEdit(Shape):
    """A rule against reporting two codes together for one patient on one day."""

    column_one: Code
    """The code that is paid."""
    column_two: Code
    """The code that is denied unless a modifier is allowed and used."""
    modifier: ModifierIndicator
    setting: EditSetting | None
    """Whose claims it is for; None when it is for everybody's."""
    rationale: str | None
    """Why the pair is ruled out; None when the publisher gives no reason."""
    effective_from: date
    effective_to: date | None
    """Last day of the rule, inclusive; None while it stands."""

    def is_in_force(self, on: date) -> bool:
        """Whether the rule holds on a day; one that was withdrawn never does."""
        has_ended = self.effective_to is not None and self.effective_to < on
        is_withdrawn = self.modifier is ModifierIndicator.NOT_APPLICABLE
        return self.effective_from <= on and not has_ended and not is_withdrawn


class UnitAdjudication(StrEnum):
    """How a limit of units is judged; 1, 2 and 3 in the medically unlikely edits."""

    CLAIM_LINE = "CLAIM_LINE"
    """Against the units of one line of the claim: further units may stand on a line of their own,
    with a modifier."""
    DATE_OF_SERVICE_POLICY = "DATE_OF_SERVICE_POLICY"
    """Against all units of the day. Law or policy sets the limit, and no record moves it."""
    DATE_OF_SERVICE_CLINICAL = "DATE_OF_SERVICE_CLINICAL"
    """Against all units of the day. Experience sets the limit, and a record may support more."""

    @classmethod
    def of(cls, digit: int) -> "UnitAdjudication":
        """The meaning of 1, 2 or 3."""
        return list(cls)[digit - 1]


class UnitLimit(Shape):
    """The most units of a code that are paid for one patient on one day."""

    units_per_day: int
    """0 or more."""
    setting: str | None
    """Where the limit holds, as its publisher names it; None when it holds in every setting."""
    adjudication: UnitAdjudication | None
    """How it is judged; None when the publisher does not say."""
    rationale: str | None
    """Where the number comes from; None when the publisher does not say."""


class AddOnType(StrEnum):
    """Which codes an add-on code may stand beside; 1, 2 and 3 in the add-on edits of NCCI."""

    LISTED = "LISTED"
    """The primary codes that are listed, and no others."""
    CONTRACTOR_DEFINED = "CONTRACTOR_DEFINED"
    """None is listed: the Medicare contractor says which."""
    LISTED_AND_CONTRACTOR_DEFINED = "LISTED_AND_CONTRACTOR_DEFINED"
    """Those that are listed, and further ones that the contractor knows."""

    @classmethod
    def of(cls, digit: int) -> "AddOnType":
        """The meaning of 1, 2 or 3."""
        return list(cls)[digit - 1]


class AddOnRule(Shape):
    """That one code is reported only beside another."""

    add_on: Code
    primary: Code | None
    """A code that it may stand beside; None when the Medicare contractor says which."""
    type: AddOnType
    effective_from: date
    effective_to: date | None
    """Last day of the rule, inclusive; None while it stands."""


class PairCheck(Shape):
    """What the edits say about two codes of a list; first and second are places in the list and
    say nothing about columns."""

    first: Code | None
    """None when nothing that is loaded names it."""
    second: Code | None
    status: EditStatus
    reason: str
    edits: tuple[CodePairEdit, ...]
    """Those in force on the day, nearly always one at most."""
    release: FactRelease | None
    """None when none is loaded."""


class UnitCheck(Shape):
    """What limits of units say about one code."""

    code: Code | None
    """None when nothing that is loaded names it."""
    status: EditStatus
    reason: str
    limits: tuple[UnitLimit, ...]
    """By setting, nearly always one at most."""
    release: FactRelease | None
    """None when none is loaded."""


class AddOnCheck(Shape):
    """What the rules about add-on codes say about one code."""

    code: Code | None
    """None when nothing that is loaded names it."""
    status: EditStatus
    reason: str
    rule_count: int
    """The rules in force that name the code, as an add-on or as a primary code."""
    release: FactRelease | None
    """None when none is loaded."""


Verdict = tuple[EditStatus, str]
"""What edits say as a whole, and the sentence that says why."""

WITH_EDITS = frozenset({CodeSystemKey.HCPCS, CodeSystemKey.CPT, CodeSystemKey.DEMO})
"""The systems whose codes edits are about."""


def pair_verdict(
    keys: tuple[CodeKey, CodeKey],
    codes: tuple[Code | None, Code | None],
    release: FactRelease | None,
    edits: Sequence[CodePairEdit],
    on: date,
) -> Verdict:
    """What the edits of a release say about two codes, given all that it has of them."""
    if release is None or None in codes or not _have_edits(keys):
        return _unanswerable("edits of pairs", keys, codes, release, on)
    in_force = [edit for edit in edits if edit.is_in_force(on)]
    if in_force:
        return EditStatus.APPLIES, _ruled_out(release, in_force[0])
    first, second = map(printed, keys)
    others = "; ".join(_not_in_force(edit, on) for edit in edits)
    none = f"{release.label} has no edit of {first} and {second} in force on {on}"
    return EditStatus.NO_EDIT_IN_RELEASE, f"{none}; {others}." if others else f"{none}."


def unit_verdict(
    key: CodeKey,
    code: Code | None,
    release: FactRelease | None,
    limits: Sequence[UnitLimit],
    on: date,
) -> Verdict:
    """What the limits of a release say about a code."""
    if release is None or code is None or not _have_edits([key]):
        return _unanswerable("limits of units", [key], [code], release, on)
    if not limits:
        reason = f"{release.label} has no limit of units for {printed(key)}."
        return EditStatus.NO_EDIT_IN_RELEASE, reason
    most = " or ".join(str(limit.units_per_day) for limit in limits)
    reason = f"{release.label} limits {printed(key)} to {most} for one patient on one day."
    return EditStatus.APPLIES, reason


def add_on_verdict(
    key: CodeKey, code: Code | None, release: FactRelease | None, rule_count: int, on: date
) -> Verdict:
    """What the rules of a release about add-on codes say about a code."""
    if release is None or code is None or not _have_edits([key]):
        return _unanswerable("rules about add-on codes", [key], [code], release, on)
    if rule_count == 0:
        reason = f"{release.label} has no rule about add-on codes for {printed(key)}."
        return EditStatus.NO_EDIT_IN_RELEASE, reason
    rules = "1 rule" if rule_count == 1 else f"{rule_count} rules"
    return EditStatus.APPLIES, f"{release.label} names {printed(key)} in {rules}."


def _have_edits(keys: Sequence[CodeKey]) -> bool:
    return all(key.system in WITH_EDITS for key in keys)


def _unanswerable(
    noun: str,
    keys: Sequence[CodeKey],
    codes: Sequence[Code | None],
    release: FactRelease | None,
    on: date,
) -> Verdict:
    """Why nothing can be said. What is not loaded comes before what nobody knows: a code that only
    the missing release names would be called unknown."""
    for key in keys:
        if key.system not in WITH_EDITS:
            reason = f"There are no {noun} of {key.system.short_name}: they are of procedure codes."
            return EditStatus.NOT_APPLICABLE, reason
    if release is None:
        systems = " and ".join(dict.fromkeys(key.system.short_name for key in keys))
        reason = f"No {noun} of {systems} in force on {on} are loaded."
        return EditStatus.NOT_LOADED, reason
    unknown = next(key for key, code in zip(keys, codes, strict=True) if code is None)
    reason = f"Nothing that is loaded names {unknown.system.short_name} {printed(unknown)}."
    return EditStatus.UNKNOWN_CODE, reason


_LIFTED = {
    ModifierIndicator.NOT_ALLOWED: "no modifier lifts that",
    ModifierIndicator.ALLOWED: "a modifier lifts that where the record supports it",
}


def _ruled_out(release: FactRelease, edit: CodePairEdit) -> str:
    paid, denied = edit.column_one.display, edit.column_two.display
    return f"{release.label} pays {paid} and denies {denied}; {_LIFTED[edit.modifier]}."


def _not_in_force(edit: CodePairEdit, on: date) -> str:
    if edit.modifier is ModifierIndicator.NOT_APPLICABLE:
        return "one was withdrawn from its first day on"
    if edit.effective_from > on:
        return f"one starts on {edit.effective_from}"
    return f"one ended on {edit.effective_to}"
