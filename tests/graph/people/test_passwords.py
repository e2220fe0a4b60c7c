"""A password is the same in whatever form it was typed, and costs no more than it may be long."""

import unicodedata
from typing import Any

import pytest

from graph.people import passwords
from graph.people.passwords import LENGTH_MAX, TYPED_MAX, Passwords


async def test_a_text_longer_than_any_form_of_a_password_is_wrong_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """10,000 marks in a row held up everybody for a tenth of a second."""
    read: list[int] = []

    class Counting:
        def normalize(self, form: Any, text: str) -> str:
            read.append(len(text))
            return unicodedata.normalize(form, text)

    longest = "\u1f82" * LENGTH_MAX
    taken_apart = unicodedata.normalize("NFD", longest)
    monkeypatch.setattr(passwords, "unicodedata", Counting())
    known = Passwords(1)
    kept = await known.hashed(longest)

    answers = [
        await known.is_right(given, kept)
        for given in (taken_apart, taken_apart + "\u0301", "a" + "\u0301" * 5000 + "\u0316" * 5000)
    ]

    assert answers == [True, False, False]
    assert read == [LENGTH_MAX, TYPED_MAX, 0, 0]
