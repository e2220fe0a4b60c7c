"""What is wrong with a text of the editors, before anybody reads it.

Texts are CommonMark and kept as they were written. Readers' pages turn them into HTML, so a text
brings no HTML of its own and links to nothing but pages: whoever shows it still has to use a
renderer that escapes.
"""

import re
from collections.abc import Iterator

from graph.people.terms import Fault

TEXT_MAX_LENGTH = 10_000
_HTML = re.compile(r"<[A-Za-z/!?]")
# A link's target, behind its text or in a definition; CommonMark takes entities in it too, which
# begin none of the forms that are allowed.
_DEFINITION = r"^[ >*+\-\d.)]*\[(?:\\.|[^\]\\]){1,999}\]:\s*(\S*)"  # in a quote or a list, too
_TARGET = re.compile(rf"\]\(\s*(\S*)|{_DEFINITION}", re.MULTILINE)
_ALLOWED = re.compile(r"(?:https?://|mailto:|/(?!/)|#)", re.IGNORECASE)


def tidied(text: str) -> str:
    """The text with ends of lines of one kind, and no blanks at its ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def faults_of_text(text: str) -> Iterator[Fault]:
    """Every fault of a tidied text."""
    if not 1 <= len(text) <= TEXT_MAX_LENGTH:
        yield "markdown", "LENGTH", f"A text has 1 to {TEXT_MAX_LENGTH:,} characters."
        return
    if not all(line.isprintable() for line in text.split("\n")):
        yield "markdown", "CONTROL", "A text has no control characters but ends of lines."
    if _HTML.search(text):
        message = "A text is Markdown without HTML: put a blank behind a < that is no tag."
        yield "markdown", "HTML", message
    if any(not _ALLOWED.match(found[1] or found[2] or "") for found in _TARGET.finditer(text)):
        yield "markdown", "LINK", "A link leads to https:, http:, mailto:, a path or a heading."
