"""The URL of the ledger's store, read: which kind of store it is, and where."""

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from redis.asyncio.connection import parse_url

Kind = Literal["server", "sentinel", "cluster"]

SCHEMES = (
    *("redis", "rediss", "unix"),
    *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
)
_PORTS = {"sentinel": 26379, "cluster": 6379}


@dataclass(frozen=True)
class StoreAddress:
    """Where a store is, and how its servers want to be spoken to."""

    kind: Kind
    options: dict[str, Any]
    """What redis-py wants for a connection: for one server all, else all but host and port."""
    nodes: tuple[tuple[str, int], ...] = ()
    """Host and port of the sentinels, or of some nodes of the Cluster."""
    master: str = ""
    """What the sentinels call the servers of the ledger."""
    sentinel_options: dict[str, Any] | None = None
    """User and password of the sentinels; they are others than the servers'."""


def read_address(url: str) -> StoreAddress:
    """The address of `redis://`, `rediss://`, `unix://`, or one of

    - `redis+sentinel://user:password@host:port,host:port/<master>/<db>`
    - `redis+cluster://user:password@host:port,host:port`

    (`rediss+…` with TLS). Raises ValueError; the message does not hold the URL.
    """
    scheme, _, kind = url.partition("://")[0].partition("+")
    if not kind:
        return StoreAddress("server", dict(parse_url(url)))
    if kind not in _PORTS:
        raise ValueError("a store is a server, sentinel or cluster: redis://, redis+sentinel://, …")
    parts = urlsplit(url)
    account, _, places = parts.netloc.rpartition("@")
    nodes = tuple(_node(place, _PORTS[kind]) for place in places.split(","))
    path = [unquote(part) for part in parts.path.split("/")[1:]]
    account = f"{account}@" if account else ""
    plain = dict(parse_url(f"{scheme}://{account}store?{parts.query}"))
    del plain["host"]
    if kind == "cluster":
        if any(path):
            raise ValueError("a Cluster has no databases: nothing may follow its nodes")
        return StoreAddress("cluster", plain, nodes)
    return _sentinel(plain, nodes, path)


def _sentinel(
    plain: dict[str, Any], nodes: tuple[tuple[str, int], ...], path: list[str]
) -> StoreAddress:
    master, database = [*path, "", ""][:2]
    if not master or len(path) > 2 or not (database or "0").isdecimal():
        raise ValueError("after the sentinels come the name of the master and a database: /name/0")
    account = {
        name.removeprefix("sentinel_"): plain.pop(name)
        for name in ("sentinel_username", "sentinel_password")
        if name in plain
    }
    return StoreAddress("sentinel", plain | {"db": int(database or 0)}, nodes, master, account)


def _node(place: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname:
        raise ValueError("each node is written as host:port, with commas between them")
    return parts.hostname, parts.port or default_port
