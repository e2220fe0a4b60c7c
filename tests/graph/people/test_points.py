"""Operations are paid before they run: refused as a whole when the points are not there, and each
answer says what it cost."""

from typing import Any

import pytest
from redis.asyncio import Redis

from tests.graph.people.conftest import Browser, OpenSite, Site, log_in, new_host

HEADER = "Codestile-Viewer"
REFS = ", ".join(['{value: "I10"}'] * 20)
DEAR = f"{{ codes(refs: [{REFS}]) {{ result {{ ... on Code {{ breadcrumb {{ title }} }} }} }} }}"
"""Costs 20 items and for each the dearest answer: a code (1) with five ancestors."""
DEAR_POINTS = 20 * (1 + 1 + 5)
LIMIT = "rateLimit { cost operationLimit limit remaining used restoredPerSecond resetsAt }"


async def as_guest(site: Site, host: str | None = None) -> Browser:
    """Somebody who has a guest token."""
    browser = await site.browser(host)
    answer = await browser.open("I10")
    assert answer["__typename"] == "CodePage"
    return browser


async def empty(browser: Browser, times: int) -> list[int]:
    """The statuses of so many dear operations."""
    return [(await browser.post(DEAR)).status_code for _ in range(times)]


async def test_each_answer_says_what_it_cost_and_what_is_left(site: Site) -> None:
    browser = await site.browser()

    response = await browser.post(DEAR)

    assert response.json()["extensions"] == {
        "cost": {
            "requested": DEAR_POINTS,
            "limit": 200,
            "capacity": 5_000,
            "remaining": 5_000 - DEAR_POINTS,
            "restoredPerSecond": 50,
        }
    }
    assert response.headers["RateLimit-Limit"] == "5000"
    assert response.headers["RateLimit-Remaining"] == str(5_000 - DEAR_POINTS)
    assert response.headers["RateLimit-Reset"] == "3"
    assert "Retry-After" not in response.headers


async def test_a_guest_has_points_of_their_own(site: Site) -> None:
    guest = await as_guest(site)

    statuses = await empty(guest, 4)
    refused = await guest.post("{ viewer { kind } codeSystems { key } }" + " " * 3)

    assert statuses == [200, 200, 200, 429]
    assert refused.status_code == 200  # six points are there, though not the dear ones
    assert refused.json()["extensions"]["cost"]["capacity"] == 500


async def test_a_refused_operation_runs_nothing_and_says_when_to_ask_again(site: Site) -> None:
    guest = await as_guest(site)
    await empty(guest, 3)

    response = await guest.post(DEAR)

    [error] = response.json()["errors"]
    wait = int(response.headers["Retry-After"])
    assert response.status_code == 429
    assert 0 < wait <= DEAR_POINTS / 5
    assert error["extensions"]["code"] == "RATE_LIMITED"
    told = f"This costs {DEAR_POINTS} points, which are there in {wait} seconds."
    assert error["message"] == told
    assert "data" not in response.json()
    assert int(response.headers["RateLimit-Remaining"]) < DEAR_POINTS


async def test_a_page_that_is_not_paid_for_is_not_charged(site: Site) -> None:
    guest = await as_guest(site)
    await empty(guest, 3)

    refused = await guest.post(DEAR[:-1] + ' codePage(ref: {value: "E119"}) { __typename } }')

    assert refused.status_code == 429
    assert await guest.viewer("allowance { used }") == {"allowance": {"used": 1}}
    assert (await guest.open("I10"))["view"]["wasCharged"] is False


