"""The ledger over TLS, verified, as REDIS_URL asks for it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from metering.meter import open_ledger
from schema.errors import StoreUnavailable
from schema.usage import Decision, Outcome
from tests.faults.authority import Authority
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.valkey import valkey_in
from tests.metering.ledgers import Plans, guest, view_of

PASSWORD = "se:cr@t/%2F"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as path:
        yield Path(path)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
async def proxy(folder: Path, ours: Authority) -> AsyncIterator[Proxy]:
    """A Valkey with a password, whose certificate we signed for 127.0.0.1."""
    async with (
        valkey_in(folder, password=PASSWORD),
        proxy_to(folder / "s", tls=ours.server_context("127.0.0.1")) as opened,
    ):
        yield opened


def url_of(
    proxy: Proxy, trusted: Authority, *, host: str = "127.0.0.1", password: str = PASSWORD
) -> str:
    account = f":{quote(password, safe='')}"
    return f"rediss://{account}@{host}:{proxy.port}/0?ssl_ca_certs={trusted.ca_file}"


async def test_a_ledger_behind_tls_and_a_password_is_reached_by_its_url_alone(
    proxy: Proxy, ours: Authority, plans: Plans
) -> None:
    async with open_ledger(url_of(proxy, ours), plans.plan_of, timeout_seconds=5.0) as meter:
        [answer] = await meter.view([view_of(guest())])

    assert isinstance(answer, Decision)
    assert answer.outcome is Outcome.UNLOCKED


async def refusal(url: str, plans: Plans) -> str:
    async with open_ledger(url, plans.plan_of, timeout_seconds=5.0) as meter:
        with pytest.raises(StoreUnavailable) as refused:
            await meter.view([view_of(guest())])
    return str(refused.value)


async def test_a_certificate_of_another_authority_is_refused(
    proxy: Proxy, plans: Plans, tmp_path: Path
) -> None:
    another = Authority(tmp_path / "another")

    assert "certificate verify failed" in await refusal(url_of(proxy, another), plans)


async def test_a_certificate_for_another_host_is_refused(
    proxy: Proxy, ours: Authority, plans: Plans
) -> None:
    sentence = await refusal(url_of(proxy, ours, host="localhost"), plans)

    assert "certificate is not valid for 'localhost'" in sentence


async def test_a_wrong_password_is_refused(proxy: Proxy, ours: Authority, plans: Plans) -> None:
    sentence = await refusal(url_of(proxy, ours, password="wrong"), plans)

    assert sentence.startswith("valkey is unavailable: AuthenticationError: ")
    assert PASSWORD not in sentence
