"""Which way letters leave, by the settings."""

from email.headerregistry import Address

from graph.mail.folder import FileDrop
from graph.mail.mailer import Mailer
from graph.mail.message import sender_of
from graph.mail.server import read_mail_url
from graph.mail.smtp import Smtp
from graph.settings import Settings
from schema.errors import SettingRefused

NOBODY = "Codestile <no-reply@localhost>"
"""Who letters are from that land in a folder and go no further."""


def sender_address(settings: Settings) -> Address:
    """Who letters are from."""
    return sender_of(settings.mail_from or NOBODY)


def mailer_of(settings: Settings) -> Mailer | None:
    """The mail server of the settings, else a folder; None: letters wait in the outbox.

    Raises SettingRefused when the server's authority cannot be read.
    """
    sender = sender_address(settings)
    if settings.smtp_url:
        try:
            return Smtp(read_mail_url(settings.smtp_url.get_secret_value()), sender)
        except OSError as refused:
            reason = refused.strerror or type(refused).__name__
            raise SettingRefused(f"CODESTILE_SMTP_URL: its ca_certs: {reason}") from refused
    folder = settings.letters_folder
    return None if folder is None else FileDrop(folder, sender)
