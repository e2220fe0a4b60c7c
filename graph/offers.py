"""The sentences of the banner and of the upgrade offers, made from plan data."""

from collections.abc import Mapping

from graph.types.upgrade import UpgradeAction, UpgradeOffer
from graph.types.viewer import Allowance, Meter
from schema import usage
from schema.people import ViewerKind
from schema.plans import Plan

_ACCOUNTS = {
    ViewerKind.GUEST: "Guest accounts",
    ViewerKind.REGISTERED: "Registered accounts",
    ViewerKind.SUBSCRIBER: "Subscribers",
    ViewerKind.PARTNER: "Partner accounts",
    ViewerKind.STAFF: "Staff accounts",
}


def counted(count: int, thing: str) -> str:
    """A number of things in words: `1 page view`, `5 page views`."""
    return f"{count} {thing}" + ("" if count == 1 else "s")


def offer(kind: ViewerKind, plans: Mapping[str, Plan]) -> UpgradeOffer | None:
    """What would give this kind of viewer more; None for those who have all there is."""
    if kind is ViewerKind.GUEST:
        more = plans["registered"].page_view_limit
        text = "more views" if more is None else counted(more, "more view")
        return UpgradeOffer(
            action=UpgradeAction.REGISTER,
            text=f"Register free account to get {text}.",
            additional_views=more,
        )
    if kind is ViewerKind.REGISTERED:
        return UpgradeOffer(
            action=UpgradeAction.SUBSCRIBE,
            text="Subscribe to open code pages without limit.",
            additional_views=None,
        )
    if kind is ViewerKind.PARTNER:
        return UpgradeOffer(
            action=UpgradeAction.CONTACT_SALES,
            text="Ask us for a larger quota.",
            additional_views=None,
        )
    return None


def batch_offer() -> UpgradeOffer:
    """What would open the batch questions of partners."""
    return UpgradeOffer(
        action=UpgradeAction.SUBSCRIBE,
        text="Subscribe, or ask us for a partner key.",
        additional_views=None,
    )


def allowance(found: usage.Allowance, kind: ViewerKind, plans: Mapping[str, Plan]) -> Allowance:
    """The published form of what a viewer has left, with its banner and offer."""
    more = None if found.limit is None else offer(kind, plans)
    return Allowance(
        meter=Meter.CODE_PAGE_VIEW,
        limit=found.limit,
        used=found.used,
        remaining=found.remaining,
        is_unlimited=found.limit is None,
        resets_at=found.resets_at,
        banner=_banner(found, kind, more),
        upgrade=more,
    )


def _banner(found: usage.Allowance, kind: ViewerKind, more: UpgradeOffer | None) -> str | None:
    if found.limit is None or found.remaining is None:
        return None
    sentences = [
        f"{counted(found.remaining, 'code page view')} remaining.",
        f"{_ACCOUNTS[kind]} are limited to {counted(found.limit, 'page view')}.",
    ]
    if found.resets_at is not None:
        sentences.append(f"The count starts anew at {found.resets_at:%Y-%m-%d %H:%M} UTC.")
    return " ".join([*sentences, *([more.text] if more else [])])
