"""What can go wrong, as exceptions: broken promises only; an expected refusal is a value.

CodestileError
├── SettingRefused       a setting is missing, unknown or out of bounds
├── OptionRefused        a command was given what it cannot take
├── StoreUnavailable     PostgreSQL or Valkey did not answer in time
│   └── MeterOverloaded  more calls of the ledger wait in this process than can be answered in time
├── TooBusy              too many passwords wait to be hashed
├── UnsafeStore          a store runs with options that could lose or invent an event
├── RebuildRefused       the log has events that the archive missed: a fold would lose them
├── MailUnavailable      nobody takes letters at the moment; the letter waits
├── LetterRefused        a mail server will never take a letter
├── DataFolderInUse      another server holds this data folder
├── StoreFailedToStart   an embedded store did not come up
├── MigrationRefused     a migration file was edited, lost or is out of order
└── FileRefused          an official file is not what its format promises
    └── ReleaseStands    a release that is loaded stands in the way of the one in the file
"""

from typing import Literal


class CodestileError(Exception):
    """Root of every exception we raise on purpose; the message says what to do."""


class SettingRefused(CodestileError):
    """A setting is missing, unknown or out of bounds."""


class OptionRefused(CodestileError):
    """A command was given what it cannot take; nothing was done."""


class StoreUnavailable(CodestileError):
    """A store did not answer in time. What was sent to it may still be carried out."""

    def __init__(
        self, store: Literal["postgres", "valkey"], reason: str, *, retry_after_seconds: int = 2
    ) -> None:
        super().__init__(f"{store} is unavailable: {reason}")
        self.store = store
        self.retry_after_seconds = retry_after_seconds


class MeterOverloaded(StoreUnavailable):
    """Too many calls of the ledger wait in this process; this one was never sent.

    The store is there: whoever turns to something else when a store is away must not do so now.
    """

    def __init__(self, waiting: int) -> None:
        super().__init__("valkey", f"{waiting} calls wait already", retry_after_seconds=1)


class TooBusy(CodestileError):
    """Too many passwords wait to be hashed in this process; this one was not begun."""

    retry_after_seconds = 2


class UnsafeStore(CodestileError):
    """A store is reachable but runs with options that could lose or invent an event."""


class RebuildRefused(CodestileError):
    """The log of a shard goes on after events that its archive does not have; the live state knows
    them, and a fold of the archive would not."""

    def __init__(self, shard: int, stream_id: str, archived_seq: int) -> None:
        super().__init__(
            f"shard {shard} is archived up to event {archived_seq} and its log goes on with "
            f"{stream_id}: what lies between is in the live state alone. Bring the archive back "
            "to where it was, or give up those events with --force."
        )


class MailUnavailable(CodestileError):
    """Nobody takes letters at the moment, or nobody has taken this one yet; the message names no
    one and repeats nothing of the letter."""


class LetterRefused(CodestileError):
    """A mail server will never take this letter; the message as MailUnavailable's."""


class DataFolderInUse(CodestileError):
    """Another server holds this data folder; the message names its address."""


class StoreFailedToStart(CodestileError):
    """An embedded store did not come up; the message names its log."""


class MigrationRefused(CodestileError):
    """An applied migration file was edited or lost, or a number is out of order."""


class FileRefused(CodestileError):
    """An official file is not what its format promises; nothing of it was kept.

    Lines count from 1, and so do columns: characters of a text, cells of a table. What is wrong
    with a line as a whole stands at its first column; a fault of the whole file has neither.
    """

    def __init__(self, file: str, reason: str, *, line: int | None = None, column: int = 1) -> None:
        place = file if line is None else f"{file}:{line}:{column}"
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.line = line
        self.column = None if line is None else column
        self.reason = reason


class ReleaseStands(FileRefused):
    """A later release than the file's is loaded, or other bytes under its label: they stay."""

    def __init__(self, file: str, reason: str, *, release: str) -> None:
        super().__init__(file, reason)
        self.release = release
        """The release that the file holds, as reports call it."""
