"""An account is made by whoever reads the address's mail, once, and starts with what they had."""

import asyncio
from collections import Counter

import pytest

from tests.graph.people.conftest import (
    PASSWORD,
    OpenSite,
    Site,
    log_in,
    new_email,
    new_host,
    register,
    verify,
)

SPENT = {"limit": 5, "used": 5, "remaining": 0}


async def test_guest_who_registers_keeps_the_page_and_gets_five_more(site: Site) -> None:
    reader, email = await site.browser(), new_email()
    first = await reader.open("I10")
    refused = await reader.open("J45")

    sent = await register(reader, email)
    before = await reader.viewer("kind allowance { limit used }")
    started = await verify(reader, (await site.proof(email))[0])
    after = await reader.viewer("kind user { email } allowance { limit used remaining banner }")
    again = await reader.open("I10")
    pages = [await reader.open(code) for code in ("J45", "E11", "N17", "M54", "L20", "K50")]

    assert first["view"]["wasCharged"] is True
    assert refused["__typename"] == "ViewLimitReached"
    assert (sent["__typename"], sent["sentTo"]) == ("VerificationSent", email)
    assert before == {"kind": "GUEST", "allowance": {"limit": 1, "used": 1}}
    assert started == {
        "__typename": "SessionStarted",
        "accessToken": None,
        "viewer": {"kind": "REGISTERED"},
    }
    assert after == {
        "kind": "REGISTERED",
        "user": {"email": email},
        "allowance": {
            "limit": 5,
            "used": 0,
            "remaining": 5,
            "banner": "5 code page views remaining. Registered accounts are limited to 5 page "
            "views. Subscribe to open code pages without limit.",
        },
    }
    assert (again["view"]["wasCharged"], again["lockedSectionCount"]) == (False, 0)
    assert [page["__typename"] for page in pages] == ["CodePage"] * 5 + ["ViewLimitReached"]
    assert pages[-1]["allowance"] == SPENT


async def test_a_guest_who_opened_nothing_has_five_as_well(site: Site) -> None:
    reader = await site.browser()
    await site.member(reader)

    pages = [await reader.open(code) for code in ("J45", "E11", "N17", "M54", "L20", "K50")]

    assert [page["__typename"] for page in pages] == ["CodePage"] * 5 + ["ViewLimitReached"]


async def test_the_code_of_the_letter_is_as_good_as_its_link(site: Site) -> None:
    reader, email = await site.browser(), new_email()
    await register(reader, email)
    _, code = await site.proof(email)
    proof = f'{{mailed: {{email: "{email.upper()}", code: " {code} "}}}}'

    answers = [
        await reader.change(
            f"verifyEmail(input: {{proof: {proof}}}) {{ __typename "
            "... on InvalidInput { fields { path rule } } }"
        )
        for _ in range(2)
    ]

    assert answers[0] == {"__typename": "SessionStarted"}
    # It is good once.
    assert answers[1] == {
        "__typename": "InvalidInput",
        "fields": [{"path": ["input", "proof", "mailed", "code"], "rule": "PROOF"}],
    }


async def test_an_app_gets_a_token_in_the_answer_and_no_cookie(site: Site) -> None:
    app, email = await site.browser(), new_email()
    await register(app, email)
    token, _ = await site.proof(email)

    started = await app.change(
        f'verifyEmail(input: {{asToken: true, proof: {{token: "{token}"}}}}) '
        "{ ... on SessionStarted { accessToken } }"
    )
    known = await app.viewer(Authorization=f"Bearer {started['accessToken']}")
    unknown = await app.viewer()

    assert started["accessToken"].startswith("css_")
    assert known == {"kind": "REGISTERED", "user": {"email": email}}
    assert unknown == {"kind": "GUEST", "user": None}
    assert len(app.client.cookies) == 0


async def test_a_known_address_is_answered_as_an_unknown_one_and_written_to(site: Site) -> None:
    reader, stranger = await site.browser(), await site.browser()
    email = await site.member(reader)
    accounts = await site.database.fetch("SELECT id FROM account WHERE address = $1", email)

    sent = await register(stranger, email, "another long passphrase")
    letters = await site.letters(email)
    rightful = await log_in(stranger, email)
    wrongful = await log_in(stranger, email, "another long passphrase")

    assert (sent["__typename"], sent["sentTo"]) == ("VerificationSent", email)
    assert [letter["subject"] for letter in letters][-1] == "You have a Codestile account already"
    assert "#token=" not in letters[-1]["body"]
    assert rightful["__typename"] == "SessionStarted"
    assert wrongful["__typename"] == "Unauthenticated"
    assert await site.database.fetch("SELECT id FROM account WHERE address = $1", email) == accounts


async def test_a_registered_address_written_otherwise_is_the_same_account(site: Site) -> None:
    reader, other = await site.browser(), await site.browser()
    email = await site.member(reader)
    name, _, domain = email.partition("@")

    await register(other, f"{name.upper()}+more@{domain.upper()}")
    letters = await site.letters(f"{name.upper()}+more@{domain}")

    assert [letter["subject"] for letter in letters] == ["You have a Codestile account already"]


