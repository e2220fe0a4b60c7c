"""`./run sim --seeds 2000`: run seeds; `SEED=7 ./run sim`: replay one, step by step."""

import argparse
import os
import sys

from tests.sim.run import run_seed
from tests.sim.seeds import run_seeds


def main() -> int:
    """The status of the process: 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="./run sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if "SEED" in os.environ:
        return _replay(int(os.environ["SEED"]))
    report = run_seeds(asked.first, asked.seeds, processes=asked.processes)
    print(report)
    return 1 if report.failed else 0


def _replay(seed: int) -> int:
    run = run_seed(seed, wants_trace=True)
    print(*run.trace, sep="\n")
    print(f"seed {seed}: {run.answers} answers, {run.events} events, {run.kills} kills")
    print(*(run.problems or ("every promise was kept",)), sep="\n")
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
