"""The sentences of the banner, from plan data."""

from datetime import UTC, datetime
from typing import Any

import pytest

from graph import offers
from schema.people import ViewerKind
from schema.usage import Allowance


def left(limit: int | None, used: int, resets_at: datetime | None = None) -> Allowance:
    return Allowance(limit=limit, used=used, resets_at=resets_at)


@pytest.mark.parametrize(
    ("kind", "found", "banner"),
    [
        (
            ViewerKind.GUEST,
            left(1, 1),
            "0 code page views remaining. Guest accounts are limited to 1 page view. "
            "Register free account to get 5 more views.",
        ),
        (
            ViewerKind.GUEST,
            left(1, 0),
            "1 code page view remaining. Guest accounts are limited to 1 page view. "
            "Register free account to get 5 more views.",
        ),
        (
            ViewerKind.REGISTERED,
            left(5, 2),
            "3 code page views remaining. Registered accounts are limited to 5 page views. "
            "Subscribe to open code pages without limit.",
        ),
        (
            ViewerKind.PARTNER,
            left(10_000, 10_002, datetime(2026, 12, 1, tzinfo=UTC)),
            "0 code page views remaining. Partner accounts are limited to 10000 page views. "
            "The count starts anew at 2026-12-01 00:00 UTC. Ask us for a larger quota.",
        ),
        (ViewerKind.SUBSCRIBER, left(None, 7), None),
    ],
)
async def test_banner_is_made_from_the_plans(
    services: Any, kind: ViewerKind, found: Allowance, banner: str | None
) -> None:
    shown = offers.allowance(found, kind, services.plans.newest)

    assert shown.banner == banner


async def test_offer_follows_the_registered_plan(services: Any) -> None:
    plans = dict(services.plans.newest)
    plans["registered"] = plans["registered"].model_copy(update={"page_view_limit": 1})

    offer = offers.offer(ViewerKind.GUEST, plans)

    assert offer is not None
    assert (offer.text, offer.additional_views) == (
        "Register free account to get 1 more view.",
        1,
    )
