import pytest

from metering.digests import DIGEST_LENGTH
from metering.networks import network_digest

KEY, NEXT_KEY = b"k" * 32, b"n" * 32


def test_an_ipv4_address_is_a_network_of_its_own() -> None:
    first = network_digest(KEY, "192.0.2.1")

    assert first == network_digest(KEY, "192.0.2.1")
    assert first != network_digest(KEY, "192.0.2.2")
    assert len(first) == DIGEST_LENGTH == 22


def test_an_ipv6_household_is_one_network() -> None:
    first = network_digest(KEY, "2001:db8:1:2::1")

    assert first == network_digest(KEY, "2001:db8:1:2:ffff:ffff:ffff:ffff")
    assert first != network_digest(KEY, "2001:db8:1:3::1")


def test_an_ipv4_address_written_as_ipv6_is_the_ipv4_address() -> None:
    assert network_digest(KEY, "::ffff:192.0.2.1") == network_digest(KEY, "192.0.2.1")
    assert network_digest(KEY, "::ffff:192.0.2.1") != network_digest(KEY, "::ffff:192.0.2.2")


def test_another_period_has_other_pseudonyms() -> None:
    assert network_digest(KEY, "192.0.2.1") != network_digest(NEXT_KEY, "192.0.2.1")


@pytest.mark.parametrize("text", ["", "unknown", "192.0.2", "192.0.2.1:80"])
def test_what_is_no_address_has_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        network_digest(KEY, text)
