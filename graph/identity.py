"""Who is asking: reads the signed token of a guest, and makes one when a page is first charged.

A guest is made as late as possible. Only a request that may be charged gets one, so that neither
a foreign `<img>` nor a link prefetched by a search page uses up a network's admission budget.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import structlog
from starlette.requests import Request

from graph.addresses import Address, Networks, client_address, is_in, parse_address
from graph.cookies import Cookie
from metering.digests import url_text
from metering.networks import network_digest
from schema.accounts import Account, ApiKey, Session
from schema.people import Assignment, Network, Viewer, ViewerKind
from schema.usage import ClientClass

_log = structlog.get_logger(__name__)

VIEWER_HEADER = "Codestile-Viewer"
"""Carries a guest token for apps without cookies, both ways."""
_COOKIE_SECONDS = 400 * 24 * 3600
"""The longest life browsers give a cookie, 400 days (RFC 6265bis)."""


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Whether the browser asks ahead of its reader, who may never look."""
    purposes = ";".join(headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz"))
    return "prefetch" in re.split(r'[;,\s"]+', purposes.lower())


def may_charge(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request to /graphql may cost its viewer a page view, or make a new guest.

    | method | Sec-Purpose | Sec-Fetch-Site        | token in a header | may charge |
    |--------|-------------|-----------------------|-------------------|------------|
    | any    | prefetch    | any                   | any               | no         |
    | POST   | –           | any                   | any               | yes        |
    | GET    | –           | same-origin, none     | any               | yes        |
    | GET    | –           | same-site, cross-site | any               | no         |
    | GET    | –           | absent                | yes               | yes        |
    | GET    | –           | absent                | no                | no         |

    A GET is what `<img>`, `<link>` and typed addresses send, and old browsers say nothing of
    where it comes from; a header of ours cannot be set by any of them. A POST from a foreign
    page was refused before this is asked.
    """
    if is_prefetch(headers):
        return False
    if method != "GET":
        return True
    site = headers.get("sec-fetch-site")
    if site is None:
        return VIEWER_HEADER.lower() in headers or "authorization" in headers
    return site in ("same-origin", "none")


@dataclass(frozen=True, slots=True)
class Minted:
    """A guest just made, and the token that proves it."""

    viewer: Viewer
    token: str
    headers: tuple[tuple[str, str], ...]
    """Response headers that hand the token to the client."""


async def _as_it_is(viewer: Viewer) -> Viewer:
    return viewer


async def _nowhere() -> Network:
    raise RuntimeError("this request came from no network")


def _never() -> bool:
    return False


@dataclass(slots=True)
class Visit:
    """One request's viewer."""

    viewer: Viewer | None
    """None until somebody unknown is charged for the first time."""
    may_charge: bool
    client: ClientClass = ClientClass.OTHER
    """What kind of program asks, for usage figures."""
    mint: Callable[[], Awaitable[Minted]] | None = None
    """Makes a new guest in the network of the request; None where guests are not made."""
    reassign: Callable[[Viewer], Awaitable[Viewer]] = _as_it_is
    """The same viewer on the plan that is in force now."""
    minted: Minted | None = None
    """The guest made during this request, the last if several."""
    guest: Viewer | None = None
    """The guest whose token came along, whoever asks: what it opened is carried over when its
    bearer logs in."""
    account: Account | None = None
    """Who is logged in, or holds the key; None for guests."""
    session: Session | None = None
    """Where they are logged in; None for guests and for keys."""
    key: ApiKey | None = None
    """The key that was sent; None for people."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Headers for the response, such as cookies."""
    network: Callable[[], Awaitable[Network]] = _nowhere
    """The pseudonym of the network that the request came from."""
    is_exempt: Callable[[], bool] = _never
    """Whether that network is outside every budget."""
    neighbourhood: Callable[[], str] = str
    """A keyed digest that stands for that network as long as the server keeps its secret."""
    _minting: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def viewer_kind(self) -> ViewerKind:
        """The kind of viewer; somebody unknown is a guest."""
        return self.viewer.kind if self.viewer else ViewerKind.GUEST

    async def to_charge(self) -> Viewer:
        """The viewer to charge, made now when nobody is known; for requests that may charge."""
        async with self._minting:
            return self.viewer or await self._new()

    async def renew(self) -> Viewer:
        """A new guest in place of one whose network's period has passed."""
        async with self._minting:
            return await self._new()

    async def reassigned(self) -> Viewer:
        """The viewer on the plan that is in force now, after the plans were read again."""
        assert self.viewer is not None, "only a known viewer has an assignment"
        self.viewer = await self.reassign(self.viewer)
        return self.viewer

    def enter(self, viewer: Viewer, account: Account, session: Session) -> None:
        """Somebody has logged in: from here on they ask, and make no guests."""
        self.viewer, self.account, self.session = viewer, account, session
        self.guest = self.mint = None

    def leave(self) -> None:
        """Whoever was logged in is not any more; the guest they were before does not come back."""
        self.viewer = self.guest = None
        self.account = self.session = None

    async def _new(self) -> Viewer:
        if not self.may_charge or self.mint is None:
            raise RuntimeError("this request may not make a guest; ask may_charge first")
        self.minted = await self.mint()
        self.viewer = self.guest = self.minted.viewer
        self.headers.extend(self.minted.headers)
        return self.viewer


class Identify(Protocol):
    """Says who sends a request. Reads headers only; the body may still be on its way."""

    async def __call__(self, request: Request) -> Visit:
        """The visit of this request; what cannot be believed is nobody, not an error."""
        ...


class GuestTokens:
    """Signs and reads `v1.<guest id>.<shard>.<network>.<period>.<signature>`."""

    _FORM = re.compile(
        r"(v1\.(g[\w-]{22})\.([0-9]|[1-5][0-9]|6[0-3])\.(?:-\.-|([\w-]{22})\.([0-9]{1,9})))"
        r"\.([\w-]{43})",
        re.ASCII,
    )

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, guest_id: str, shard: int, network: Network | None) -> str:
        """The token of a guest; `network` is None for one outside every budget."""
        place = f"{network.digest}.{network.period}" if network else "-.-"
        text = f"v1.{guest_id}.{shard}.{place}"
        return f"{text}.{self._signature(text)}"

    def read(self, token: str) -> tuple[str, int, Network | None] | None:
        """(guest id, shard, network) of a token signed here; None for any other text."""
        found = self._FORM.fullmatch(token)
        if found is None:
            return None
        text, guest_id, shard, digest, period, signature = found.groups()
        if not hmac.compare_digest(signature, self._signature(text)):
            return None
        network = Network(digest=digest, period=int(period)) if digest else None
        return guest_id, int(shard), network

    def digest(self, text: str) -> bytes:
        """32 bytes that only the holder of the secret can make of a text."""
        return hmac.digest(self._secret, text.encode(), hashlib.sha256)

    def _signature(self, text: str) -> str:
        return url_text(self.digest(text))


@dataclass(frozen=True)
class Guests:
    """Identifies guests by their token; knows nobody else."""

    tokens: GuestTokens
    network_of: Callable[[str], Awaitable[Network]]
    """The pseudonym of the network an address belongs to, in the current period."""
    shard_of: Callable[[str], int]
    """The shard for a network's digest or a guest's id."""
    newest_plan: Callable[[], int]
    """The newest version of the guest plan."""
    is_https: bool
    """Whether readers come by https: cookies are then Secure and bound to the host."""
    trusted_proxies: Networks = ()
    exempt_networks: Networks = ()
    """Networks whose guests count against no budget."""

    async def __call__(self, request: Request) -> Visit:
        """The guest of this request; a token that is forged, foreign or old is nobody's."""
        token = self._token(request)
        read = self.tokens.read(token) if token else None
        viewer = self._viewer(*read) if read else None
        visit = Visit(
            viewer=viewer,
            may_charge=may_charge(request.method, request.headers),
            client=_client_class(request),
            reassign=self._reassign,
            guest=viewer,
            network=lambda: self.network_of(str(self._address(request))),
            is_exempt=lambda: self._is_exempt(request, self._address(request)),
            neighbourhood=lambda: self._neighbourhood(self._address(request)),
        )
        # One in the place of a guest that may ask no more must not be made to be the same again.
        visit.mint = lambda: self._mint(request, is_first=read is None and visit.minted is None)
        return visit

    @property
    def cookie(self) -> Cookie:
        """The cookie that holds a browser's token."""
        return Cookie("codestile_guest", self.is_https)

    def _token(self, request: Request) -> str | None:
        return request.headers.get(VIEWER_HEADER) or request.cookies.get(self.cookie.name)

    def _viewer(self, guest_id: str, shard: int, network: Network | None) -> Viewer:
        return Viewer(
            id=guest_id,
            kind=ViewerKind.GUEST,
            shard=shard,
            assignment=self._assignment(),
            network=network,
        )

    def _assignment(self) -> Assignment:
        """Guests are not moved one by one: the version of their plan numbers its changes."""
        version = self.newest_plan()
        return Assignment(plan_key="guest", plan_version=version, number=version)

    async def _reassign(self, viewer: Viewer) -> Viewer:
        return viewer.model_copy(update={"assignment": self._assignment()})

    def _address(self, request: Request) -> Address:
        return client_address(request, self.trusted_proxies)

    async def _mint(self, request: Request, *, is_first: bool) -> Minted:
        address = self._address(request)
        network = None if self._is_exempt(request, address) else await self.network_of(str(address))
        key = request.headers.get("idempotency-key") if is_first else None
        guest_id = f"g{url_text(self._new_id(str(address), key))}"
        shard = self.shard_of(network.digest if network else guest_id)
        token = self.tokens.sign(guest_id, shard, network)
        headers = ((VIEWER_HEADER, token), self.cookie.holding(token, _COOKIE_SECONDS))
        return Minted(self._viewer(guest_id, shard, network), token, headers)

    def _new_id(self, address: str, key: str | None) -> bytes:
        """16 bytes nobody can guess; the same again for a first request that is sent again.

        A first answer that is lost takes its cookie with it. The Idempotency-Key of the second
        try, from the same address, then makes the same guest, whose receipt answers.
        """
        if key is None:
            return secrets.token_bytes(16)
        return self.tokens.digest(f"guest {address} {key}")[:16]

    def _neighbourhood(self, address: Address) -> str:
        return network_digest(self.tokens.digest("neighbourhood"), str(address))

    def _is_exempt(self, request: Request, address: Address) -> bool:
        """Whether the guest counts against no budget. Whom a proxy speaks for is unknown where
        the proxy is not trusted, so nobody behind one is taken for a neighbour of ours."""
        if not is_in(address, self.exempt_networks):
            return False
        is_forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
        peer = parse_address(request.client.host) if request.client else None
        if is_forwarded and not (peer and is_in(peer, self.trusted_proxies)):
            _warn_of_untrusted_proxy()
            return False
        return True


def _client_class(request: Request) -> ClientClass:
    if VIEWER_HEADER in request.headers:
        return ClientClass.APP
    is_browser = "sec-fetch-site" in request.headers or bool(request.cookies)
    return ClientClass.BROWSER if is_browser else ClientClass.OTHER


@cache
def _warn_of_untrusted_proxy() -> None:
    """Once: it would be said at every guest."""
    _log.warning("untrusted_proxy", remedy="set CODESTILE_TRUSTED_PROXIES")
