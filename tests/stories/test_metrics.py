"""`/metrics`: told to whoever bears the token, to nobody else, and what the figures say."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from db.pool import Database
from graph.metrics import Metrics
from metering.archived import UsageArchive
from metering.guarded import GuardedMeter
from metering.meter import open_ledger
from tests.metering.ledgers import Plans, guest, member, plan, view_of
from tests.stories.conftest import Server, Start

TOKEN = "a token of the tests, 32 characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
async def measured(start_server: Start) -> AsyncIterator[Server]:
    async with start_server(CODESTILE_METRICS_TOKEN=TOKEN) as running:
        yield running


def figures(text: str) -> dict[str, float]:
    """Every sample by name, that of a shard as `name/NN`."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


async def test_without_a_token_of_the_settings_there_is_no_such_address(browser: Any) -> None:
    response = await browser.client.get("/metrics", headers=BEARER)

    assert response.status_code == 404
    assert "codestile_" not in response.text


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
async def test_whoever_bears_no_token_or_another_is_told_nothing(
    measured: Server, new_browser: Any, given: str | None
) -> None:
    headers = {} if given is None else {"Authorization": given.encode()}

    response = await new_browser(measured).client.get("/metrics", headers=headers)

    assert (response.status_code, response.text) == (401, "a bearer token is needed\n")
    assert response.headers["www-authenticate"] == "Bearer"
    assert "set-cookie" not in response.headers


async def test_whoever_bears_the_token_gets_the_figures_and_no_cookie(
    measured: Server, new_browser: Any, redis_url: str
) -> None:
    client = new_browser(measured).client
    before = figures((await client.get("/metrics", headers=BEARER)).text)
    await new_browser(measured).open("I10")

    response = await client.get("/metrics", headers={"authorization": f"bearer {TOKEN}"})

    after = figures(response.text)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert response.headers["cache-control"] == "no-store"
    assert "set-cookie" not in response.headers
    assert after["codestile_ledger_calls_total"] - before["codestile_ledger_calls_total"] == 1
    assert after["codestile_archive_lag_all_events"] == 1
    assert after["codestile_operations_total/first"] == 1
    assert after["codestile_operations_total/compiled"] == 0
    assert redis_url


async def test_a_server_told_so_has_graphql_core_execute_everything(
    start_server: Start, new_browser: Any, redis_url: str
) -> None:
    settings = {"CODESTILE_METRICS_TOKEN": TOKEN, "CODESTILE_COMPILE_DOCUMENTS": "false"}
    async with start_server(**settings) as running:
        await new_browser(running).open("I10")

        told = figures((await new_browser(running).client.get("/metrics", headers=BEARER)).text)

    ways = {name: count for name, count in told.items() if "operations_total" in name and count}
    assert ways == {"codestile_operations_total/off": 1}
    assert redis_url


@pytest.fixture
def plans() -> Plans:
    kept = Plans()
    kept.add(plan("guest", 1))
    kept.add(plan("registered", 5))
    return kept


@pytest.fixture
async def meter(redis_url: str, plans: Plans, database: Database) -> AsyncIterator[GuardedMeter]:
    async with open_ledger(redis_url, plans.plan_of, timeout_seconds=5.0) as ledger:
        yield GuardedMeter(ledger, database, plans.plan_of, UsageArchive(database))


async def test_every_figure_is_there_and_exact(meter: GuardedMeter, database: Database) -> None:
    await meter.view([view_of(guest("n" * 22)), view_of(member(shard=9))])
    await database.fetch("UPDATE usage_cursor SET stopped = 'a gap' WHERE shard = 3")
    await database.fetch(
        "INSERT INTO fallback_episode (opened_by, reason, closed_at, decided, imported, "
        "over_granted, over_admitted, unseen) VALUES ('a test', 'none', now(), 6, 5, 4, 3, 2)"
    )

    executed = {"compiled": 3, "introspection": 1}
    told = figures((await Metrics(meter, database, executed).text()).decode())

    by_way = {way: told.pop(f"codestile_operations_total/{way}") for way in executed}
    by_shard = {name: told.pop(name) for name in list(told) if "/" in name}
    seconds = told.pop("codestile_archive_lag_max_seconds")
    assert told == {
        f"codestile_{name}": value
        for name, value in {
            "ledger_calls_total": 2,
            "ledger_batches_total": 1,
            "ledger_shed_total": 0,
            "ledger_retried_total": 0,
            "ledger_late_total": 0,
            "meter_losses_total": 0,
            "meter_fallback_views_total": 0,
            "meter_refused_total": 0,
            "meter_fallback_open": 0,
            "fallback_known": 1,
            "archive_known": 1,
            "fallback_open": 0,
            "fallback_episodes_total": 1,
            "fallback_decided_total": 6,
            "fallback_imported_total": 5,
            "fallback_over_granted_total": 4,
            "fallback_over_admitted_total": 3,
            "fallback_unseen_total": 2,
            "archive_lag_all_events": 2,
            "archive_stopped_shards": 1,
        }.items()
    }
    assert by_way == executed
    assert len(by_shard) == 3 * 64
    assert {name for name, value in by_shard.items() if value} >= {
        "codestile_archive_lag_events/07",
        "codestile_archive_lag_events/09",
        "codestile_archive_stopped/03",
    }
    assert sum(by_shard[f"codestile_archive_lag_events/{n:02}"] for n in range(64)) == 2
    assert 0 <= seconds < 60


async def test_an_open_episode_is_told(meter: GuardedMeter, database: Database) -> None:
    await database.fetch("INSERT INTO fallback_episode (opened_by, reason) VALUES ('a', 'b')")
    await meter.look()

    told = figures((await Metrics(meter, database).text()).decode())

    assert told["codestile_meter_fallback_open"] == 1
    assert told["codestile_fallback_open"] == 1


async def test_two_applications_of_one_process_have_figures_of_their_own(
    meter: GuardedMeter, database: Database, redis_url: str, plans: Plans
) -> None:
    async with open_ledger(redis_url, plans.plan_of, timeout_seconds=5.0) as ledger:
        other = GuardedMeter(ledger, database, plans.plan_of, UsageArchive(database))
        await meter.view([view_of(member())])

        one = figures((await Metrics(meter, database).text()).decode())
        two = figures((await Metrics(other, database).text()).decode())

    assert one["codestile_ledger_calls_total"] == 1
    assert two["codestile_ledger_calls_total"] == 0


async def test_figures_of_the_process_are_told_while_a_store_is_away(
    meter: GuardedMeter, database: Database
) -> None:
    await database.close()

    told = figures((await Metrics(meter, database).text()).decode())

    assert (told["codestile_fallback_known"], told["codestile_archive_known"]) == (0, 0)
    assert told["codestile_ledger_calls_total"] == 0
    assert "codestile_archive_lag_all_events" not in told
    assert "codestile_fallback_episodes_total" not in told
