"""The token of a session: 256 bits that its bearer alone has, in a cookie or in a header."""

import hashlib
import re
import secrets
from dataclasses import dataclass

from schema.accounts import SESSION_PREFIX

_COOKIE = "codestile_session"
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


@dataclass(frozen=True)
class SessionCookie:
    """The cookie that holds a browser's token."""

    is_https: bool
    """Whether readers come by https: it is then Secure and bound to the host."""

    @property
    def name(self) -> str:
        """`__Host-` keeps a sibling domain from planting a session; it needs https."""
        return f"__Host-{_COOKIE}" if self.is_https else _COOKIE

    def with_token(self, token: str, seconds: int) -> tuple[str, str]:
        """The response header that gives a browser its token for so long."""
        return "Set-Cookie", f"{self.name}={token}; Max-Age={seconds}{self._attributes}"

    def cleared(self) -> tuple[str, str]:
        """The response header that takes it away."""
        return "Set-Cookie", f"{self.name}=; Max-Age=0{self._attributes}"

    @property
    def _attributes(self) -> str:
        return "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self.is_https else "")
