"""What is a key and what is not: reading one never fails, and finds nothing else."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from graph.people.keys import key_text, read_key

KEY = re.compile(r"csk_live_[0-9A-Za-z]{12}_[0-9A-Za-z_-]{43}")
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
IDS = st.text(LETTERS, min_size=12, max_size=12)
SECRETS = st.text(LETTERS + "_-", min_size=43, max_size=43)


@given(IDS, SECRETS)
def test_key_is_read_as_its_two_parts(key_id: str, secret: str) -> None:
    assert read_key(key_text(key_id, secret)) == (key_id, secret)


@given(st.text())
@example("")
@example("csk_live_")
@example("csk_live_" + "A" * 12 + "_" + "A" * 43 + "\n")
@example("csk_live_" + "A" * 12 + "_" + "A" * 44)
@example("csk_live_" + "A" * 11 + "ä_" + "A" * 43)
@example("csk_live_" + "A" * 12 + "_" + "\u0661" * 43)
@example("CSK_LIVE_" + "A" * 12 + "_" + "A" * 43)
@example("\ud800\x00")
def test_any_other_text_is_no_key(text: str) -> None:
    assert (read_key(text) is None) == (KEY.fullmatch(text) is None)


@given(IDS, SECRETS, st.integers(0, 64), st.characters())
def test_key_with_one_character_changed_is_no_key_or_another(
    key_id: str, secret: str, place: int, other: str
) -> None:
    text = key_text(key_id, secret)
    changed = text[:place] + other + text[place + 1 :]

    parts = read_key(changed)

    assert parts is None or key_text(*parts) == changed
    assert parts != (key_id, secret) or changed == text
