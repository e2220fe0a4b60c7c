"""Figures of one process and of what all share, for Prometheus, to whoever has the token."""

import asyncio
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from db.fallback import Totals, fallback_totals
from db.pool import Database
from graph.site import Answer
from metering.guarded import GuardedMeter
from metering.lag import Lag, archive_lag
from schema.errors import StoreUnavailable

PATIENCE_SECONDS = 2.0
"""How long a store may take; then its figures are left out and it is told as away."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What had to be asked for; None: its store did not answer."""

    totals: Totals | None = None
    lag: Lag | None = None


class Metrics(Collector):
    """The figures of one application."""

    def __init__(
        self,
        meter: GuardedMeter,
        database: Database,
        executed: Mapping[str, int] | None = None,
        paid: Mapping[str, int] | None = None,
    ) -> None:
        """Operations so far, read anew each time: `executed` by the way they went, `paid` by what
        became of their cost."""
        self._meter = meter
        self._paid = paid or {}
        self._database = database
        self._executed = executed or {}
        self._snapshot = Snapshot()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    async def text(self) -> bytes:
        """All figures in the form that Prometheus reads; those of a store that is away are
        missing."""
        snapshot = Snapshot(*await asyncio.gather(self._totals(), self._lag()))
        # From here on nothing waits, so that each answer is of its own snapshot.
        self._snapshot = snapshot
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks for it."""
        yield from self._of_process()
        snapshot = self._snapshot
        yield _gauge(
            "fallback_known", "1: PostgreSQL told its figures.", snapshot.totals is not None
        )
        yield _gauge("archive_known", "1: both stores told the lag.", snapshot.lag is not None)
        if snapshot.totals is not None:
            yield from _of_fallback(snapshot.totals)
        if snapshot.lag is not None:
            yield from _of_archive(snapshot.lag)

    def _of_process(self) -> Iterator[Metric]:
        counts, figures = self._meter.ledger.store.counts, self._meter.figures
        yield _counter("ledger_calls", "Calls of the ledger that were taken in.", counts.calls)
        yield _counter("ledger_batches", "Pipelines sent to the ledger's store.", counts.batches)
        yield _counter("ledger_shed", "Calls refused because too many waited.", counts.shed)
        yield _counter(
            "ledger_retried", "Calls sent once more, their connection lost.", counts.retried
        )
        yield _counter("ledger_late", "Calls whose time was over before their answer.", counts.late)
        yield _counter(
            "meter_losses", "Calls that the ledger's store did not answer.", figures.losses
        )
        yield _counter(
            "meter_fallback_views", "Views this process had PostgreSQL decide.", figures.decided
        )
        yield _counter("meter_refused", "Calls that nobody could answer.", figures.refused)
        yield _by(
            "points_operations",
            "Operations that were paid for, refused, or let through with the store away.",
            "result",
            self._paid,
        )
        is_open = self._meter.episode is not None
        yield _gauge("meter_fallback_open", "1 while this process has PostgreSQL decide.", is_open)
        yield _by("operations", "Operations by the way they were executed.", "way", self._executed)

    async def _totals(self) -> Totals | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await fallback_totals(self._database)
        except (StoreUnavailable, TimeoutError):
            return None

    async def _lag(self) -> Lag | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await archive_lag(self._database, self._meter.ledger.store.of)
        except (StoreUnavailable, TimeoutError):
            return None


def _of_fallback(totals: Totals) -> Iterator[Metric]:
    yield _gauge("fallback_open", "1 while an episode is open.", totals.open)
    yield _counter("fallback_episodes", "Episodes so far.", totals.episodes)
    yield _counter("fallback_decided", "Views decided in closed episodes.", totals.decided)
    yield _counter("fallback_imported", "Views entered into the ledger since.", totals.imported)
    yield _counter(
        "fallback_over_granted", "Pages the ledger would have refused.", totals.over_granted
    )
    yield _counter(
        "fallback_over_admitted", "Guests admitted above a budget.", totals.over_admitted
    )
    yield _counter("fallback_unseen", "Events not archived as episodes opened.", totals.unseen)


def _of_archive(lag: Lag) -> Iterator[Metric]:
    shards = lag.shards
    yield _by_shard(
        "archive_lag_events", "Events not archived yet.", [(s.shard, s.events) for s in shards]
    )
    yield _by_shard(
        "archive_lag_seconds", "Age of the oldest of them.", [(s.shard, s.seconds) for s in shards]
    )
    yield _by_shard(
        "archive_stopped",
        "1 while something keeps the shard from being archived.",
        [(s.shard, s.stopped is not None) for s in shards],
    )
    yield _gauge("archive_lag_all_events", "Events not archived yet, all shards.", lag.events)
    yield _gauge("archive_lag_max_seconds", "Age of the oldest event of all.", lag.seconds)
    yield _gauge("archive_stopped_shards", "Shards that are not archived.", len(lag.stopped))


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"codestile_{name}", meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"codestile_{name}", meaning, value=value)


def _by(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"codestile_{name}", meaning, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _by_shard(name: str, meaning: str, values: Iterable[tuple[int, float]]) -> Metric:
    family = GaugeMetricFamily(f"codestile_{name}", meaning, labels=["shard"])
    for shard, value in values:
        family.add_metric([f"{shard:02}"], value)
    return family


def metrics_answer(metrics: Metrics, token: str) -> Answer:
    """Answers a request that bears the token with all figures, every other one with 401."""
    wanted = token.encode()

    async def answer(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # In a time that does not tell how much of it is right.
        is_right = hmac.compare_digest(given.strip().encode(), wanted)
        if scheme.lower() != "bearer" or not is_right:
            headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
            return PlainTextResponse("a bearer token is needed\n", 401, headers)
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
        return Response(await metrics.text(), headers=headers)

    return answer
