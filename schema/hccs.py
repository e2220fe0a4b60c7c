"""Risk adjustment categories (HCC): what one model makes of the diagnoses of one patient."""

from enum import StrEnum

from schema.codes import Code
from schema.groupings import CodeGroupings, GroupingRelease
from schema.shape import Shape


class HccModel(StrEnum):
    """The risk adjustment models; a category's code begins with its model, `V28-37`."""

    V28 = "V28"
    """CMS-HCC V28."""
    V24 = "V24"
    """CMS-HCC V24."""
    V23 = "V23"
    """CMS-HCC V23; labels and hierarchies only."""
    V22 = "V22"
    """CMS-HCC V22."""
    V20 = "V20"
    """CMS-HCC V20; labels and hierarchies only."""
    ESRD24 = "ESRD24"
    """CMS-HCC ESRD V24, for patients with end-stage renal disease."""
    ESRD21 = "ESRD21"
    """CMS-HCC ESRD V21, for patients with end-stage renal disease."""
    RX08 = "RX08"
    """RxHCC V08, for prescription drugs."""
    RX05 = "RX05"
    """RxHCC V05, for prescription drugs; labels and hierarchies only."""


class HccStatus(StrEnum):
    """What a model of risk adjustment says of a list of codes."""

    ANSWERED = "ANSWERED"
    """An edition in force was asked; there may be no category at all."""
    NOT_LOADED = "NOT_LOADED"
    """No edition in force on that day is loaded, or it has no diagnoses of the model."""


class CategoryFound(Shape):
    """A category of risk adjustment that diagnoses of a list lead to."""

    category: Code
    diagnoses: tuple[Code, ...]
    """The diagnoses of the list that lead to it, in the order asked."""
    dropped_by: tuple[Code, ...]
    """The categories found that are above it in the model's hierarchy: with one of them present it
    does not count. Empty when it counts."""


class HccList(Shape):
    """What one model makes of a list of diagnoses asked together."""

    model: HccModel
    status: HccStatus
    reason: str
    categories: tuple[CategoryFound, ...]
    """By number."""
    without: tuple[CodeGroupings, ...]
    """The diagnoses that lead to no category of the model, each with the answer that says why, in
    the order asked."""
    release: GroupingRelease | None
    """None when no edition in force on the day is loaded."""
