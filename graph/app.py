"""The one place where the real parts are plugged together."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from starlette.applications import Starlette

from db.embedded import StoreUrls
from db.plans import PlanBook
from db.pool import Database, open_database
from graph.api import api
from graph.context import Context, Services
from graph.http import Call, GraphQLView
from graph.identity import Guests, GuestTokens, Identify
from graph.networks import NetworkNames
from graph.settings import Settings
from graph.site import site
from metering.meter import LedgerMeter, open_ledger
from metering.policy import AdmissionRule
from metering.safety import check_store
from metering.shards import shard_of

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def build(
    settings: Settings,
    urls: StoreUrls,
    guest_secret: bytes,
    *,
    identify: Identify | None = None,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Starlette]:
    """The application on migrated stores, closed at the end.

    `identify` takes the place of guest tokens, for people who are known in another way. Raises
    UnsafeStore when the ledger's store could lose an event, StoreUnavailable when it is away.
    """
    async with open_database(
        urls.database_url,
        size=settings.database_pool_size,
        statement_cache_size=settings.database_statement_cache,
    ) as database:
        plans = PlanBook(database)
        await plans.read()
        rule = AdmissionRule(budget=settings.network_budget)
        async with open_ledger(urls.redis_url, plans.plan_of, admission=rule) as meter:
            for sentence in await check_store(meter.client, settings.on_unsafe_store):
                _log.warning("unsafe_store", problem=sentence)
            services = Services(database=database, meter=meter, plans=plans, now=now)
            guests = _guests(settings, guest_secret, plans, NetworkNames(database, rule, now))
            yield _application(settings, services, identify or guests, database, meter)


def _guests(settings: Settings, secret: bytes, plans: PlanBook, networks: NetworkNames) -> Guests:
    return Guests(
        tokens=GuestTokens(secret),
        network_of=networks.of,
        shard_of=shard_of,
        newest_plan=lambda: plans.newest["guest"].version,
        is_https=settings.is_https,
        trusted_proxies=settings.trusted_proxies,
        exempt_networks=settings.outside_budget,
    )


def _application(
    settings: Settings,
    services: Services,
    identify: Identify,
    database: Database,
    meter: LedgerMeter,
) -> Starlette:
    def context(call: Call) -> Context:
        return Context(
            services=services,
            visit=call.visit,
            request_key=call.idempotency_key or secrets.token_urlsafe(16),
            now=services.now(),
        )

    view = GraphQLView(
        api(),
        identify=identify,
        make_context=context,
        allowed_origins=settings.allowed_origins,
        is_introspectable=settings.introspection,
    )
    return site(view, database, meter, has_graphiql=settings.graphiql)