async def test_guests_of_one_network_share_ten_times_as_much(site: Site) -> None:
    """Whoever throws the token away gains nothing."""
    host = new_host()
    statuses = []
    for _ in range(13):
        nobody = await site.browser(host)
        statuses += await empty(nobody, 3)

    assert statuses.count(200) == pytest.approx(5_000 // DEAR_POINTS, abs=1)
    assert statuses[-1] == 429
    assert await empty(await site.browser(), 1) == [200]


async def test_members_pay_from_their_plans_bucket_wherever_they_are(site: Site) -> None:
    one, other = await site.browser(), await site.browser()
    email = await site.member(one)
    await log_in(other, email)

    first = await one.post(DEAR)
    second = await other.post(DEAR)

    told = [response.json()["extensions"]["cost"] for response in (first, second)]
    assert [cost["capacity"] for cost in told] == [1_000, 1_000]
    assert told[1]["remaining"] < told[0]["remaining"] <= 1_000 - DEAR_POINTS
    assert told[0]["limit"] == 500


async def test_the_limit_can_be_asked_for(site: Site) -> None:
    browser = await site.browser()

    answer = await browser.ask("{ " + LIMIT + " viewer { kind } }")

    limit = answer["rateLimit"]
    assert limit.pop("resetsAt") is not None
    assert limit == {
        "cost": 1,
        "operationLimit": 200,
        "limit": 5_000,
        "remaining": 4_999,
        "used": 1,
        "restoredPerSecond": 50,
    }


@pytest.mark.parametrize("argument", ["true", "$dry"])
async def test_a_trial_tells_the_cost_and_answers_nothing_else(site: Site, argument: str) -> None:
    browser = await site.browser()
    trial = f"rateLimit(dryRun: {argument}) {{ cost remaining }}"
    page = 'codePage(ref: {value: "I10"}) { __typename }'
    other = "other: rateLimit(dryRun: $dry) { cost }"
    text = f"query ($dry: Boolean! = true) {{ {trial} {page} {other} }}"

    response = await browser.post(text, {"dry": True})

    assert response.json()["data"] == {
        "rateLimit": {"cost": 10, "remaining": 5_000},
        "other": {"cost": 10},
    }
    assert HEADER not in response.headers
    assert (await browser.viewer("kind allowance { used }"))["allowance"] == {"used": 0}


@pytest.mark.parametrize(
    "text",
    [
        "query ($dry: Boolean = true) { rateLimit(dryRun: $dry) { cost } %s }",
        "{ ... { ...Asks } %s } fragment Asks on Query { rateLimit(dryRun: true) { cost } }",
        "query ($dry: Boolean = true) { rateLimit(dryRun: true) @include(if: $dry) { cost } %s }",
        "{ rateLimit(dryRun: true) { cost } ... { rateLimit(dryRun: true) { limit } } %s }",
    ],
)
async def test_a_trial_is_one_however_it_is_written(site: Site, text: str) -> None:
    browser = await site.browser()

    response = await browser.post(text % 'codePage(ref: {value: "I10"}) { __typename }')

    answer = response.json()
    assert list(answer["data"]) == ["rateLimit"]
    assert answer["data"]["rateLimit"]["cost"] == 10
    assert answer["extensions"]["cost"]["remaining"] == 5_000
    assert HEADER not in response.headers


@pytest.mark.parametrize(
    "asked", ["@include(if: false)", "@skip(if: true)", "@include(if: $dry) @skip(if: false)"]
)
async def test_a_trial_that_is_left_out_is_none(site: Site, asked: str) -> None:
    browser = await site.browser()
    declared = "($dry: Boolean = false)" if "$dry" in asked else ""

    response = await browser.post(
        f"query {declared} {{ rateLimit(dryRun: true) {asked} {{ cost }} viewer {{ kind }} }}"
    )

    assert response.json()["data"] == {"viewer": {"kind": "GUEST"}}
    assert response.json()["extensions"]["cost"]["remaining"] == 4_999


async def test_a_trial_with_wrong_variables_takes_nothing_and_runs_nothing(site: Site) -> None:
    browser = await site.browser()
    text = """query ($value: String!) { rateLimit(dryRun: true) { cost }
              codePage(ref: {value: $value}) { __typename } }"""

    response = await browser.post(text, {"value": 7})

    assert "data" not in response.json()
    assert response.headers["RateLimit-Remaining"] == "5000"


async def test_a_trial_may_ask_for_more_than_one_operation_may_cost(site: Site) -> None:
    nested = "children(first: 100) { edges { node { title } } }"
    text = (
        '{ rateLimit(dryRun: %s) { cost } code(ref: {value: "I10"}) { ... on Code { '
        "a: " + nested + " b: " + nested + " } } }"
    )
    browser = await site.browser()

    trial = await browser.ask(text % "true")
    refused = (await browser.post(text % "false")).json()

    assert trial == {"rateLimit": {"cost": 203}}
    [error] = refused["errors"]
    assert error["extensions"]["code"] == "OPERATION_LIMIT_EXCEEDED"
    assert error["extensions"]["cost"] == 203
    assert error["message"].startswith("The operation costs 203 points; one may cost 200.")


async def test_with_points_off_nothing_is_taken(open_site: OpenSite) -> None:
    async with open_site(api_points=False) as site:
        guest = await as_guest(site)

        statuses = await empty(guest, 5)
        response = await guest.post("{ " + LIMIT + " }")

        assert statuses == [200] * 5
        assert response.json()["data"]["rateLimit"]["limit"] is None
        assert "RateLimit-Limit" not in response.headers


async def test_networks_outside_every_budget_share_no_bucket(open_site: OpenSite) -> None:
    async with open_site(exempt_networks="198.18.0.0/15") as site:
        nobody = await site.browser(new_host())

        response = await nobody.post(DEAR)

        cost: dict[str, Any] = response.json()["extensions"]["cost"]
        assert (cost["requested"], cost["capacity"]) == (DEAR_POINTS, None)


async def test_while_the_store_is_away_reference_data_is_answered(
    open_site: OpenSite, redis_url: str
) -> None:
    async with open_site(store_timeout_seconds=0.2) as site, Redis.from_url(redis_url) as client:
        browser = await site.browser()
        assert (await browser.post(DEAR)).status_code == 200
        await client.execute_command("CLIENT", "PAUSE", "1500", "ALL")

        responses = [await browser.post(DEAR) for _ in range(3)]

        assert [response.status_code for response in responses] == [200] * 3
        assert {response.json()["extensions"]["cost"]["remaining"] for response in responses} == {
            None
        }
        assert responses[0].json()["data"] == responses[2].json()["data"]


async def test_fhir_is_paid_from_the_same_bucket(site: Site) -> None:
    guest = await as_guest(site)
    lookup = "/fhir/CodeSystem/$lookup?system=http://hl7.org/fhir/sid/icd-10-cm&code=I10"
    await empty(guest, 3)

    answered = await guest.client.get(lookup)
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": lookup.removeprefix("/fhir/")}}] * 20,
    }
    statuses = [(await guest.client.post("/fhir", json=bundle)).status_code for _ in range(5)]
    refused = await guest.client.post("/fhir", json=bundle)

    assert answered.status_code == 200
    assert int(answered.headers["RateLimit-Remaining"]) < 500 - 3 * DEAR_POINTS
    assert statuses[0] == 200
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    [issue] = refused.json()["issue"]
    assert (issue["code"], issue["diagnostics"][:20]) == ("throttled", "This costs 20 points")


@pytest.mark.parametrize(
    ("operation", "status", "points"),
    [("CodeSystem/$validate-code", 200, 20), ("ConceptMap/$translate", 403, 60)],
)
async def test_each_coding_of_a_concept_is_paid(
    site: Site, operation: str, status: int, points: int
) -> None:
    browser = await site.browser()
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}
    concept = {"name": "codeableConcept", "valueCodeableConcept": {"coding": [coding] * 20}}
    body = {"resourceType": "Parameters", "parameter": [concept]}

    answered = await browser.client.post(f"/fhir/{operation}", json=body)

    assert answered.status_code == status
    assert answered.headers["RateLimit-Remaining"] == str(5_000 - points)
