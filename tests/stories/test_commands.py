"""The commands beside `serve`, as an operator runs them."""

from collections.abc import Callable
from typing import Any


async def test_migrate_says_that_nothing_is_left_to_apply(codestile: Callable[..., Any]) -> None:
    assert await codestile("migrate") == (0, "nothing to apply\n", "")


async def test_default_load_leaves_what_is_loaded_alone_and_counts_it(
    codestile: Callable[..., Any], catalogue: Any
) -> None:
    before = await catalogue.fetch("SELECT count(*), max(loaded_at) FROM code_release")

    code, output, errors = await codestile("load", "default")

    rows = [line for line in output.splitlines() if "loaded already" in line]
    assert (code, errors) == (0, "")
    assert len(rows) == 25
    assert "ICD10PCS FY2024" in output
    assert "78,603" in output
    assert await catalogue.fetch("SELECT count(*), max(loaded_at) FROM code_release") == before
