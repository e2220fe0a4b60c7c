"""Whatever is sent in place of a token is nobody's: no text lets anyone in as somebody else."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from graph.identity import GuestTokens
from schema.people import Network
from tests.graph.people.conftest import (
    SECRET,
    OpenSite,
    Site,
    log_in,
    new_email,
    new_host,
    register,
)

VIEWER = "{ viewer { kind user { email } } }"
OPEN = (
    'query { codePage(ref: {key: {system: ICD10CM, value: "I10"}}) '
    "{ __typename ... on CodePage { view { wasCharged } } } }"
)
Header = tuple[bytes, bytes]

fuzzed = settings(
    max_examples=40,
    deadline=None,
    # One application answers every example: it has to bear them all.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
raw = st.binary(max_size=120)
"""What a header may hold as far as ASGI is concerned."""


@dataclass
class Answer:
    """A response, however the request was built."""

    status: int
    headers: list[Header]
    body: Any

    @property
    def codes(self) -> list[str]:
        """The codes of its errors."""
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]

    @property
    def viewer(self) -> tuple[str, str | None]:
        """(kind, e-mail) of whoever the server took the sender for."""
        assert (self.status, self.codes) == (200, []), self.body
        viewer = self.body["data"]["viewer"]
        return viewer["kind"], viewer["user"] and viewer["user"]["email"]

    @property
    def cookies(self) -> list[str]:
        """The beginnings of the cookies it sets, up to their values."""
        set_ = [value.decode() for name, value in self.headers if name == b"set-cookie"]
        return [re.match(r"[^;]*?=(?=;)|[^=]*", text)[0] for text in set_]  # type: ignore[index]


async def send(
    site: Site, query: str, *headers: Header, variables: Any = None, host: str = "198.51.100.9"
) -> Answer:
    """The answer to a request with such headers, byte for byte: no client would send some."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "client": (host, 5_000),
        "server": ("codes.example", 80),
        "http_version": "1.1",
        "headers": [(b"host", b"codes.example"), (b"content-type", b"application/json"), *headers],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Any) -> None:
        sent.append(message)

    await site.app(scope, receive, keep)
    start, *parts = sent
    text = b"".join(part.get("body", b"") for part in parts)
    return Answer(start["status"], start["headers"], json.loads(text))


@dataclass
class Known:
    """A member of the site, in force by a cookie and by a token of an app."""

    email: str
    cookie: str
    token: str


@pytest.fixture
async def known(site: Site) -> Known:
    """Somebody whom others might be taken for."""
    browser = await site.browser()
    email = await site.member(browser)
    token = (await log_in(await site.browser(), email, as_token=True))["accessToken"]
    return Known(email, browser.client.cookies["codestile_session"], token)


@st.composite
def changed(draw: st.DrawFn, length: int) -> tuple[int, int]:
    """(place, bits to flip in the byte there) of a text so long."""
    return draw(st.integers(0, length - 1)), draw(st.integers(1, 255))


def flipped(text: str, place: int, bits: int) -> bytes:
    """The text with some bits of one byte flipped."""
    found = bytearray(text.encode())
    found[place] ^= bits
    return bytes(found)


TOKEN_LENGTH = 47
GUEST_TOKEN = GuestTokens(SECRET).sign("g" + "A" * 22, 12, Network(digest="n" * 22, period=685))


@fuzzed
@given(change=changed(TOKEN_LENGTH))
@example(change=(0, 0x20))
@example(change=(TOKEN_LENGTH - 1, 1))
async def test_a_token_with_any_bit_flipped_is_nobodys(
    site: Site, known: Known, change: tuple[int, int]
) -> None:
    assert len(known.token) == TOKEN_LENGTH

    by_header = await send(
        site, VIEWER, (b"authorization", b"Bearer " + flipped(known.token, *change))
    )
    by_cookie = await send(
        site, VIEWER, (b"cookie", b"codestile_session=" + flipped(known.cookie, *change))
    )

    assert (by_header.status, by_header.codes) == (401, ["UNAUTHENTICATED"])
    assert "data" not in by_header.body
    assert by_cookie.viewer == ("GUEST", None)
    assert by_cookie.cookies == ["codestile_session="]


