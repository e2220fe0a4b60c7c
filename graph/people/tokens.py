"""The token of a session: 256 bits that its bearer alone has, in a cookie or in a header."""

import hashlib
import re
import secrets

from graph.cookies import Cookie
from schema.accounts import SESSION_PREFIX

_TOKEN = re.compile(rf"{SESSION_PREFIX}[\w-]{{43}}", re.ASCII)


def new_token() -> str:
    """A token that nobody has seen."""
    return SESSION_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is kept of a token, 32 bytes: of so many random bits one hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def is_token(text: str) -> bool:
    """Whether a text has the form of a session's token."""
    return _TOKEN.fullmatch(text) is not None


def session_cookie(*, is_https: bool) -> Cookie:
    """The cookie that holds a browser's token."""
    return Cookie("codestile_session", is_https)
