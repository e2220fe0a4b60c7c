"""Many seeds, shared by some processes."""

import gc
import importlib.metadata
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

from tests.sim.mutants import BUGS
from tests.sim.run import Run, run_seed

_AT_ONCE = 50
"""Seeds that a process runs between two reports."""


@dataclass(frozen=True, slots=True)
class Report:
    """What many seeds came to."""

    seeds: int
    events: int
    answers: int
    kills: int
    failed: tuple[Run, ...]
    seconds: float

    def __str__(self) -> str:
        lines = [
            f"{self.seeds} seeds in {self.seconds:.1f} s, "
            f"{self.seeds / self.seconds * 60:,.0f} a minute: {self.answers} answers, "
            f"{self.events} events, the store killed {self.kills} times"
        ]
        for run in self.failed[:10]:
            lines.append(f"seed {run.seed}: {run.problems[0]}")
            lines.append(f"  replay: SEED={run.seed} ./run sim")
        if not self.failed:
            lines.append("every promise was kept")
        return "\n".join(lines)


def run_seeds(first: int, count: int, *, processes: int = 2) -> Report:
    """The seeds from `first` on, shared by that many processes."""
    began = time.perf_counter()
    runs: list[Run] = []
    starts = range(first, first + count, _AT_ONCE)
    batches = [range(at, min(at + _AT_ONCE, first + count)) for at in starts]
    with pool(processes) as workers:
        for found in workers.map(_batch, batches):
            runs += found
    return Report(
        len(runs),
        sum(run.events for run in runs),
        sum(run.answers for run in runs),
        sum(run.kills for run in runs),
        tuple(run for run in runs if run.problems),
        time.perf_counter() - began,
    )


def first_broken(bug: str, seeds: range) -> Run | None:
    """The first of the seeds that breaks a promise once the bug is planted; None: it goes by."""
    [planted] = [each for each in BUGS if each.name == bug]
    with planted.planted_in() as edited:
        for seed in seeds:
            run = run_seed(seed, edited=edited)
            if run.problems:
                return run
            if seed % 10 == 9:
                gc.collect()
    return None


def pool(processes: int) -> ProcessPoolExecutor:
    """Processes that run seeds, each a fresh interpreter: nothing of a test's own loop or threads
    comes along."""
    spawn = get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=spawn, initializer=_prepare)


def _prepare() -> None:
    """Make a fresh process fast: most of its time went into the two things below."""
    # redis-py reads its own version from disk for every connection that it makes.
    importlib.metadata.version = cache(importlib.metadata.version)  # type: ignore[assignment]
    # Loops and connections refer to each other; they are collected once every few seeds.
    gc.collect()
    gc.freeze()
    gc.disable()


def _batch(seeds: range) -> list[Run]:
    return list(_each(seeds))


def _each(seeds: range) -> Iterator[Run]:
    for at, seed in enumerate(seeds):
        yield run_seed(seed)
        if at % 10 == 9:
            gc.collect()
