"""Each line of the table in `may_charge`."""

import pytest
from starlette.datastructures import Headers

from graph.identity import is_prefetch, may_charge

TOKEN = {"Codestile-Viewer": "v1.anything"}


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", {}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, True),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "https://partner.example"}, True),
        ("GET", {"Sec-Fetch-Site": "same-origin"}, True),
        ("GET", {"Sec-Fetch-Site": "none"}, True),
        ("GET", {"Sec-Fetch-Site": "same-site"}, False),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, False),
        ("GET", {"Sec-Fetch-Site": "cross-site", **TOKEN}, False),
        ("GET", {"Sec-Fetch-Site": "anything"}, False),
        ("GET", {}, False),
        ("GET", {"Cookie": "codestile_guest=v1.anything"}, False),
        ("GET", TOKEN, True),
        ("GET", {"Authorization": "Bearer anything"}, True),
        ("POST", {"Sec-Purpose": "prefetch"}, False),
        ("GET", {"Sec-Purpose": "prefetch", "Sec-Fetch-Site": "same-origin"}, False),
        ("GET", {"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Site": "none"}, False),
        ("GET", {"Sec-Purpose": "prefetch", **TOKEN}, False),
        ("GET", {"Purpose": "prefetch", "Sec-Fetch-Site": "none"}, False),
    ],
)
def test_who_may_be_charged(method, headers, expected):
    assert may_charge(method, Headers(headers)) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"Sec-Purpose": "prefetch"}, True),
        ({"Sec-Purpose": "Prefetch;anonymous-client-ip"}, True),
        ({"Purpose": "prefetch"}, True),
        ({"Sec-Purpose": "not-prefetched"}, False),
    ],
)
def test_what_is_a_prefetch(headers, expected):
    assert is_prefetch(Headers(headers)) is expected
