"""The log: one line an event on standard error, for people or as JSON, without secrets."""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_KEYS = frozenset(
    {"address", "authorization", "cookie", "email", "password", "query", "secret", "token"}
)
"""Entries that are never written, whatever they hold."""
_SECRET_TEXT = re.compile(
    r"v1\.g[\w-]{22}\.[\w.-]+"  # guest tokens
    r"|csk_live_[\w-]+"  # API keys
    r"|(?<=://)[^\s]+(?=@)"  # user and password in the URL of a store
)


def configure(*, as_json: bool, level: int = logging.INFO) -> None:
    """Set up structlog and the standard library's loggers, uvicorn's included, alike.

    uvicorn's access log would write client addresses and query strings, so it is turned off.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = structlog.processors.JSONRenderer()
    if not as_json:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.access").disabled = True


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event without what must not be written, in messages and tracebacks too."""
    return {
        key: "[hidden]" if key in _SECRET_KEYS else _hidden(value) for key, value in event.items()
    }


def _hidden(value: Any) -> Any:
    return _SECRET_TEXT.sub("[hidden]", value) if isinstance(value, str) else value
