"""The simulator: the ledger keeps its promises in every seed, and no planted bug goes by."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.sim.mutants import BUGS
from tests.sim.run import Run
from tests.sim.seeds import first_broken, pool, run_seeds
from tests.sim.store import Store

NOTICED_AS = {*(f"P{number}" for number in range(1, 8)), "alive", "a step failed"}
"""A broken promise, a reader who is never answered, or an answer that makes no sense to us."""
ROOT = Path(__file__).resolve().parents[2]
SEEDS_OF_A_BUG = 1000
"""A planted bug has to be seen within so many."""


def test_every_promise_is_kept_in_2000_seeds() -> None:
    report = run_seeds(0, 2000)

    assert report.failed == (), str(report)
    assert report.seeds == 2000
    # That the seeds do what they are there for.
    assert report.answers > 60_000
    assert report.events > 60_000
    assert report.kills > 1_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_promise_is_kept_in_20000_other_seeds() -> None:
    report = run_seeds(1_000_000, 20_000)

    assert report.failed == (), str(report)


def _replay(seed: int, hash_seed: str) -> str:
    environment = {**os.environ, "SEED": str(seed), "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-m", "tests.sim"],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_seed_is_the_same_run_step_by_step_however_often() -> None:
    """Sets are in another order in every process: nothing may depend on it."""
    first, second = _replay(7, "1"), _replay(7, "2")

    assert first == second
    assert first.endswith("every promise was kept\n")
    assert first.count("\n") > 300
    assert " store    dies; " in first


@pytest.fixture(scope="module")
def hunts() -> Iterator[dict[str, "Future[Run | None]"]]:
    """The first seed that notices each planted bug, looked for side by side."""
    with pool(2) as workers:
        yield {
            bug.name: workers.submit(first_broken, bug.name, range(SEEDS_OF_A_BUG)) for bug in BUGS
        }


@pytest.mark.parametrize("bug", [bug.name for bug in BUGS])
def test_a_planted_bug_is_noticed(bug: str, hunts: dict[str, "Future[Run | None]"]) -> None:
    noticed = hunts[bug].result()

    assert noticed is not None, f"{SEEDS_OF_A_BUG} seeds went by"
    assert noticed.problems[0].split(":")[0] in NOTICED_AS
    assert noticed.trace != ()


def test_a_bug_is_planted_once_each() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) > 12


def test_what_the_simulated_store_does_not_know_is_no_answer() -> None:
    store = Store(lambda: 0)

    store.execute(["HGETDEL", "key", "FIELDS", "1", "name"])

    assert store.gap == "the simulator does not know: HGETDEL key FIELDS 1 name"


def test_a_script_may_touch_no_key_that_it_was_not_given() -> None:
    store = Store(lambda: 0)
    text = "#!lua\nreturn redis.call('GET', KEYS[1] .. 'x')"
    digest = store.execute(["SCRIPT", "LOAD", text])

    store.execute(["EVALSHA", digest, "1", "key"])

    assert store.gap is not None
    assert "that is not in KEYS" in store.gap
