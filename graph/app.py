"""The one place where the real parts are plugged together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from datetime import UTC, datetime
from functools import partial

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from db.embedded import StoreUrls
from db.loaded import Loaded
from db.notices import CatalogueWatch
from db.plans import PlanBook
from db.pool import Database, open_database
from graph import ids
from graph.beside import beside
from graph.context import Services
from graph.deprecated_use import DeprecatedUse
from graph.fhir.view import FhirView
from graph.housekeeping import Chores
from graph.http import GraphQLView
from graph.identity import Guests, GuestTokens, Identify
from graph.mail.choice import mailer_of, sender_address
from graph.mail.sender import Sender
from graph.metrics import Metrics, metrics_answer
from graph.networks import NetworkNames
from graph.people.keys import Keys
from graph.people.office import BackOffice
from graph.people.parts import People
from graph.people.passwords import Passwords
from graph.people.plans import PlanChanges
from graph.people.tokens import session_cookie
from graph.people.tries import Tries
from graph.people.visitors import Visitors
from graph.points import Spending
from graph.secret import key_seed, people_secret
from graph.settings import Settings
from graph.site import Answer, StoreProblems, site
from graph.views import both_views
from graph.webhooks import SubscriptionHook
from metering.archived import UsageArchive
from metering.carryover import CarryOver
from metering.erasures import Erasures
from metering.guarded import LOOK_SECONDS, GuardedMeter, Turn
from metering.meter import LedgerMeter, open_ledger
from metering.points import Points
from metering.policy import AdmissionRule
from metering.rates import Rates
from metering.safety import StoreWatch
from metering.shards import shard_of
from metering.store import Store
from schema.errors import StoreUnavailable

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
    UnsafeStore when the ledger's store could lose an event; StoreUnavailable when it is away and
    PostgreSQL may not decide, or is away too.
    """
    async with open_database(
        urls.database_url,
        size=settings.database_pool_size,
        statement_cache_size=settings.database_statement_cache,
    ) as database:
        plans = PlanBook(database)
        await plans.read()
        rule = AdmissionRule(budget=settings.network_budget)
        async with open_ledger(
            urls.redis_url,
            plans.plan_of,
            admission=rule,
            timeout_seconds=settings.store_timeout_seconds,
        ) as meter:
            guarded = _guarded(meter, database, plans, rule, settings)
            with _explained(settings):
                _log_unsafe(await guarded.begin())
            guests = _guests(settings, guest_secret, plans, NetworkNames(database, guarded, rule))
            carry_over = CarryOver(
                database, guarded, lambda: plans.newest["guest"].page_view_limit, now
            )
            erasures = Erasures(database, guarded, meter.store)
            changes = PlanChanges(database, guarded, plans, now)
            people = _people(settings, guest_secret, meter.store, carry_over, erasures, guests)
            watch = CatalogueWatch(urls.database_url)
            services = Services(
                database=database,
                loaded=Loaded(database, lambda: watch.heard),
                meter=guarded,
                plans=plans,
                now=now,
                event_id=partial(ids.encode_event, guest_secret),
                people=people,
                office=BackOffice(changes, meter.store, settings.site_name),
                keys=Keys(database, key_seed(guest_secret), now),
            )
            deprecated = DeprecatedUse(database, now)
            chores = Chores(*(database, guarded, plans, rule, now, carry_over, erasures, changes))
            async with (
                deprecated.flushing(),
                beside(chores.rounds()),
                _watching(guarded),
                beside(_sender(settings, database).run()),
                _listening(settings, watch),
            ):
                visitors = Visitors(guests, database, people.cookie, now, services.keys.holder)
                spending = Spending(Points(meter.store), plans, is_on=settings.api_points)
                who, note = identify or visitors, deprecated.note
                view, fhir = both_views(settings, services, who, note, spending, meter.store)
                yield _site(settings, view, fhir, database, guarded, changes, spending)


@asynccontextmanager
async def _watching(meter: GuardedMeter) -> AsyncIterator[None]:
    """Look once a second whether PostgreSQL is to decide, and whether the ledger's store is
    back."""

    async def looks() -> None:
        while True:
            try:
                await meter.look()
            except StoreUnavailable:
                pass  # whoever asks for a page is told
            except Exception:
                _log.exception("fallback_failed", episode=meter.episode)
            await asyncio.sleep(LOOK_SECONDS)

    async with beside(looks()):
        yield