async def test_two_registrations_of_one_address_make_one_account(site: Site) -> None:
    """Whoever proves it first has it; the other's link and code are worth nothing then."""
    one, two, email = await site.browser(), await site.browser(), new_email()
    await register(one, email)
    first, _ = await site.proof(email)
    await register(two, email, "another long passphrase")
    second, _ = await site.proof(email)

    answers = await asyncio.gather(*(verify(one, token) for token in (first, second) * 5))

    assert Counter(answer["__typename"] for answer in answers) == {
        "SessionStarted": 1,
        "InvalidInput": 9,
    }
    [row] = await site.database.fetch("SELECT count(*) FROM account WHERE address = $1", email)
    assert row["count"] == 1


async def test_a_retry_under_the_same_key_writes_no_second_letter(site: Site) -> None:
    reader, email = await site.browser(), new_email()

    sent = [await register(reader, email, Idempotency_Key="once-and-no-more") for _ in range(10)]
    other = await register(reader, f"x{email}", Idempotency_Key="once-and-no-more")
    mixed = await register(reader, email.replace("@", "+m@"), Idempotency_Key="once-and-no-more")

    assert [answer == sent[0] for answer in sent] == [True] * 10
    assert len(await site.letters(email)) == 1
    # The key names the request together with the address.
    assert other["__typename"] == "VerificationSent"
    assert mixed == {"__typename": "Conflict", "problemCode": "IDEMPOTENCY_MISMATCH"}


@pytest.mark.parametrize(
    ("email", "password", "faults"),
    [
        ("nobody", PASSWORD, [("email", "EMAIL")]),
        ("", PASSWORD, [("email", "EMAIL")]),
        ("a@b", PASSWORD, [("email", "EMAIL")]),
        ("a@b.example\nBcc: c@d.example", PASSWORD, [("email", "EMAIL")]),
        ("ä@codes.example", PASSWORD, [("email", "EMAIL")]),
        (f"{'a' * 250}@codes.example", PASSWORD, [("email", "EMAIL")]),
        ("ok@codes.example", "too short", [("password", "PASSWORD")]),
        ("ok@codes.example", "a" * 201, [("password", "PASSWORD")]),
        ("ok@codes.example", "abababababab", [("password", "PASSWORD")]),
        ("reader@codes.example", "reader-1234", [("password", "PASSWORD")]),
        ("nobody", "short", [("email", "EMAIL"), ("password", "PASSWORD")]),
    ],
)
async def test_what_cannot_be_an_account_is_told_field_by_field(
    site: Site, email: str, password: str, faults: list[tuple[str, str]]
) -> None:
    reader = await site.browser()

    refused = await register(reader, email, password)

    assert refused["__typename"] == "InvalidInput"
    assert [(f["path"], f["rule"]) for f in refused["fields"]] == [
        (["input", name], rule) for name, rule in faults
    ]
    assert await site.letters(email) == []


async def test_a_link_is_over_after_two_hours(site: Site) -> None:
    reader, email = await site.browser(), new_email()
    await register(reader, email)
    token, _ = await site.proof(email)
    site.clock.pass_by(hours=2)

    late = await verify(reader, token)

    assert late["__typename"] == "InvalidInput"
    assert await site.database.fetch("SELECT id FROM account WHERE address = $1", email) == []


async def test_a_code_can_be_guessed_five_times(site: Site) -> None:
    reader, email = await site.browser(), new_email()
    await register(reader, email)
    token, code = await site.proof(email)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    guess = (
        f'verifyEmail(input: {{proof: {{mailed: {{email: "{email}", code: "%s"}}}}}}) '
        "{ __typename ... on RateLimited { retryAfterSeconds } }"
    )

    answers = [await reader.change(guess % wrong) for _ in range(5)]
    right, link = await reader.change(guess % code), await verify(reader, token)

    assert [answer["__typename"] for answer in answers] == ["InvalidInput"] * 5
    assert right["__typename"] == "RateLimited"
    assert 1790 <= right["retryAfterSeconds"] <= 1800
    # Guesses of a stranger do not keep out whoever has the letter.
    assert link["__typename"] == "SessionStarted"


async def test_an_address_is_written_to_three_times(site: Site) -> None:
    reader, email = await site.browser(), new_email()

    answers = [await register(reader, email) for _ in range(4)]

    assert [answer["__typename"] for answer in answers] == [
        *["VerificationSent"] * 3,
        "RateLimited",
    ]
    assert len(await site.letters(email)) == 3


async def test_a_network_makes_as_many_accounts_in_a_day_as_its_budget(open_site: OpenSite) -> None:
    """P8, in ten tries at once."""
    async with open_site(accounts_a_day=2) as site:
        host = new_host()
        readers = [await site.browser(host) for _ in range(10)]
        emails = [new_email() for _ in readers]
        for reader, email in zip(readers, emails, strict=True):
            await register(reader, email)
        proofs = [(await site.proof(email))[0] for email in emails]

        answers = await asyncio.gather(*map(verify, readers, proofs))
        refused = [answer for answer in answers if answer["__typename"] != "SessionStarted"]
        elsewhere = await verify(
            await site.browser(),
            proofs[next(at for at, a in enumerate(answers) if a["__typename"] == "RateLimited")],
        )
        site.clock.pass_by(days=1)
        # The letters are over by then.
        await site.member(await site.browser(host))

    assert len(answers) - len(refused) == 2
    assert {answer["__typename"] for answer in refused} == {"RateLimited"}
    assert all(1 <= answer["retryAfterSeconds"] <= 86_400 for answer in refused)
    # What a network may not make, its owner can make elsewhere.
    assert elsewhere["__typename"] == "SessionStarted"
