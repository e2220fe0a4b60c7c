"""Which mail server letters are handed to, read from a URL."""

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES = ("smtp", "smtps")
_PORTS = {"smtp": 587, "smtps": 465}
_OPTIONS = {"ca_certs", "starttls"}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where it is, and how it is spoken to."""

    host: str
    port: int
    is_tls: bool
    """Whether TLS comes before the first word."""
    starts_tls: bool
    """Whether TLS is demanded before anything is said; without either it is spoken to in clear."""
    user: str | None
    password: str | None = field(repr=False)
    ca_file: Path | None
    """The file of the authority that signed its certificate; None for those of the system."""

    def tls_context(self) -> ssl.SSLContext:
        """Checks the certificate and the name in it; raises OSError for a file that is none."""
        return ssl.create_default_context(cafile=self.ca_file)


def read_mail_url(url: str) -> MailServer:
    """The server of `smtp://user:password@host:587` (STARTTLS demanded) or `smtps://…:465`.

    `?ca_certs=FILE` trusts that authority instead of the system's; `?starttls=never` speaks in
    clear, which no password may be sent in. Raises ValueError, which repeats nothing of the URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("a mail server is smtp://user:password@host:port") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("must begin with smtp:// or smtps://")
    try:
        port = parts.port or _PORTS[parts.scheme]
        options = dict(parse_qsl(parts.query, strict_parsing=True) if parts.query else ())
    except ValueError:
        raise ValueError("a mail server is smtp://user:password@host:port") from None
    if not parts.hostname or parts.path.strip("/") or parts.fragment or options.keys() - _OPTIONS:
        raise ValueError("a mail server is smtp://user:password@host:port")
    is_clear = options.get("starttls") == "never"
    if "starttls" in options and (not is_clear or parts.scheme == "smtps"):
        raise ValueError("the one choice is ?starttls=never, and only with smtp://")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("a user needs a password, and a password a user")
    if is_clear and parts.password is not None:
        raise ValueError("a password is not sent in clear: leave out ?starttls=never")
    return MailServer(
        host=parts.hostname,
        port=port,
        is_tls=parts.scheme == "smtps",
        starts_tls=parts.scheme == "smtp" and not is_clear,
        user=_decoded(parts.username),
        password=_decoded(parts.password),
        ca_file=Path(options["ca_certs"]) if "ca_certs" in options else None,
    )


def _decoded(text: str | None) -> str | None:
    if text is None:
        return None
    if re.search(r"[\x00-\x1f\x7f]", unquote(text)):
        raise ValueError("neither user nor password may hold control characters")
    return unquote(text)
