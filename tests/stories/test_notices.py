"""A load is told to every server at once, also to one whose listener was cut off meanwhile."""

import asyncio
from typing import Any

import asyncpg

from db.load.transaction import load
from tests.db.test_notices import cut_listeners, edition

SYSTEMS = "{ codeSystems { key releases(first: 100) { edges { node { label } } } } }"


async def labels(browser: Any) -> set[str]:
    """The releases of DEMO, by GraphQL and by FHIR, which must agree."""
    systems = (await browser.ask(SYSTEMS))["codeSystems"]
    [demo] = [system for system in systems if system["key"] == "DEMO"]
    response = await browser.client.get("/fhir/metadata", params={"mode": "terminology"})
    [same] = [
        system
        for system in response.json()["codeSystem"]
        if system["uri"] == "urn:codestile:system:DEMO"
    ]
    told = {edge["node"]["label"] for edge in demo["releases"]["edges"]}
    assert told == {version["code"] for version in same["version"]}
    return told


async def until_known(browsers: list[Any], label: str) -> None:
    """Wait until every server tells of a release."""
    async with asyncio.timeout(30):
        while not all([label in await labels(browser) for browser in browsers]):
            await asyncio.sleep(0.02)


async def test_a_load_is_known_to_every_server(
    start_server_on: Any, new_browser: Any, database_url: str, redis_url: str
) -> None:
    async with (
        start_server_on(database_url, redis_url) as first,
        start_server_on(database_url, redis_url) as second,
    ):
        browsers = [new_browser(first), new_browser(second)]
        before = [await labels(browser) for browser in browsers for _ in range(2)]
        await load(database_url, [edition("DEMO-2026-NOV", 2026, month=11)])
        await until_known(browsers, "DEMO-2026-NOV")

        await cut_off(database_url)
        await load(database_url, [edition("DEMO-2026-DEC", 2026, month=12)])
        await until_known(browsers, "DEMO-2026-DEC")

    assert before == [{"DEMO-2025", "DEMO-2026"}] * 4


async def cut_off(database_url: str) -> None:
    """End the connections that the servers listen on."""
    connection = await asyncpg.connect(database_url)
    try:
        await cut_listeners(connection)
    finally:
        await connection.close()