def _listening(settings: Settings, watch: CatalogueWatch) -> AbstractAsyncContextManager[None]:
    """Hear of changes of the catalogue. Not behind a pooler that hands each transaction another
    server connection: nothing is told through it, and what is never heard of is never kept."""
    if settings.database_statement_cache == 0:
        return nullcontext()
    return beside(watch.run())


def _sender(settings: Settings, database: Database) -> Sender:
    mailer = mailer_of(settings)
    if mailer is None:
        _log.warning("letters_wait", problem="neither CODESTILE_SMTP_URL nor CODESTILE_MAIL_FOLDER")
    return Sender(database, mailer, sender_address(settings).domain)


def _guarded(
    ledger: LedgerMeter,
    database: Database,
    plans: PlanBook,
    rule: AdmissionRule,
    settings: Settings,
) -> GuardedMeter:
    return GuardedMeter(
        ledger,
        database,
        plans.plan_of,
        UsageArchive(database),
        admission=rule,
        on_loss=settings.on_store_loss,
        on_unsafe=settings.on_unsafe_store,
        on_turn=_log_turn,
        on_doubt=_log_unsafe,
    )


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    """Says which setting keeps the server from starting without the ledger's store."""
    try:
        yield
    except StoreUnavailable as away:
        if settings.on_store_loss != "refuse":
            raise
        reason = str(away).rpartition(" is unavailable: ")[2]
        why = "CODESTILE_ON_STORE_LOSS=refuse opens no page without it: start it first"
        raise StoreUnavailable(away.store, f"{reason}; {why}") from away


def _log_unsafe(problems: Sequence[str]) -> None:
    for sentence in problems:
        _log.warning("unsafe_store", problem=sentence)


def _log_turn(turn: Turn) -> None:
    if turn.is_open:
        _log.warning("fallback_began", episode=turn.episode, reason=turn.reason)
    else:
        _log.info("fallback_ended", episode=turn.episode)


def _problems_of(meter: GuardedMeter, settings: Settings) -> StoreProblems:
    """What keeps pages from being opened: nothing does while PostgreSQL decides."""
    watch = StoreWatch(meter.ledger.store)

    async def problems() -> Sequence[str]:
        await meter.ping()
        if meter.episode is not None:
            return ()
        return await watch.problems() if settings.on_unsafe_store == "refuse" else ()

    return problems


def _metrics(
    settings: Settings,
    meter: GuardedMeter,
    database: Database,
    spending: Spending,
    view: GraphQLView,
) -> Answer | None:
    token = settings.metrics_token
    if token is None:
        return None
    metrics = Metrics(meter, database, view.executed, spending.counts)
    return metrics_answer(metrics, token.get_secret_value())


def _subscriptions(settings: Settings, changes: PlanChanges) -> ASGIApp | None:
    secret = settings.webhook_secret
    if secret is None:
        return None
    return SubscriptionHook(secret.get_secret_value().encode(), changes)


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


def _people(
    settings: Settings,
    secret: bytes,
    store: Store,
    carry_over: CarryOver,
    erasures: Erasures,
    guests: Guests,
) -> People:
    return People(
        passwords=Passwords(),
        tries=Tries(Rates(store)),
        carry_over=carry_over,
        erase=erasures.erase,
        cookie=session_cookie(is_https=settings.is_https),
        no_guest=guests.cookie.cleared(),
        secret=people_secret(secret),
        site=settings.site,
        accounts_a_day=settings.accounts_a_day,
    )


def _site(
    settings: Settings,
    view: GraphQLView,
    fhir: FhirView,
    database: Database,
    meter: GuardedMeter,
    changes: PlanChanges,
    spending: Spending,
) -> Starlette:
    return site(
        view,
        database,
        _problems_of(meter, settings),
        has_graphiql=settings.graphiql,
        doubts=lambda: meter.doubts,
        has_letter_pages=settings.site_url is None,
        metrics=_metrics(settings, meter, database, spending, view),
        subscriptions=_subscriptions(settings, changes),
        fhir=fhir,
    )
