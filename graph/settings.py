"""Every setting there is, read once from the environment; docs/operations.md explains each."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from graph.mail.message import sender_of
from graph.mail.server import read_mail_url
from metering.addresses import SCHEMES, read_address
from schema.errors import SettingRefused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _split(value: object) -> object:
    if isinstance(value, str):
        if value.strip().lower() == "none":
            return ()
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)]


_SCHEMES = {
    "database_url": ("postgresql", "postgres"),
    "redis_url": SCHEMES,
}


_LONGEST_NAME = 60
_EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104  # only compared


def _origin(text: str) -> str:
    """Scheme, host and port as browsers write them; raises ValueError for anything else."""
    parts = urlsplit(text)
    rest = (parts.path.rstrip("/"), parts.query, parts.fragment, parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(rest):
        raise ValueError(f"{text} is no address such as https://codes.example")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _default_data() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(home) / "codestile"


class Settings(BaseSettings):
    """Frozen. A variable is the field's name in capitals behind `CODESTILE_`, save the two URLs."""

    model_config = SettingsConfigDict(
        env_prefix="CODESTILE_",
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    database_url: SecretStr | None = Field(
        None, validation_alias=AliasChoices("DATABASE_URL", "database_url")
    )
    """PostgreSQL 15 or newer, as a postgresql:// URL; unset starts the private one."""
    redis_url: SecretStr | None = Field(
        None, validation_alias=AliasChoices("REDIS_URL", "redis_url")
    )
    """Valkey 8 or Redis 7.2 or newer, as redis://, rediss:// or unix://, through Sentinel as
    redis+sentinel://, a Cluster as redis+cluster:// (rediss+… with TLS); unset starts the
    private one."""
    data: Path = Field(default_factory=_default_data)
    """Folder of the private stores and of the secrets made for them."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    public_url: str | None = None
    """The address readers use, when a proxy stands in front; https makes cookies Secure."""
    site_url: str | None = None
    """Where the pages are that letters link to; unset: the public address, or this server."""
    site_name: str = "Codestile"
    """Whose name stands in the line of copyright under texts of this site's editors."""
    accounts_a_day: int = Field(20, ge=1, le=1_000_000)
    """Accounts that one network may make in a day; networks outside the budget make any number."""
    guest_secret: SecretStr | None = None
    """At least 32 characters that sign guest tokens; made and kept in the data folder when
    the stores are private, required otherwise."""
    trusted_proxies: Networks = ()
    """Networks whose X-Forwarded-For is believed, comma separated."""
    allowed_origins: Listed = ()
    """Origins of other sites that may ask from a browser, comma separated, exact."""
    on_unsafe_store: Literal["refuse", "warn"] = "refuse"
    """What to do when the ledger's store could lose an acknowledged event."""
    on_store_loss: Literal["fallback", "refuse"] = "fallback"
    """What to do while the ledger's store is away: decide in PostgreSQL, or open no page."""
    store_timeout_seconds: float = Field(0.25, ge=0.05, le=1.0)
    """What a page may wait for the ledger's store, a second try included."""
    network_budget: int = Field(50, ge=1, le=1_000_000)
    """New guests of one network that may open a page in one period of 30 days."""
    exempt_networks: Networks | None = None
    """Networks outside the budget, comma separated, or `none`; unset: loopback when the stores
    are private and no public address is set, else none."""
    documents: Literal["any", "trusted"] = "any"
    """Which documents are answered: any, or only those that `codestile documents add` added."""
    api_points: bool = True
    """Whether operations are paid from the points of their viewer's plan."""
    introspection: bool = True
    """Whether the schema may be asked for through GraphQL."""
    compile_documents: bool = True
    """Whether operations are executed by programs made of them once, or all by graphql-core."""
    graphiql: bool = True
    """Whether /graphiql is served."""
    metrics_token: SecretStr | None = None
    """At least 32 characters that whoever reads /metrics must bear; unset: there is no such
    address."""
    webhook_secret: SecretStr | None = None
    """At least 32 characters by which the payment service signs what it tells of subscriptions;
    unset: there is no such address."""
    months_kept: int | None = Field(None, ge=1, le=1_200)
    """Whole months of events that stay in `usage_event`, the current one not counted; unset:
    all."""
    smtp_url: SecretStr | None = None
    """The mail server that letters are handed to, as smtp:// (STARTTLS) or smtps://; unset: they
    land in a folder, or wait with stores of one's own."""
    mail_folder: Path | None = None
    """Folder in which letters land as files instead; unset: `mail` in the data folder when the
    stores are private, else none."""
    mail_from: str | None = None
    """Who letters are from, `Name <name@domain>`; required with a mail server."""
    log_format: Literal["console", "json"] = "console"
    """Form of the log on standard error."""
    database_pool_size: int = Field(10, ge=1, le=200)
    """Most connections to PostgreSQL of one process."""
    database_statement_cache: int = Field(256, ge=0, le=10_000)
    """Prepared statements kept per connection; 0 behind a pooler that shares connections."""

    @field_validator("database_url", "redis_url")
    @classmethod
    def _of_a_known_scheme(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        schemes = _SCHEMES[info.field_name or ""]
        if value and value.get_secret_value().partition("://")[0] not in schemes:
            raise ValueError(f"must begin with {'://, '.join(schemes)}://")
        if value and info.field_name == "redis_url":
            read_address(value.get_secret_value())
        return value

    @field_validator("site_name")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not (value.strip() and value.isprintable() and len(value) <= _LONGEST_NAME):
            raise ValueError(f"must be one line of 1 to {_LONGEST_NAME} characters")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            read_mail_url(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_sender(cls, value: str | None) -> str | None:
        if value is not None:
            sender_of(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if (self.database_url is None) != (self.redis_url is None):
            raise ValueError("set both DATABASE_URL and REDIS_URL, or neither")
        if self.guest_secret and len(self.guest_secret.get_secret_value()) < 32:
            raise ValueError("CODESTILE_GUEST_SECRET needs at least 32 characters")
        if self.metrics_token and len(self.metrics_token.get_secret_value()) < 32:
            raise ValueError("CODESTILE_METRICS_TOKEN needs at least 32 characters")
        if self.webhook_secret and len(self.webhook_secret.get_secret_value()) < 32:
            raise ValueError("CODESTILE_WEBHOOK_SECRET needs at least 32 characters")
        return self

    @model_validator(mode="after")
    def _one_way_for_letters(self) -> "Settings":
        if self.smtp_url and self.mail_folder:
            raise ValueError("set CODESTILE_SMTP_URL or CODESTILE_MAIL_FOLDER, not both")
        if self.smtp_url and self.mail_from is None:
            raise ValueError("with CODESTILE_SMTP_URL set CODESTILE_MAIL_FROM too")
        return self

    @field_validator("public_url", "site_url")
    @classmethod
    def _is_origin(cls, value: str | None) -> str | None:
        return None if value is None else _origin(value)

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_origin, values))

    @property
    def is_embedded(self) -> bool:
        """Whether the private stores of this machine are used."""
        return self.database_url is None

    @property
    def address(self) -> str:
        """Where this server answers when nothing stands in front."""
        host = "127.0.0.1" if self.host in _EVERY_ADDRESS else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def site(self) -> str:
        """The origin of the pages that letters link to."""
        return self.site_url or self.public_url or self.address

    @property
    def is_https(self) -> bool:
        """Whether readers come by https, so that cookies can be Secure."""
        return (self.public_url or "").startswith("https://")

    @property
    def letters_folder(self) -> Path | None:
        """Where letters land as files; None when they are handed to a server, or wait."""
        if self.smtp_url or self.mail_folder or not self.is_embedded:
            return self.mail_folder
        return self.data / "mail"

    @property
    def outside_budget(self) -> tuple[Network, ...]:
        """Networks whose guests are not counted against a budget."""
        if self.exempt_networks is not None:
            return self.exempt_networks
        # With a public address a proxy stands in front, and everybody comes from loopback.
        if not self.is_embedded or self.public_url:
            return ()
        return (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


ENVIRONMENT: tuple[str, ...] = tuple(
    name.upper() if name in ("database_url", "redis_url") else f"CODESTILE_{name.upper()}"
    for name in Settings.model_fields
)
"""The name of every variable that is read, in the order of the model."""


def read_settings(**overrides: object) -> Settings:
    """The settings of this process; raises SettingRefused with one line per fault."""
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith("CODESTILE_") and name not in (*ENVIRONMENT, "CODESTILE_OFFICIAL_FILES")
    )
    if unknown:
        raise SettingRefused(f"unknown setting {', '.join(unknown)}; see docs/operations.md")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # validated by the model itself
    except ValidationError as refused:
        raise SettingRefused("\n".join(_lines(refused))) from None


def _lines(refused: ValidationError) -> list[str]:
    lines = []
    for fault in refused.errors(include_url=False, include_input=False):
        name = str(fault["loc"][0]).upper() if fault["loc"] else ""
        variable = name if name in ENVIRONMENT or not name else f"CODESTILE_{name}"
        message = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{variable}: {message}" if variable else message)
    return lines
