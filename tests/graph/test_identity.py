"""Who is asking: tokens, cookies, addresses, and who may be charged."""

import hashlib
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from starlette.requests import Request

from graph.addresses import client_address, parse_address
from graph.identity import Guests, GuestTokens, Visit
from schema.people import Assignment, Network, ViewerKind

SECRET = b"a secret of thirty-two characters"
GUEST = "g" + "A" * 22
NETWORK = Network(digest="n" * 22, period=685)


class Networks:
    """Names networks after their address, and remembers which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def of(self, address: str) -> Network:
        self.asked.append(address)
        return Network(digest=hashlib.sha256(address.encode()).hexdigest()[:22], period=685)


@pytest.fixture
def networks() -> Networks:
    return Networks()


def guests(networks: Networks, **changes: object) -> Guests:
    given: dict[str, object] = {
        "tokens": GuestTokens(SECRET),
        "network_of": networks.of,
        "shard_of": lambda text: len(text) % 64,
        "newest_plan": lambda: 3,
        "is_https": False,
    }
    return Guests(**(given | changes))  # type: ignore[arg-type]


def request(method: str = "POST", client: str | None = "203.0.113.7", **headers: str) -> Request:
    named = [(k.replace("_", "-").lower().encode(), v.encode()) for k, v in headers.items()]
    peer = None if client is None else (client, 5)
    return Request({"type": "http", "method": method, "headers": named, "client": peer})


def test_a_token_says_who_where_and_when():
    tokens = GuestTokens(SECRET)

    token = tokens.sign(GUEST, 63, NETWORK)

    assert token.startswith(f"v1.{GUEST}.63.{'n' * 22}.685.")
    assert tokens.read(token) == (GUEST, 63, NETWORK)
    assert tokens.read(tokens.sign(GUEST, 0, None)) == (GUEST, 0, None)


@pytest.mark.parametrize("place", range(len(GuestTokens(SECRET).sign(GUEST, 12, NETWORK)) - 1))
def test_a_token_changed_anywhere_is_nobodys(place):
    tokens = GuestTokens(SECRET)
    token = tokens.sign(GUEST, 12, NETWORK)
    other = "B" if token[place] != "B" else "C"

    assert tokens.read(token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "v1",
        "x" * 100_000,
        "v1." + "." * 1_000,
        "\ud800",
        GuestTokens(b"another secret").sign(GUEST, 12, NETWORK),
        GuestTokens(SECRET).sign(GUEST, 12, NETWORK) + "\n",
        GuestTokens(SECRET).sign(GUEST, 64, NETWORK),
        GuestTokens(SECRET).sign("u" + "A" * 22, 12, NETWORK),
        GuestTokens(SECRET).sign(GUEST, 12, NETWORK).replace("v1.", "v0.", 1),
    ],
)
def test_a_foreign_token_is_nobodys(token):
    assert GuestTokens(SECRET).read(token) is None


async def test_a_token_identifies_by_cookie_and_by_header(networks):
    token = GuestTokens(SECRET).sign(GUEST, 12, NETWORK)

    by_cookie = await guests(networks)(request(Cookie=f"a=b; codestile_guest={token}"))
    by_header = await guests(networks)(request(Codestile_Viewer=token))

    for visit in (by_cookie, by_header):
        assert visit.viewer is not None
        assert (visit.viewer.id, visit.viewer.shard, visit.viewer.network) == (GUEST, 12, NETWORK)
        assert visit.viewer.assignment == Assignment(plan_key="guest", plan_version=3, number=3)
        assert await visit.to_charge() is visit.viewer
        assert visit.minted is None
    assert networks.asked == []


async def test_the_header_rules_over_the_cookie(networks):
    token = GuestTokens(SECRET).sign(GUEST, 12, NETWORK)

    visit = await guests(networks)(
        request(Cookie=f"codestile_guest={token}", Codestile_Viewer="forged")
    )

    assert visit.viewer is None


async def test_under_https_only_the_cookie_bound_to_the_host_counts(networks):
    token = GuestTokens(SECRET).sign(GUEST, 12, NETWORK)
    identify = guests(networks, is_https=True)

    planted = await identify(request(Cookie=f"codestile_guest={token}"))
    own = await identify(request(Cookie=f"__Host-codestile_guest={token}"))

    assert planted.viewer is None
    assert own.viewer is not None


async def test_nobody_is_made_a_guest_before_being_charged(networks):
    visit = await guests(networks)(request(Codestile_Viewer="v1.forged"))

    assert (visit.viewer, visit.minted, visit.viewer_kind) == (None, None, ViewerKind.GUEST)
    assert networks.asked == []


async def test_a_new_guest_is_made_in_the_network_of_the_request(networks):
    identify = guests(networks)
    visit = await identify(request())

    guest = await visit.to_charge()

    assert networks.asked == ["203.0.113.7"]
    assert guest.network == await networks.of("203.0.113.7")
    assert (guest.shard, guest.kind) == (22, ViewerKind.GUEST)
    assert visit.viewer is guest
    assert visit.minted is not None
    again = await identify(request(Codestile_Viewer=visit.minted.token))
    assert again.viewer == guest


async def test_asked_twice_one_guest_is_made(networks):
    visit = await guests(networks)(request())

    first, second = await visit.to_charge(), await visit.to_charge()

    assert first is second
    assert len(networks.asked) == 1


async def test_a_renewed_guest_is_another(networks):
    token = GuestTokens(SECRET).sign(GUEST, 12, NETWORK)
    visit = await guests(networks)(request(Codestile_Viewer=token))

    renewed = await visit.renew()

    assert renewed.id != GUEST
    assert visit.viewer is renewed
    assert visit.minted is not None
    assert visit.minted.viewer is renewed


async def guest_made_for(networks: Networks, **options: str) -> str:
    visit = await guests(networks)(request(**options))
    return (await visit.to_charge()).id


async def test_a_first_request_sent_again_makes_the_same_guest(networks):
    first = await guest_made_for(networks, idempotency_key="the same key")

    assert await guest_made_for(networks, idempotency_key="the same key") == first
    assert await guest_made_for(networks, idempotency_key="another key") != first
    elsewhere = await guest_made_for(networks, idempotency_key="the same key", client="203.0.113.8")
    assert elsewhere != first


async def test_a_guest_in_place_of_another_is_new_whatever_the_key(networks):
    known = GuestTokens(SECRET).sign(GUEST, 12, NETWORK)
    asked = {"codestile_viewer": known, "idempotency_key": "the same key"}

    made = [await (await guests(networks)(request(**asked))).renew() for _ in range(2)]

    assert made[0].id != made[1].id


async def test_somebody_behind_an_unknown_proxy_is_no_neighbour(networks):
    near = guests(networks, exempt_networks=(ip_network("127.0.0.0/8"),))
    known = guests(
        networks,
        exempt_networks=(ip_network("127.0.0.0/8"),),
        trusted_proxies=(ip_network("127.0.0.0/8"),),
    )
    forwarded = request(client="127.0.0.1", x_forwarded_for="127.0.0.1")

    assert (await (await near(request(client="127.0.0.1"))).to_charge()).network is None
    assert (await (await near(forwarded)).to_charge()).network is not None
    assert (await (await known(forwarded)).to_charge()).network is None


async def test_a_guest_on_an_older_plan_stays_itself(networks):
    version = [3]
    token = GuestTokens(SECRET).sign(GUEST, 12, NETWORK)
    visit = await guests(networks, newest_plan=lambda: version[0])(request(Codestile_Viewer=token))
    version[0] = 4

    moved = await visit.reassigned()

    assert (moved.id, moved.assignment.plan_version, moved.assignment.number) == (GUEST, 4, 4)
    assert visit.viewer is moved
    assert visit.minted is None


async def test_a_guest_outside_the_budget_has_no_network(networks):
    exempt = (ip_network("203.0.113.0/24"),)
    visit = await guests(networks, exempt_networks=exempt)(request())

    guest = await visit.to_charge()

    assert guest.network is None
    assert guest.shard == 23
    assert networks.asked == []


@pytest.mark.parametrize("headers", [{"Sec_Purpose": "prefetch"}, {"Sec_Fetch_Site": "cross-site"}])
async def test_a_request_that_may_not_charge_makes_no_guest(networks, headers):
    visit = await guests(networks)(request("GET", **headers))

    with pytest.raises(RuntimeError, match="may not make a guest"):
        await visit.to_charge()
    with pytest.raises(RuntimeError, match="may not make a guest"):
        await visit.renew()
    assert (visit.viewer, visit.minted, networks.asked) == (None, None, [])


@pytest.mark.parametrize(
    ("is_https", "cookie"),
    [
        (False, "codestile_guest={}; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax"),
        (
            True,
            "__Host-codestile_guest={}; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax; Secure",
        ),
    ],
)
async def test_a_new_guest_is_handed_its_token(networks, is_https, cookie):
    visit = await guests(networks, is_https=is_https)(request())

    await visit.to_charge()

    assert visit.minted is not None
    token = visit.minted.token
    assert visit.minted.headers == (
        ("Codestile-Viewer", token),
        ("Set-Cookie", cookie.format(token)),
    )


async def test_a_viewer_can_be_given(networks):
    known = await guests(networks)(
        request(Codestile_Viewer=GuestTokens(SECRET).sign(GUEST, 12, NETWORK))
    )

    visit = Visit(known.viewer, may_charge=True)

    assert await visit.to_charge() is known.viewer
    assert await visit.reassigned() is known.viewer


PROXIES: tuple[IPv4Network | IPv6Network, ...] = (
    ip_network("10.0.0.0/8"),
    ip_network("fd00::/8"),
)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, " + "9" * 10_000, "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "::ffff:198.51.100.1", "198.51.100.1"),
        (None, "198.51.100.1", "198.51.100.1"),
        (None, "", "0.0.0.0"),
        ("testclient", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_nearest_hop_that_is_no_proxy_of_ours_is_the_client(peer, forwarded, expected):
    asked = request(client=peer, X_Forwarded_For=forwarded)

    assert client_address(asked, PROXIES) == ip_address(expected)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", None])
def test_no_proxy_is_believed_unless_named(peer):
    asked = request(client=peer, X_Forwarded_For="198.51.100.1")

    assert str(client_address(asked, ())) == (peer or "0.0.0.0")


def test_several_forwarded_headers_are_one_list():
    asked = request(client="10.0.0.1")
    asked.scope["headers"] += [
        (b"x-forwarded-for", b"6.6.6.6"),
        (b"x-forwarded-for", b"198.51.100.1"),
    ]

    assert client_address(asked, PROXIES) == ip_address("198.51.100.1")


@pytest.mark.parametrize("text", ["", "unknown", "1.2.3", "1.2.3.4.5", "[", "[]", "::1::", "a:b"])
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None
