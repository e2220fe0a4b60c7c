"""Opening a page when the viewer's token or plan has been overtaken."""

import secrets
from dataclasses import replace
from typing import Any

import redis

from db.plans import PlanBook
from graph.context import Context
from graph.identity import Minted, Visit
from graph.limits import LIMITS
from graph.opening import open_page
from graph.types.pages import CodePage, ViewLimitReached
from graph.types.problems import ProblemCode, ServiceUnavailable
from graph.wanted import CodeAsked
from metering.meter import LedgerMeter
from metering.policy import AdmissionRule
from metering.shards import shard_of
from metering.store import open_store
from schema.codes import CodeKey, CodeSystemKey
from schema.people import Assignment, Network, Viewer, ViewerKind
from schema.usage import ViewRequest

ASKED = (CodeSystemKey.ICD10CM, "I10")


def guest_of(network: Network | None, assignment: int = 1) -> Viewer:
    return Viewer(
        id="g" + secrets.token_urlsafe(16),
        kind=ViewerKind.GUEST,
        shard=shard_of(network.digest) if network else 3,
        assignment=Assignment(plan_key="guest", plan_version=assignment, number=assignment),
        network=network,
    )


def context_of(services: Any, visit: Visit) -> Context:
    return Context(services, visit, secrets.token_hex(8), services.now(), LIMITS[ViewerKind.GUEST])


def network(period: int) -> Network:
    return Network(digest=secrets.token_urlsafe(16), period=period)


def events_in(redis_url: str) -> list[dict[str, str]]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        return [fields for log in client.scan_iter("{*}:log") for _, fields in client.xrange(log)]


async def test_guest_of_a_period_that_is_over_becomes_a_new_guest_and_reads(
    services: Any, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        period = AdmissionRule().period_at(client.time()[0] * 1000)
    old, new = guest_of(network(period - 1)), guest_of(network(period))

    async def mint() -> Minted:
        return Minted(new, "token", ())

    visit = Visit(viewer=old, may_charge=True, mint=mint)
    context = context_of(services, visit)

    page = await open_page(context, CodeAsked(*ASKED, context.today), "codePage", preview=False)

    assert isinstance(page, CodePage)
    assert page.view.was_charged is True
    assert visit.minted is not None
    assert [event["viewer"] for event in events_in(redis_url)] == [new.id]


async def test_plan_changed_meanwhile_is_read_again_before_the_view_is_decided(
    services: Any, database: Any, redis_url: str
) -> None:
    plans = PlanBook(database)
    await plans.read()
    meter = LedgerMeter(services.meter.store, plans.plan_of)
    services = replace(services, plans=plans, meter=meter)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO plan (key, version, page_view_limit, window_kind, open_sections, "
            "can_list_crosswalks, viewer_kind) "
            "VALUES ('guest', 2, 2, 'LIFETIME', '{HISTORY}', false, 'GUEST')"
        )
    viewer = guest_of(None)
    elsewhere = viewer.model_copy(update={"assignment": guest_of(None, 2).assignment})
    first = ViewRequest(
        viewer=elsewhere,
        code=CodeKey(CodeSystemKey.ICD10CM, "J45"),
        request_id=secrets.token_urlsafe(16),
    )
    await meter.view([first])

    async def reassign(guest: Viewer) -> Viewer:
        version = plans.newest["guest"].version
        assignment = Assignment(plan_key="guest", plan_version=version, number=version)
        return guest.model_copy(update={"assignment": assignment})

    context = context_of(services, Visit(viewer=viewer, may_charge=True, reassign=reassign))
    asked = CodeAsked(*ASKED, context.today)
    page = await open_page(context, asked, "codePage", preview=False)
    third = await open_page(context, asked._replace(text="A00"), "codePage", preview=False)

    assert isinstance(page, CodePage)
    assert page.view.allowance.limit == 2
    assert isinstance(third, ViewLimitReached)
    assert [event["plan"] for event in events_in(redis_url)] == ["guest.2"] * 3


async def test_reader_of_an_overloaded_meter_is_told_to_ask_again_in_a_second(
    services: Any, redis_url: str
) -> None:
    async with open_store(redis_url, max_waiting=0) as store:
        meter = LedgerMeter(store, services.plans.plan_of)
        overloaded = replace(services, meter=meter)
        context = context_of(overloaded, Visit(viewer=guest_of(None), may_charge=True))

        page = await open_page(context, CodeAsked(*ASKED, context.today), "codePage", preview=False)

    assert isinstance(page, ServiceUnavailable)
    assert page.problem_code is ProblemCode.METER_UNAVAILABLE
    assert page.retry_after_seconds == 1
    assert events_in(redis_url) == []
