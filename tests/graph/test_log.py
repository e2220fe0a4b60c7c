"""The log: one line an event, nothing secret in it."""

import json
import logging

import pytest
import structlog

from graph import log
from graph.identity import GuestTokens


@pytest.fixture(autouse=True)
def _put_back():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    logging.getLogger("uvicorn.access").disabled = False


def test_an_event_is_one_line_of_json(capsys):
    log.configure(as_json=True)

    structlog.get_logger("graph").info("served", count=3)
    logging.getLogger("uvicorn.error").warning("shutting %s", "down")
    logging.getLogger("uvicorn.access").info("203.0.113.7 GET /graphql")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("served", "info"),
        ("shutting down", "warning"),
    ]
    assert lines[0]["count"] == 3


@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_are_not_written(capsys, as_json):
    token = GuestTokens(b"secret").sign("g" + "A" * 22, 1, None)
    log.configure(as_json=as_json)
    logger = structlog.get_logger()

    logger.info("asked", token="canary1", address="203.0.113.7", note=f"with {token} in it")
    try:
        raise ValueError(f"postgresql://codestile:canary2@db {token}")
    except ValueError:
        logger.exception("failed")

    written = capsys.readouterr().err
    assert "failed" in written
    assert "Traceback" in written
    for secret in ("canary1", "canary2", "203.0.113.7", token):
        assert secret not in written


def test_events_for_people_are_not_json(capsys):
    log.configure(as_json=False)

    structlog.get_logger().info("served", count=3)

    assert "served" in capsys.readouterr().err
