"""How long a fresh checkout takes until the server answers, and a server that ran before."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLD_LIMIT_SECONDS = 90.0
WARM_LIMIT_SECONDS = 2.0
WARM_STARTS = 3
# The way to the package registry, where there is a special one.
WAY_OUT = ("PIP_", "UV_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder that any user can enter, as PostgreSQL may have to."""
    with tempfile.TemporaryDirectory(prefix="codestile-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def seconds_until_it_answers(run: Path, data: Path, environment: dict[str, str]) -> float:
    """From the command to the first answer that both stores and the catalogue stand behind."""
    began_at = time.perf_counter()
    server = subprocess.Popen(
        [run, "serve", "--data", data, "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = next(line.split()[3] for line in server.stdout if "answers at" in line)
        with urlopen(address.replace("/graphql", "/readyz"), timeout=10) as answer:
            assert answer.status == 200
        return time.perf_counter() - began_at
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


@pytest.mark.bench
def test_server_is_up_within_ninety_seconds_and_the_next_time_within_two(place: Path) -> None:
    """Needs the package registry. Nothing is taken from a cache of packages."""
    checkout, data = place / "checkout", place / "data"
    left_out = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(ROOT, checkout, ignore=left_out)
    environment = {name: value for name, value in os.environ.items() if name.startswith(WAY_OUT)}
    environment |= {"PATH": os.environ["PATH"], "HOME": str(place)}
    environment |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}

    began_at = time.perf_counter()
    subprocess.run([checkout / "run", "--help"], env=environment, check=True, capture_output=True)
    install = time.perf_counter() - began_at
    first, *warm = (
        seconds_until_it_answers(checkout / "run", data, environment)
        for _ in range(1 + WARM_STARTS)
    )

    print(f"\n{'install':12} {install:6.2f} s\n{'first start':12} {first:6.2f} s")
    print(f"{'warm start':12} {', '.join(f'{seconds:.2f}' for seconds in warm)} s")
    assert install + first <= COLD_LIMIT_SECONDS
    # The best one, since neighbours on the machine only ever add.
    assert min(warm) <= WARM_LIMIT_SECONDS
