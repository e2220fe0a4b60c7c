"""The collector of cycles rests as long as anybody asks for it, and then works as before."""

import gc

from metering.collecting import rarely_collected


def test_the_last_that_asked_for_rest_ends_it_in_any_order() -> None:
    before = gc.get_threshold()
    first, second = rarely_collected(), rarely_collected()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    during = gc.get_threshold()
    second.__exit__(None, None, None)

    assert during[0] > before[0]
    assert gc.get_threshold() == before
