"""Settings: read once, refused with a sentence."""

import ipaddress
from pathlib import Path

import pytest

from graph.mail.choice import mailer_of
from graph.settings import ENVIRONMENT, read_settings
from schema.errors import SettingRefused

STORES = {
    "DATABASE_URL": "postgresql://db.example/codestile",
    "REDIS_URL": "redis://store.example",
    "CODESTILE_GUEST_SECRET": "s" * 32,
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_without_any_setting_the_stores_are_private_and_loopback_is_exempt() -> None:
    settings = read_settings()

    assert settings.is_embedded
    assert not settings.is_https
    assert settings.outside_budget == (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )


def test_with_stores_of_ones_own_nobody_is_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **STORES)

    settings = read_settings()

    assert not settings.is_embedded
    assert settings.outside_budget == ()


def test_networks_and_origins_are_lists_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        CODESTILE_TRUSTED_PROXIES="10.0.0.0/8, 2001:db8::/32",
        CODESTILE_ALLOWED_ORIGINS="https://a.example,https://b.example",
    )

    settings = read_settings()

    assert settings.trusted_proxies == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("2001:db8::/32"),
    )
    assert settings.allowed_origins == ("https://a.example", "https://b.example")


def test_addresses_are_kept_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        CODESTILE_PUBLIC_URL="HTTPS://Codes.example/",
        CODESTILE_ALLOWED_ORIGINS="http://localhost:3000/",
    )

    settings = read_settings()

    assert settings.public_url == "https://codes.example"
    assert settings.is_https
    assert settings.allowed_origins == ("http://localhost:3000",)


@pytest.mark.parametrize(
    "variables",
    [{"CODESTILE_EXEMPT_NETWORKS": "none"}, {"CODESTILE_PUBLIC_URL": "https://codes.example"}],
)
def test_loopback_is_not_exempt_when_told_or_when_a_proxy_stands_in_front(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    given(monkeypatch, **variables)

    assert read_settings().outside_budget == ()


@pytest.mark.parametrize(
    "url",
    [
        "rediss://:word@store.example:6379/0",
        "unix:///run/valkey.sock",
        "redis+sentinel://:word@one.example,two.example:26380/ledger/0",
        "rediss+cluster://:word@one.example,two.example:7000",
    ],
)
def test_the_ledger_may_be_on_one_server_behind_sentinel_or_on_a_cluster(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    given(monkeypatch, **STORES | {"REDIS_URL": url})

    read = read_settings().redis_url

    assert read is not None
    assert read.get_secret_value() == url


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            STORES | {"REDIS_URL": "redis+sentinel://:word@one.example"},
            "REDIS_URL: after the sentinels come the name of the master and a database: /name/0",
        ),
        (
            STORES | {"REDIS_URL": "redis+cluster://:word@one.example/1"},
            "REDIS_URL: a Cluster has no databases: nothing may follow its nodes",
        ),
        (
            {"DATABASE_URL": STORES["DATABASE_URL"]},
            "set both DATABASE_URL and REDIS_URL, or neither",
        ),
        (
            {"CODESTILE_GUEST_SECRET": "short"},
            "CODESTILE_GUEST_SECRET needs at least 32 characters",
        ),
        (
            {"CODESTILE_WEBHOOK_SECRET": "w" * 31},
            "CODESTILE_WEBHOOK_SECRET needs at least 32 characters",
        ),
        (
            {"CODESTILE_METRICS_TOKEN": "m" * 31},
            "CODESTILE_METRICS_TOKEN needs at least 32 characters",
        ),
        (
            {"CODESTILE_MONTHS_KEPT": "0"},
            "CODESTILE_MONTHS_KEPT: Input should be greater than or equal to 1",
        ),
        (
            {"CODESTILE_SITE_NAME": "x" * 61},
            "CODESTILE_SITE_NAME: must be one line of 1 to 60 characters",
        ),
        (
            {"CODESTILE_PORT": "eighty"},
            "CODESTILE_PORT: Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            {"CODESTILE_NETWORK_BUDGET": "0"},
            "CODESTILE_NETWORK_BUDGET: Input should be greater than or equal to 1",
        ),
        (
            {"CODESTILE_PUBLIC_URL": "codes.example"},
            "CODESTILE_PUBLIC_URL: codes.example is no address such as https://codes.example",
        ),
        (
            {"CODESTILE_ALLOWED_ORIGINS": "*"},
            "CODESTILE_ALLOWED_ORIGINS: * is no address such as https://codes.example",
        ),
        (
            {"CODESTILE_ALLOWED_ORIGINS": "https://a.example/path"},
            "CODESTILE_ALLOWED_ORIGINS: https://a.example/path is no address such as "
            "https://codes.example",
        ),
        (
            {"CODESTILE_SMTP_URL": "http://mail.example"},
            "CODESTILE_SMTP_URL: must begin with smtp:// or smtps://",
        ),
        (
            {"CODESTILE_SMTP_URL": "smtp://mail.example"},
            "with CODESTILE_SMTP_URL set CODESTILE_MAIL_FROM too",
        ),
        (
            {
                "CODESTILE_SMTP_URL": "smtp://mail.example",
                "CODESTILE_MAIL_FROM": "us@codes.example",
                "CODESTILE_MAIL_FOLDER": "mail",
            },
            "set CODESTILE_SMTP_URL or CODESTILE_MAIL_FOLDER, not both",
        ),
        (
            {"CODESTILE_MAIL_FROM": "Codestile"},
            "CODESTILE_MAIL_FROM: 'Codestile' is no address such as "
            "Codestile <no-reply@codes.example>",
        ),
        ({"CODESTILE_PROT": "80"}, "unknown setting CODESTILE_PROT; see docs/operations.md"),
    ],
)
def test_setting_that_cannot_be_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    given(monkeypatch, **variables)

    with pytest.raises(SettingRefused) as refused:
        read_settings()

    assert str(refused.value) == sentence


