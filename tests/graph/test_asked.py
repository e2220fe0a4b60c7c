"""What a command of the desk takes from whoever types it."""

import pytest

from graph.asked import code_of
from schema.codes import CodeKey, CodeSystemKey
from schema.errors import OptionRefused


@pytest.mark.parametrize("typed", ["ICD10CM:E1165", "ICD10CM:E11.65", "ICD10CM:e11.65"])
def test_a_code_is_taken_as_stored_and_as_printed(typed: str) -> None:
    assert code_of(typed) == CodeKey(CodeSystemKey.ICD10CM, "E1165")


@pytest.mark.parametrize("typed", ["I10", "ICD10CM:", "ICD10:I10", "ICD10CM:I10:", "ICD10CM:I/10"])
def test_what_is_no_code_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(OptionRefused) as refused:
        code_of(typed)

    assert str(refused.value) == f"{typed!r} is no code; write ICD10CM:I10"
