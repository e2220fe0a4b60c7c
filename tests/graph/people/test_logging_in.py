"""Sessions begin with the password, are told apart, and end on both sides."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from graph import request
from graph.people import passwords
from tests.graph.people.conftest import (
    PASSWORD,
    Browser,
    OpenSite,
    Site,
    log_in,
    new_email,
    new_host,
    register,
)

OTHER = "another long passphrase"
NOBODY = {"kind": "GUEST", "user": None}


def cookie_of(browser: Browser) -> str:
    """The session token in a browser's cookie jar."""
    return browser.client.cookies["codestile_session"]


async def test_logging_in_elsewhere_finds_the_same_account(site: Site) -> None:
    one, two = await site.browser(), await site.browser()
    email = await site.member(one)
    await one.open("J45")

    started = await log_in(two, email)
    page = await two.open("J45")

    assert started["__typename"] == "SessionStarted"
    assert started["viewer"] == {"kind": "REGISTERED", "user": {"email": email}}
    assert page["view"] == {
        "wasCharged": False,
        "allowance": {"limit": 5, "used": 1, "remaining": 4},
    }


async def test_the_cookie_is_for_this_server_alone_and_no_script_reads_it(
    open_site: OpenSite,
) -> None:
    async with open_site(public_url="https://codes.example") as site:
        reader = await site.browser()
        email = await site.member(reader)
        query = (
            f'mutation {{ logIn(input: {{email: "{email}", password: "{PASSWORD}"}}) '
            "{ __typename ... on SessionStarted { accessToken } } }"
        )
        response = await reader.post(query)
        out = await reader.post("mutation { logOut { __typename } }")

    [cookie, guest] = response.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-codestile_session=css_")
    assert cookie.endswith("; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert guest == ("__Host-codestile_guest=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert response.json()["data"]["logIn"]["accessToken"] is None
    # A transport that is not https keeps the cookie back; so nobody was logged in to log out.
    assert out.json()["data"]["logOut"]["__typename"] == "Unauthenticated"


@pytest.mark.parametrize("known", [True, False])
async def test_a_wrong_password_and_an_unknown_address_are_told_alike(
    site: Site, known: bool
) -> None:
    reader = await site.browser()
    email = await site.member(await site.browser()) if known else new_email()

    refused = await log_in(reader, email, OTHER)

    assert refused == {
        "__typename": "Unauthenticated",
        "problemCode": "UNAUTHENTICATED",
        "message": "The address or the password is wrong.",
    }
    assert await reader.viewer() == NOBODY
    assert len(reader.client.cookies) == 0


@pytest.mark.parametrize("known", [True, False])
async def test_a_password_is_checked_whether_there_is_an_account_or_not(
    site: Site, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is the same, so is the time."""
    checked: list[str] = []
    real = passwords._HASHER.verify

    class Counting:
        def verify(self, kept: str, password: bytes) -> Any:
            checked.append(kept.partition("$v")[0])
            return real(kept, password)

    email = await site.member(await site.browser()) if known else new_email()
    monkeypatch.setattr(passwords, "_HASHER", Counting())
    await log_in(await site.browser(), email, OTHER)

    assert checked == ["$argon2id"]


async def test_passwords_are_kept_as_owasp_asks(site: Site) -> None:
    email = await site.member(await site.browser())

    [row] = await site.database.fetch("SELECT password_hash FROM account WHERE address = $1", email)

    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_when_too_many_passwords_wait_the_next_is_told_to_come_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = await site.member(await site.browser())
    monkeypatch.setattr(passwords, "WAITING_MAX", 0)

    refused = await log_in(await site.browser(), email)
    unasked = await register(await site.browser(), new_email())

    assert refused == {"__typename": "RateLimited", "retryAfterSeconds": 2}
    assert unasked == {"__typename": "RateLimited", "retryAfterSeconds": 2}
    [row] = await site.database.fetch(
        "SELECT count(*) FROM session s JOIN account a ON a.id = s.account_id WHERE a.address = $1",
        email,
    )
    assert row["count"] == 1


async def test_a_password_may_be_guessed_five_times_by_one_network(site: Site) -> None:
    owner, host = await site.browser(), new_host()
    email = await site.member(owner)
    guesser = await site.browser(host)

    answers = [await log_in(guesser, email, OTHER) for _ in range(6)]
    right = await log_in(guesser, email)
    elsewhere = await log_in(await site.browser(), email)

    assert [answer["__typename"] for answer in answers] == [
        *["Unauthenticated"] * 5,
        "RateLimited",
    ]
    assert 1 <= answers[5]["retryAfterSeconds"] <= 60
    assert right["__typename"] == "RateLimited"
    # Nobody is locked out of an account by strangers.
    assert elsewhere["__typename"] == "SessionStarted"


async def test_logging_out_ends_the_session_on_the_server_too(site: Site) -> None:
    reader = await site.browser()
    await site.member(reader)
    token = cookie_of(reader)

    out = await reader.change("logOut { ... on LogOutSuccess { viewer { kind user { email } } } }")
    stolen = await site.browser()
    response = await stolen.post("{ viewer { kind } }", Authorization=f"Bearer {token}")

    assert out == {"viewer": NOBODY}
    assert await reader.viewer() == NOBODY
    assert "codestile_session" not in reader.client.cookies
    assert response.status_code == 401


async def test_after_logging_out_the_browser_is_a_new_guest(site: Site) -> None:
    reader = await site.browser()
    await reader.open("I10")
    await site.member(reader)
    await reader.change("logOut { __typename }")

    page, other = await reader.open("J45"), await reader.open("I10")

    assert page["view"] == {
        "wasCharged": True,
        "allowance": {"limit": 1, "used": 1, "remaining": 0},
    }
    assert other["__typename"] == "ViewLimitReached"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer css_" + "x" * 43,
        "Bearer css_short",
        "Bearer ",
        "Bearer csk_live_abcdefghijkl_" + "x" * 43,
        "Basic dXNlcjpwYXNz",
        "css_" + "x" * 43,
    ],
)
async def test_a_header_that_proves_nobody_is_refused(site: Site, header: str) -> None:
    reader = await site.browser()

    response = await reader.post("{ viewer { kind } }", Authorization=header)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "data" not in response.json()


async def test_with_a_header_the_cookie_is_not_read(site: Site) -> None:
    reader, app = await site.browser(), await site.browser()
    await site.member(reader)
    email = await site.member(app)
    token = (await log_in(app, email, as_token=True))["accessToken"]

    known = await reader.viewer(Authorization=f"Bearer {token}")
    refused = await reader.post("{ viewer { kind } }", Authorization="Bearer css_nobody")

    assert known["user"] == {"email": email}
    assert refused.status_code == 401


async def test_a_forged_or_old_cookie_is_a_guests_and_is_taken_away(site: Site) -> None:
    reader = await site.browser()
    await site.member(reader)
    site.clock.pass_by(days=91)

    response = await reader.post("{ viewer { kind } }")

    assert response.json()["data"]["viewer"] == {"kind": "GUEST"}
    assert response.headers["set-cookie"].startswith("codestile_session=; Max-Age=0")


@pytest.mark.parametrize(("days", "kind"), [(13.9, "REGISTERED"), (14.1, "GUEST")])
async def test_a_session_that_lies_unused_for_two_weeks_is_over(
    site: Site, days: float, kind: str
) -> None:
    reader = await site.browser()
    await site.member(reader)
    site.clock.pass_by(days=days)

    assert (await reader.viewer("kind"))["kind"] == kind


async def test_a_session_that_is_used_lasts_ninety_days(site: Site) -> None:
    reader = await site.browser()
    await site.member(reader)
    kinds = []
    for _ in range(10):
        site.clock.pass_by(days=9.5)
        kinds.append((await reader.viewer("kind"))["kind"])

    assert kinds == ["REGISTERED"] * 9 + ["GUEST"]


async def test_sessions_are_listed_and_ended_one_by_one(site: Site) -> None:
    one, two, app = [await site.browser() for _ in range(3)]
    email = await site.member(one)
    await log_in(two, email)
    token = (await log_in(app, email, as_token=True))["accessToken"]
    site.clock.pass_by(minutes=10)

    listed = (await one.viewer("sessions { id client isCurrent }"))["sessions"]
    [app_id] = [session["id"] for session in listed if session["client"] == "APP"]
    ended = await one.change(
        f'revokeSession(id: "{app_id}") {{ ... on SessionsEnded {{ count }} }}'
    )
    again = await one.change(f'revokeSession(id: "{app_id}") {{ __typename }}')
    response = await app.post("{ viewer { kind } }", Authorization=f"Bearer {token}")

    assert next((s["client"], s["isCurrent"]) for s in listed) == ("BROWSER", True)
    assert sorted(s["client"] for s in listed) == ["APP", "BROWSER", "BROWSER"]
    assert ended == {"count": 1}
    assert again == {"__typename": "NotFound"}
    assert response.status_code == 401
    assert (await two.viewer("kind"))["kind"] == "REGISTERED"


async def test_a_session_of_somebody_else_is_not_found_and_goes_on(site: Site) -> None:
    one, two = await site.browser(), await site.browser()
    await site.member(one)
    await site.member(two)
    [session] = (await one.viewer("sessions { id }"))["sessions"]

    refused = await two.change(f'revokeSession(id: "{session["id"]}") {{ __typename }}')

    assert refused == {"__typename": "NotFound"}
    assert (await one.viewer("kind"))["kind"] == "REGISTERED"


async def test_all_other_sessions_end_at_once(site: Site) -> None:
    readers = [await site.browser() for _ in range(4)]
    email = await site.member(readers[0])
    for reader in readers[1:]:
        await log_in(reader, email)

    ended = await readers[2].change("revokeOtherSessions { ... on SessionsEnded { count } }")
    kinds = [(await reader.viewer("kind"))["kind"] for reader in readers]

    assert ended == {"count": 3}
    assert kinds == ["GUEST", "GUEST", "REGISTERED", "GUEST"]


async def test_an_account_has_fifty_sessions_and_the_next_ends_the_oldest(site: Site) -> None:
    first = await site.browser()
    email = await site.member(first)
    for _ in range(50):
        site.clock.pass_by(seconds=1)
        await log_in(await site.browser(), email)

    [row] = await site.database.fetch(
        "SELECT count(*) FROM session s JOIN account a ON a.id = s.account_id WHERE address = $1",
        email,
    )
    assert row["count"] == 50
    assert (await first.viewer("kind"))["kind"] == "GUEST"


async def test_another_password_ends_every_session_and_begins_one_here(site: Site) -> None:
    one, two = await site.browser(), await site.browser()
    email = await site.member(one)
    await log_in(two, email)
    before = cookie_of(one)

    wrong = await one.change(
        f'changePassword(input: {{password: "{OTHER}", newPassword: "{OTHER}!"}}) {{ __typename }}'
    )
    weak = await one.change(
        f'changePassword(input: {{password: "{PASSWORD}", newPassword: "short"}}) {{ __typename '
        "... on InvalidInput { fields { path rule } } }"
    )
    still = await two.viewer("kind")
    changed = await one.change(
        f'changePassword(input: {{password: "{PASSWORD}", newPassword: "{OTHER}"}}) '
        "{ __typename }"
    )

    assert wrong == {"__typename": "Unauthenticated"}
    assert weak == {
        "__typename": "InvalidInput",
        "fields": [{"path": ["input", "newPassword"], "rule": "PASSWORD"}],
    }
    assert still == {"kind": "REGISTERED"}
    assert changed == {"__typename": "SessionStarted"}
    assert cookie_of(one) != before
    assert (await one.viewer("kind"))["kind"] == "REGISTERED"
    assert (await two.viewer("kind"))["kind"] == "GUEST"
    assert (await log_in(two, email))["__typename"] == "Unauthenticated"
    assert (await log_in(two, email, OTHER))["__typename"] == "SessionStarted"


async def test_a_mailed_link_sets_a_password_once(site: Site) -> None:
    owner, reader = await site.browser(), await site.browser()
    email = await site.member(owner)
    await reader.change(f'requestPasswordReset(email: "{email}") {{ __typename }}')
    token, _ = await site.proof(email)
    query = f'resetPassword(input: {{token: "{token}", newPassword: "{OTHER}"}}) {{ __typename }}'

    answers = [await reader.change(query) for _ in range(2)]

    assert answers == [{"__typename": "PasswordSet"}, {"__typename": "InvalidInput"}]
    assert (await owner.viewer("kind"))["kind"] == "GUEST"
    assert (await log_in(reader, email, OTHER))["__typename"] == "SessionStarted"


async def test_a_reset_for_what_is_no_address_is_told_where_it_stands(site: Site) -> None:
    reader = await site.browser()

    refused = await reader.change(
        'requestPasswordReset(email: "nobody") { ... on InvalidInput { fields { path rule } } }'
    )

    assert refused == {"fields": [{"path": ["email"], "rule": "EMAIL"}]}
    assert await site.letters("nobody") == []


async def test_a_reset_is_answered_alike_for_whom_nobody_knows(site: Site) -> None:
    reader, known, unknown = (
        await site.browser(),
        await site.member(await site.browser()),
        new_email(),
    )
    ask = 'requestPasswordReset(email: "%s") { __typename ... on VerificationSent { sentTo } }'

    answers = [await reader.change(ask % email) for email in (known, unknown)]

    assert answers == [
        {"__typename": "VerificationSent", "sentTo": known},
        {"__typename": "VerificationSent", "sentTo": unknown},
    ]
    assert [letter["subject"] for letter in await site.letters(known)][-1] == (
        "Set a new Codestile password"
    )
    assert await site.letters(unknown) == []


async def test_an_operation_makes_one_change(site: Site) -> None:
    """So a second try of a password is a second request."""
    reader, email = await site.browser(), await site.member(await site.browser())
    one = f'logIn(input: {{email: "{email}", password: "{PASSWORD}"}}) {{ __typename }}'

    response = await reader.post(f"mutation {{ a: {one} b: {one} }}")

    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "OPERATION_LIMIT_EXCEEDED"
    assert "data" not in response.json()
    assert len(reader.client.cookies) == 0


async def test_a_page_of_another_site_changes_nothing(site: Site) -> None:
    reader = await site.browser()
    await site.member(reader)

    response = await reader.post("mutation { logOut { __typename } }", Sec_Fetch_Site="cross-site")

    assert response.status_code == 403
    assert (await reader.viewer("kind"))["kind"] == "REGISTERED"


async def test_a_session_that_ends_while_a_body_arrives_asks_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever sends the last byte late goes on for as long as a body may take."""
    owner, thief = await site.browser(), await site.browser()
    email = await site.member(owner)
    await log_in(thief, email)
    monkeypatch.setattr(request, "KNOWN_SECONDS", 0.0)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"query": "{ viewer { kind '
        ended = await owner.change("revokeOtherSessions { ... on SessionsEnded { count } }")
        assert ended == {"count": 1}
        yield b'} }"}'

    response = await thief.client.post(
        "/graphql", content=slowly(), headers={"Content-Type": "application/json"}
    )

    assert response.json()["data"] == {"viewer": {"kind": "GUEST"}}
    assert len(thief.client.cookies) == 0