@fuzzed
@given(value=raw, before=raw, after=raw)
@example(value=b"", before=b"", after=b"")
@example(value=b"Bearer", before=b" ", after=b"\0")
@example(value=b"Bearer css_" + b"x" * 100_000, before=b"\t", after=b"\n")
async def test_no_authorization_but_a_token_in_force_proves_anybody(
    site: Site, known: Known, value: bytes, before: bytes, after: bytes
) -> None:
    assume(before or after)
    token, cookie = known.token.encode(), (b"cookie", b"codestile_session=" + known.cookie.encode())

    for header in (value, b"Bearer " + value, b"Bearer " + before + token + after):
        answer = await send(site, VIEWER, (b"authorization", header), cookie)

        assert (answer.status, answer.codes) == (401, ["UNAUTHENTICATED"]), header
        assert "data" not in answer.body
        assert (b"www-authenticate", b"Bearer") in answer.headers


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_token_in_force_is_its_owners(site: Site, known: Known, scheme: str) -> None:
    """Shows that the requests above would be let in if they had the token."""
    header = (b"authorization", f"{scheme} {known.token}".encode())
    cookie = (b"cookie", f"codestile_session={known.cookie}".encode())

    assert (await send(site, VIEWER, header)).viewer == ("REGISTERED", known.email)
    assert (await send(site, VIEWER, cookie)).viewer == ("REGISTERED", known.email)


@fuzzed
@given(value=raw.filter(lambda value: b";" not in value))
@example(value=b"")
@example(value=b"\0")
@example(value=b'"')
@example(value=b"css_" + b"\xff" * 43)
@example(value=b"x" * 100_000)
async def test_a_cookie_that_is_no_token_is_a_guests_and_is_taken_away(
    site: Site, value: bytes
) -> None:
    answer = await send(site, VIEWER, (b"cookie", b"codestile_session=" + value))

    assert answer.viewer == ("GUEST", None)
    assert answer.cookies == ["codestile_session="]


@fuzzed
@given(around=st.lists(st.tuples(raw, raw), min_size=1, max_size=5), copies=st.integers(1, 3))
async def test_whatever_stands_around_a_cookie_its_sender_is_nobody_else(
    site: Site, known: Known, around: list[tuple[bytes, bytes]], copies: int
) -> None:
    """Duplicates, empty and broken cookies, several headers: one's own account, or none."""
    own = b"; ".join([f"codestile_session={known.cookie}".encode()] * copies)
    headers = [(b"cookie", before + b"; " + own + b"; " + after) for before, after in around]

    answer = await send(site, VIEWER, *headers)

    assert answer.viewer in (("REGISTERED", known.email), ("GUEST", None))


@fuzzed
@given(order=st.permutations(["mine", "forged", "empty"]), is_one=st.booleans())
async def test_of_several_session_cookies_the_last_counts(
    site: Site, known: Known, order: list[str], is_one: bool
) -> None:
    """A cookie planted beside another takes its owner's place at most by nobody."""
    values = {"mine": known.cookie, "forged": "css_" + "x" * 43, "empty": ""}
    cookies = [f"codestile_session={values[name]}".encode() for name in order]
    headers = [b"; ".join(cookies)] if is_one else cookies

    answer = await send(site, VIEWER, *((b"cookie", value) for value in headers))

    is_mine = order[-1] == "mine"
    assert answer.viewer == (("REGISTERED", known.email) if is_mine else ("GUEST", None))
    assert answer.cookies == ([] if is_mine else ["codestile_session="])


@fuzzed
@given(change=changed(len(GUEST_TOKEN)), name=st.sampled_from(["cookie", "codestile-viewer"]))
async def test_a_guest_token_with_any_bit_flipped_is_a_new_guests(
    site: Site, change: tuple[int, int], name: str
) -> None:
    """A guest who has opened the page reads it again for nothing; whoever forges pays."""
    forged = flipped(GUEST_TOKEN, *change)
    value = b"codestile_guest=" + forged if name == "cookie" else forged

    answer = await send(site, OPEN, (name.encode(), value), host=new_host())

    assert answer.codes == []
    assert answer.body["data"]["codePage"]["view"] == {"wasCharged": True}
    given_ = [v for n, v in answer.headers if n == b"codestile-viewer"]
    assert len(given_) == 1
    read = GuestTokens(SECRET).read(given_[0].decode())
    assert read is not None
    assert read[0] != "g" + "A" * 22


@fuzzed
@given(token=st.text(max_size=200))
@example(token="")
@example(token="\x00")
async def test_no_text_reads_as_a_guest_token(token: str) -> None:
    assert GuestTokens(SECRET).read(token) is None
    assert GuestTokens(SECRET).read(GUEST_TOKEN + token) is None or token == ""
    assert GuestTokens(SECRET).read(token + GUEST_TOKEN) is None or token == ""


