"""The port that letters leave by."""

from typing import Protocol

from schema.mail import Letter


class Mailer(Protocol):
    """Sends one letter."""

    async def send(self, letter: Letter, message_id: str) -> None:
        """Returns when somebody else is answerable for the letter.

        `message_id` is the same whenever the same letter is sent. Raises MailUnavailable when it
        may go later, LetterRefused when it never will.
        """
        ...
