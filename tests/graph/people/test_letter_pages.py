"""The pages that letters link to: sealed, and silent until the reader says so."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate

from tests.graph.people.conftest import OpenSite, new_email, register, verify

ROOT = Path(__file__).parents[3]
LETTERS = ROOT / "graph/web/letters"
PAGES = ("/verify-email", "/reset-password")
TYPES = {
    "/verify-email": "text/html; charset=utf-8",
    "/reset-password": "text/html; charset=utf-8",
    "/letters/letters.css": "text/css; charset=utf-8",
    "/letters/letters.js": "text/javascript; charset=utf-8",
}
SEALED = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Read(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.feed((LETTERS / f"{page.strip('/')}.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style") and data.strip():
            self.inline.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize(("address", "media_type"), TYPES.items())
async def test_a_page_is_sealed(open_site: OpenSite, address: str, media_type: str) -> None:
    async with open_site(site_url=None) as site:
        response = await (await site.browser()).client.get(address)

    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    assert {name: response.headers.get(name) for name in SEALED} == SEALED
    assert "set-cookie" not in response.headers


async def test_pages_are_read_and_nothing_else(open_site: OpenSite) -> None:
    async with open_site(site_url=None) as site:
        client = (await site.browser()).client
        posted = [(await client.post(address)).status_code for address in PAGES]
        beside = await client.get("/letters/verify-email.html")

    assert (posted, beside.status_code) == ([405, 405], 404)


async def test_where_a_site_has_its_own_pages_the_server_has_none(open_site: OpenSite) -> None:
    async with open_site(site_url="https://codes.example") as site:
        client = (await site.browser()).client
        statuses = [(await client.get(address)).status_code for address in TYPES]

    assert statuses == [404] * len(TYPES)


async def test_letters_link_to_pages_that_are_there(open_site: OpenSite) -> None:
    async with open_site(site_url=None) as site:
        browser, email = await site.browser(), new_email()
        await register(browser, email)
        await verify(browser, (await site.proof(email))[0])
        await browser.change(f'requestPasswordReset(email: "{email}") {{ __typename }}')
        bodies = " ".join(letter["body"] for letter in await site.letters(email))

    linked = re.findall(r"http://127\.0\.0\.1:8000(\S+)#token=", bodies)
    assert linked == [*PAGES]


async def test_a_program_that_opens_every_link_uses_no_token_up(open_site: OpenSite) -> None:
    async with open_site(site_url=None) as site:
        browser, scanner, email = await site.browser(), await site.browser(), new_email()
        await register(browser, email)
        token = (await site.proof(email))[0]
        for _ in range(3):
            await scanner.client.get(f"/verify-email?token={token}#token={token}")

        assert await scanner.viewer("kind") == {"kind": "GUEST"}
        assert (await verify(browser, token))["__typename"] == "SessionStarted"


def test_what_the_pages_ask_fits_the_schema() -> None:
    schema = build_schema((ROOT / "schema/schema.graphql").read_text(encoding="utf-8"))
    script = (LETTERS / "letters.js").read_text(encoding="utf-8")
    documents = [parse(text) for text in re.findall(r"`(\s*mutation[^`]*)`", script)]

    faults = [validate(schema, document) for document in documents]

    assert faults == [[], []]
    [operations] = zip(*(document.definitions for document in documents), strict=True)
    assert [
        o.name.value for o in operations if isinstance(o, OperationDefinitionNode) and o.name
    ] == ["VerifyEmail", "ResetPassword"]


def test_every_refusal_of_a_change_has_its_words() -> None:
    """A member that is added to a result union has to be told too."""
    schema = build_schema((ROOT / "schema/schema.graphql").read_text(encoding="utf-8"))
    script = (LETTERS / "letters.js").read_text(encoding="utf-8")

    told = set(re.findall(r'case "(\w+)":', script))

    unions = [schema.type_map[name] for name in ("VerifyEmailResult", "ResetPasswordResult")]
    assert told == {
        member.name
        for union in unions
        for member in schema.get_possible_types(union)  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_script_or_style_of_its_own(page: str) -> None:
    read = Read(page)

    handlers = [
        a for _, attributes in read.tags for a in attributes if a.startswith(("on", "style"))
    ]
    assert (read.inline, handlers) == ([], [])
    assert read.all("script") == [{"type": "module", "src": "letters/letters.js"}]
    assert read.all("link") == [{"rel": "stylesheet", "href": "letters/letters.css"}]
    assert "//" not in (LETTERS / f"{page.strip('/')}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_used_without_seeing_or_pointing(page: str) -> None:
    read = Read(page)

    [html], [told], [form] = (
        read.all("html"),
        [attributes for _, attributes in read.tags if attributes.get("id") == "told"],
        read.all("form"),
    )
    assert html == {"lang": "en"}
    assert told == {"id": "told", "role": "status", "tabindex": "-1"}
    assert "hidden" in form
    assert read.all("button") == [{"type": "submit"}]
    assert [label["for"] for label in read.all("label")] == [i["id"] for i in read.all("input")]
    assert len(read.all("h1")) == len(read.all("main")) == len(read.all("noscript")) == 1


def test_the_script_writes_no_markup_and_takes_the_token_out_of_the_address() -> None:
    script = (LETTERS / "letters.js").read_text(encoding="utf-8")

    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(", script)
        == []
    )
    assert 'history.replaceState(null, "", location.pathname)' in script
    assert re.findall(r"localStorage|sessionStorage|document\.cookie", script) == []
    assert script.count("fetch(") == 1
