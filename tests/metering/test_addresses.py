"""Every form of REDIS_URL, and what is said of one that is wrong."""

import pytest
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection

from metering.addresses import StoreAddress, read_address


def test_one_server_is_as_redis_py_reads_it() -> None:
    assert read_address("redis://u:p%40@h:7000/2") == StoreAddress(
        "server", {"username": "u", "password": "p@", "host": "h", "port": 7000, "db": 2}
    )
    assert read_address("unix:///run/s?db=1") == StoreAddress(
        "server",
        {"path": "/run/s", "db": 1, "connection_class": UnixDomainSocketConnection},
    )


def test_sentinels_have_the_name_of_the_master_a_database_and_an_account_of_their_own() -> None:
    url = "redis+sentinel://u:p%2F@a:1,b,[::1]:3/ledger/2?sentinel_password=s&socket_keepalive=yes"

    assert read_address(url) == StoreAddress(
        "sentinel",
        {"username": "u", "password": "p/", "socket_keepalive": True, "db": 2},
        (("a", 1), ("b", 26379), ("::1", 3)),
        "ledger",
        {"password": "s"},
    )
    assert read_address("redis+sentinel://a/ledger").options == {"db": 0}


def test_a_cluster_has_nodes_and_an_account() -> None:
    url = "rediss+cluster://:secret@a:1,b?ssl_ca_certs=/ca.pem"

    assert read_address(url) == StoreAddress(
        "cluster",
        {"password": "secret", "ssl_ca_certs": "/ca.pem", "connection_class": SSLConnection},
        (("a", 1), ("b", 6379)),
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis+cluster://:secret@a:1/1", "a Cluster has no databases"),
        ("redis+sentinel://:secret@a:1", "after the sentinels come the name of the master"),
        ("redis+sentinel://:secret@a:1/ledger/one", "after the sentinels come the name"),
        ("redis+sentinel://:secret@a:1/ledger/0/1", "after the sentinels come the name"),
        ("redis+cluster://:secret@a:1,,b:2", "each node is written as host:port"),
        ("redis+cluster://:secret@a:port", "Port could not be cast"),
        ("redis+ring://:secret@a:1", "a store is a server, sentinel or cluster"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        read_address(url)

    assert "secret" not in str(refused.value)
