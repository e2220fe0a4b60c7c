"""Groupings: which categories of risk adjustment, payment and statistics a code belongs to."""

from enum import StrEnum


class GroupingKind(StrEnum):
    """What puts codes under groups or values, each in editions of its own."""

    HCC = "HCC"
    """Hierarchical condition categories of risk adjustment, for diagnoses."""
    HCC_HIERARCHY = "HCC_HIERARCHY"
    """Which categories let another category drop, for categories of risk adjustment."""
    CCSR = "CCSR"
    """The default category of Clinical Classifications Software Refined, for diagnoses."""
    MDC = "MDC"
    """Major diagnostic categories, for principal diagnoses."""
    MSDRG_DX = "MSDRG_DX"
    """Groups of MS-DRGs that name a diagnosis."""
    MSDRG_PX = "MSDRG_PX"
    """Groups of MS-DRGs that name a procedure."""
    MSDRG_MDC = "MSDRG_MDC"
    """The major diagnostic category of an MS-DRG."""
    SEVERITY = "SEVERITY"
    """What a diagnosis weighs as a secondary one in MS-DRG: complication, major, or nothing."""
    CHRONIC = "CHRONIC"
    """Whether a diagnosis is a chronic condition."""


class HccModel(StrEnum):
    """The risk adjustment models; a category's code begins with it, `V28-37`."""

    V28 = "V28"
    """CMS-HCC V28, Medicare Advantage."""
    V24 = "V24"
    """CMS-HCC V24, Medicare Advantage until the payment year 2025, and PACE."""
    V23 = "V23"
    """CMS-HCC V23, of the payment year 2019."""
    V22 = "V22"
    """CMS-HCC V22, PACE and accountable care organisations."""
    V20 = "V20"
    """CMS-HCC V20, the ground of the ESRD model V21."""
    ESRD24 = "ESRD24"
    """CMS-HCC ESRD V24, patients on dialysis or with a transplant."""
    ESRD21 = "ESRD21"
    """CMS-HCC ESRD V21, the same for PACE."""
    RX08 = "RX08"
    """RxHCC V08, Medicare Part D."""
    RX05 = "RX05"
    """RxHCC V05, Medicare Part D for PACE."""