@settings(fuzzed, max_examples=15)
@given(text=st.text(max_size=60), digits=st.text("0123456789\x00٣", max_size=8))
@example(text="\x00", digits="\x00")
@example(text="a@b.example\x00", digits="")
@example(text="\U0001f600" * 60, digits="٠٠٠٠٠٠")
async def test_no_text_is_a_proof_of_an_address(site: Site, text: str, digits: str) -> None:
    """Every text has an answer, a NUL among it, which PostgreSQL does not take."""
    email, host = new_email(), new_host()
    await register(await site.browser(), email)
    assume(digits != (await site.proof(email))[1])
    prove = (
        "mutation ($proof: ProofInput!) { verifyEmail(input: {proof: $proof}) "
        "{ __typename ... on InvalidInput { fields { rule } } } }"
    )

    answers = [
        await send(site, prove, variables={"proof": proof}, host=host)
        for proof in (
            {"token": text},
            {"mailed": {"email": email, "code": digits}},
            {"mailed": {"email": text, "code": digits}},
        )
    ]

    refused = {"__typename": "InvalidInput", "fields": [{"rule": "PROOF"}]}
    assert [answer.body["data"] for answer in answers] == [{"verifyEmail": refused}] * 3
    assert [answer.cookies for answer in answers] == [[]] * 3


@settings(fuzzed, max_examples=15)
@given(text=st.text(max_size=60))
@example(text="\x00")
@example(text="a@b.example\x00")
async def test_no_text_logs_in_or_sets_a_password(site: Site, text: str) -> None:
    changes = {
        "logIn": "mutation ($t: String!) "
        "{ logIn(input: {email: $t, password: $t}) { __typename } }",
        "resetPassword": "mutation ($t: String!) "
        "{ resetPassword(input: {token: $t, newPassword: $t}) { __typename } }",
        "revokeSession": "mutation ($t: ID!) { revokeSession(id: $t) { __typename } }",
        "deleteAccount": "mutation ($t: String!) { deleteAccount(password: $t) { __typename } }",
    }
    host = new_host()

    answers = {
        name: (await send(site, change, variables={"t": text}, host=host)).body
        for name, change in changes.items()
    }

    assert {name: answer["data"][name]["__typename"] for name, answer in answers.items()} == {
        "logIn": "Unauthenticated",
        "resetPassword": "InvalidInput",
        "revokeSession": "Unauthenticated",
        "deleteAccount": "Unauthenticated",
    }


@pytest.mark.parametrize("escaped", ["\\ud800", "\\udc00", "\\ud800x", "\\u{d800}", "\\u0000"])
async def test_half_a_character_is_no_text(site: Site, escaped: str) -> None:
    """A surrogate has no bytes in UTF-8, so it must not come as far as a digest."""
    prove = f'verifyEmail(input: {{proof: {{token: "{escaped}"}}}}) {{ __typename }}'

    answer = await send(site, f"mutation {{ {prove} }}")

    is_text = escaped == "\\u0000"
    assert answer.status == 200
    assert answer.codes == ([] if is_text else ["GRAPHQL_PARSE_FAILED"])


@fuzzed
@given(value=raw)
@example(value=b"\0" * 8)
@example(value=b"\xff" * 64)
async def test_a_request_is_named_by_visible_characters_or_refused(
    site: Site, value: bytes
) -> None:
    answer = await send(site, VIEWER, (b"idempotency-key", value))

    is_name = re.fullmatch(rb"[\x21-\x7e]{8,64}", value) is not None
    assert answer.status == (200 if is_name else 400)
    assert answer.codes == ([] if is_name else ["BAD_USER_INPUT"])


@pytest.fixture
async def behind_https(open_site: OpenSite) -> AsyncIterator[Site]:
    """A site whose readers come by https."""
    async with open_site(public_url="https://codes.example") as opened:
        yield opened


async def test_under_https_a_cookie_that_a_sibling_could_plant_is_not_read(
    behind_https: Site,
) -> None:
    browser = await behind_https.browser()
    email = await behind_https.member(browser)
    token = (await log_in(await behind_https.browser(), email, as_token=True))["accessToken"]

    planted = await send(behind_https, VIEWER, (b"cookie", f"codestile_session={token}".encode()))
    own = await send(
        behind_https, VIEWER, (b"cookie", f"__Host-codestile_session={token}".encode())
    )

    assert (planted.viewer, planted.cookies) == (("GUEST", None), [])
    assert (own.viewer, own.cookies) == (("REGISTERED", email), [])