def test_refusal_does_not_repeat_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, **STORES)
    given(monkeypatch, DATABASE_URL="mysql://user:canary@db.example/codestile")

    with pytest.raises(SettingRefused) as refused:
        read_settings()

    assert "canary" not in str(refused.value)
    assert str(refused.value) == "DATABASE_URL: must begin with postgresql://, postgres://"


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"CODESTILE_DATA": "data"}, Path("data/mail")),
        ({"CODESTILE_DATA": "data", "CODESTILE_MAIL_FOLDER": "letters"}, Path("letters")),
        (STORES, None),
        (STORES | {"CODESTILE_MAIL_FOLDER": "letters"}, Path("letters")),
        (
            {
                "CODESTILE_SMTP_URL": "smtp://us:word@mail.example",
                "CODESTILE_MAIL_FROM": "Codestile <us@codes.example>",
            },
            None,
        ),
    ],
)
def test_letters_land_in_a_folder_unless_a_server_takes_them_or_they_wait(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: Path | None
) -> None:
    given(monkeypatch, **variables)

    assert read_settings().letters_folder == folder


def test_refusal_does_not_repeat_the_password_of_the_mail_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(monkeypatch, CODESTILE_SMTP_URL="smtp://us:canary@mail.example/path")

    with pytest.raises(SettingRefused) as refused:
        read_settings()

    assert str(refused.value) == (
        "CODESTILE_SMTP_URL: a mail server is smtp://user:password@host:port"
    )


def test_an_authority_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        CODESTILE_SMTP_URL="smtps://mail.example?ca_certs=nowhere.pem",
        CODESTILE_MAIL_FROM="us@codes.example",
    )

    with pytest.raises(SettingRefused) as refused:
        mailer_of(read_settings())

    assert str(refused.value) == "CODESTILE_SMTP_URL: its ca_certs: No such file or directory"


@pytest.mark.parametrize(
    ("settings", "site"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),
        ({"host": "::"}, "http://127.0.0.1:8000"),
        ({"host": "::1"}, "http://[::1]:8000"),
        ({"host": "192.0.2.7"}, "http://192.0.2.7:8000"),
        ({"host": "192.0.2.7", "public_url": "https://api.example"}, "https://api.example"),
        (
            {"public_url": "https://api.example", "site_url": "https://codes.example/"},
            "https://codes.example",
        ),
    ],
)
def test_letters_link_to_where_readers_come(settings: dict[str, object], site: str) -> None:
    assert read_settings(**settings).site == site
