"""What guests had open is taken over once, on every device, and never adds up to more."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from metering.guarded import GuardedMeter
from metering.verify import verify_live
from schema.acts import AdoptGuest, AnyAct, SealGuest
from schema.errors import StoreUnavailable
from tests.graph.people.conftest import OpenSite, Site, log_in, new_email, register, verify

FIVE = ("J45", "E11", "N17", "M54", "L20")


@contextmanager
def cut_off_before(kind: type[AnyAct], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The ledger does not answer acts of a kind meanwhile."""
    real = GuardedMeter.perform

    async def perform(self: GuardedMeter, act: AnyAct) -> Any:
        if isinstance(act, kind):
            raise StoreUnavailable("valkey", "cut off by the test")
        return await real(self, act)

    with monkeypatch.context() as patch:
        patch.setattr(GuardedMeter, "perform", perform)
        yield


async def test_logging_in_on_another_device_takes_its_guest_over(site: Site) -> None:
    one, two = await site.browser(), await site.browser()
    await one.open("I10")
    email = await site.member(one)
    await two.open("J45")

    await log_in(two, email)
    pages = [await two.open(code) for code in ("I10", "J45")]
    more = [await one.open(code) for code in ("E11", "N17", "M54", "L20", "K50", "C50")]

    assert [page["view"]["wasCharged"] for page in pages] == [False, False]
    assert [page["__typename"] for page in more] == ["CodePage"] * 5 + ["ViewLimitReached"]


@pytest.mark.parametrize("kind", [SealGuest, AdoptGuest])
async def test_what_was_cut_off_is_finished_at_the_next_log_in(
    site: Site, kind: type[AnyAct], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, email = await site.browser(), new_email()
    await reader.open("I10")
    await register(reader, email)
    with cut_off_before(kind, monkeypatch):
        started = await verify(reader, (await site.proof(email))[0])
    between = await reader.viewer("allowance { limit used }")

    await log_in(reader, email)
    page = await reader.open("I10")

    assert started["__typename"] == "SessionStarted"
    assert between == {"allowance": {"limit": 5, "used": 0}}
    assert page["view"] == {
        "wasCharged": False,
        "allowance": {"limit": 5, "used": 0, "remaining": 5},
    }


@pytest.mark.parametrize("kind", [SealGuest, AdoptGuest])
async def test_what_was_cut_off_is_finished_without_anybody_logging_in(
    open_site: OpenSite, kind: type[AnyAct], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.housekeeping.ROUND_SECONDS", 0.05)
    async with open_site() as site:
        reader, email = await site.browser(), new_email()
        await reader.open("I10")
        await register(reader, email)
        with cut_off_before(kind, monkeypatch):
            await verify(reader, (await site.proof(email))[0])
        site.clock.pass_by(seconds=11)
        while await site.database.fetch(
            "SELECT 1 FROM carried_guest g JOIN account a ON a.id = g.account_id "
            "WHERE a.address = $1 AND g.done_at IS NULL",
            email,
        ):
            pass
        page = await reader.open("I10")

    assert page["view"]["wasCharged"] is False


async def test_a_sealed_guests_cookie_opens_nothing_any_more(site: Site) -> None:
    """Whoever kept a copy of it is a new guest, of the same network."""
    reader = await site.browser()
    await reader.open("I10")
    kept = reader.client.cookies["codestile_guest"]
    await site.member(reader)
    thief = await site.browser()
    thief.client.cookies.set("codestile_guest", kept, domain="codes.example")

    page = await thief.open("I10")

    assert "codestile_guest" not in reader.client.cookies
    assert page["view"]["wasCharged"] is True
    assert thief.client.cookies["codestile_guest"] != kept


async def test_a_request_named_as_a_sealed_guests_first_makes_a_new_guest(site: Site) -> None:
    """The name of a first request makes the same guest again, so that a lost answer costs none."""
    reader = await site.browser()
    first = await reader.open("I10", Idempotency_Key="open-a-page")
    await site.member(reader)
    await reader.change("logOut { __typename }")

    page = await reader.open("J45", Idempotency_Key="open-a-page")

    assert first["view"]["wasCharged"] is True
    assert page["__typename"] == "CodePage"
    assert page["view"] == {
        "wasCharged": True,
        "allowance": {"limit": 1, "used": 1, "remaining": 0},
    }


async def test_however_many_guests_are_pumped_in_five_are_taken_over(site: Site) -> None:
    reader = await site.browser()
    email = await site.member(reader)
    codes = ("I10", "J45", "E11", "N17", "M54", "L20", "K50", "C50")
    for code in codes:
        device = await site.browser()
        await device.open(code)
        await log_in(device, email)

    pages = [await reader.open(code) for code in codes]

    # Five came with guests, and five more may be charged: three of these were.
    assert [page["view"]["wasCharged"] for page in pages] == [False] * 5 + [True] * 3
    assert pages[-1]["view"]["allowance"] == {"limit": 5, "used": 3, "remaining": 2}


async def test_a_guest_is_taken_over_by_one_account(site: Site) -> None:
    one, two = await site.browser(), await site.browser()
    await one.open("I10")
    kept = one.client.cookies["codestile_guest"]
    await site.member(one)
    two.client.cookies.set("codestile_guest", kept, domain="codes.example")

    await site.member(two)
    page = await two.open("I10")

    assert page["view"]["wasCharged"] is True


async def test_the_ledger_proves_what_was_carried_over(site: Site, services: Any) -> None:
    reader = await site.browser()
    await reader.open("I10")
    await site.member(reader)
    for code in FIVE:
        await reader.open(code)

    proof = await verify_live(services.meter.store, services.plans.plan_of)

    assert proof.problems == ()
