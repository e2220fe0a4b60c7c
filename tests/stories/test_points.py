"""A reader who asks more than a bucket holds, at two servers that share it."""

import asyncio

from tests.stories.conftest import NewBrowser, Start

REFS = ", ".join(['{value: "I10"}'] * 20)
LOOK = f"{{ codes(refs: [{REFS}]) {{ result {{ ... on Code {{ breadcrumb {{ title }} }} }} }} }}"
"""Costs 140 of the 500 points that a guest has."""


async def test_two_servers_take_points_from_one_bucket(
    start_server: Start, redis_url: str, new_browser: NewBrowser
) -> None:
    on = {"CODESTILE_API_POINTS": "true", "CODESTILE_EXEMPT_NETWORKS": "127.0.0.0/8"}
    async with start_server(**on) as one, start_server(**on) as other:
        reader = new_browser(one)
        assert (await reader.open("I10"))["__typename"] == "CodePage"
        elsewhere = new_browser(other)
        elsewhere.client.cookies = reader.client.cookies

        responses = await asyncio.gather(
            *(at.client.post("/graphql", json={"query": LOOK}) for at in (reader, elsewhere) * 5)
        )

    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] * 3 + [429] * 7
    refused = [response for response in responses if response.status_code == 429]
    assert all(int(response.headers["Retry-After"]) > 0 for response in refused)
    assert {response.json()["errors"][0]["extensions"]["code"] for response in refused} == {
        "RATE_LIMITED"
    }
