"""No line of the log has a secret, whatever goes wrong: looked at before anything is redacted."""

import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from db.pool import Database
from graph.people import keys as module
from schema.errors import StoreUnavailable
from tests.graph.partners import CREATE, ROTATE, Clock, Person, Site, add_account, site_on


@pytest.fixture
async def site(database: Database, redis_url: str) -> AsyncIterator[Site]:
    async with site_on(database, redis_url, Clock()) as opened:
        yield opened


@pytest.fixture
async def partner(database: Database) -> Person:
    return await add_account(database)


def lines_of(entries: list[Any], caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged, tracebacks and what they came from included."""
    texts = [repr(entry) for entry in entries]
    for entry in entries:
        if isinstance(cause := entry.get("exc_info"), BaseException):
            texts += traceback.format_exception(cause)
    for record in caplog.records:
        cause = record.exc_info[1] if record.exc_info else None
        texts += [record.getMessage(), *(traceback.format_exception(cause) if cause else ())]
    return "\n".join(texts)


@pytest.mark.parametrize(
    ("failure", "status"),
    [(RuntimeError("broken"), 500), (StoreUnavailable("postgres", "it is away"), 503)],
)
async def test_key_that_cannot_be_looked_up_is_in_no_line(
    site: Site,
    partner: Person,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    status: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    _, key = await site.new_key(partner)

    async def fails(*_: object) -> None:
        raise failure

    with capture_logs() as entries:
        monkeypatch.setattr(module, "key_by_id", fails)
        response = await site.post("{ viewer { kind } }", bearer=key)

    written = lines_of(entries, caplog)
    assert response.status_code == status
    assert str(failure) in written
    assert (key in written, key[22:] in written) == (False, False)
    assert key[22:] not in response.text


@pytest.mark.parametrize("query", [CREATE, ROTATE])
async def test_secret_of_a_key_that_could_not_be_made_is_in_no_line(
    site: Site,
    partner: Person,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    query: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    derived: list[str] = []
    derive = module.Keys._derived

    def kept(self: module.Keys, name: bytes) -> tuple[str, str]:
        derived.append(derive(self, name)[1])
        return derive(self, name)

    async def fails(*given: object) -> None:
        raise RuntimeError(f"broken {given!r}")

    old_id, _ = await site.new_key(partner)
    monkeypatch.setattr(module.Keys, "_derived", kept)
    monkeypatch.setattr(module, "create_key", fails)
    monkeypatch.setattr(module, "rotate_key", fails)
    with capture_logs() as entries:
        response = await site.post(query, {"id": old_id}, bearer=partner.session)

    written = lines_of(entries, caplog)
    (secret,) = derived
    assert response.json()["errors"][0]["message"] == "Internal error"
    assert "broken" in written
    assert (secret in written, secret in response.text) == (False, False)


async def test_secret_of_a_key_that_was_made_and_not_answered_is_in_no_line(
    site: Site,
    partner: Person,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    create = module.Keys.create

    async def fails(self: module.Keys, *given: Any) -> object:
        made = await create(self, *given)
        assert isinstance(made, module.Made)
        texts.append(made.text)
        raise RuntimeError(f"broken with {made!r}")

    monkeypatch.setattr(module.Keys, "create", fails)
    with capture_logs() as entries:
        response = await site.post(CREATE, bearer=partner.session)

    written = lines_of(entries, caplog)
    (text,) = texts
    assert response.json()["errors"][0]["message"] == "Internal error"
    assert f"Made({text[9:21]})" in written
    assert (text in written, text[22:] in written) == (False, False)


async def test_refused_and_accepted_keys_are_in_no_line(
    site: Site, partner: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as entries:
        _, key = await site.new_key(partner)
        statuses = [
            (await site.post("{ viewer { kind } }", bearer=text)).status_code
            for text in (key, key + "A", key[:-1] + ("A" if key[-1] != "A" else "B"))
        ]

    written = lines_of(entries, caplog)
    assert statuses == [200, 401, 401]
    assert key[22:-1] not in written
