"""The front door, `run`: with a stand-in for Python that notes what it is asked to install."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "cat", "cksum", "sed", "mkdir", "rm", "env", "sleep", "flock", "chmod", "cp")

# Makes environments in which python is itself, and codestile tells how it was called.
STAND_IN = """#!/bin/sh
here=${0%/*}
case "$*" in
    *version_info*) exit "${TOO_OLD:-0}" ;;
    *sys.executable*) echo "$0" ;;
    *ensurepip*) exit "${NO_VENV:-0}" ;;
    "-m venv"*)
        mkdir -p "$4/bin"
        cp "$0" "$4/bin/python"
        cp "$here/codestile" "$4/bin/codestile"
        echo venv >>"$CALLS" ;;
    "-m pip --version") ;;
    *" install "*)
        echo "${*##*--no-}" >>"$CALLS"
        sleep "${SLOW:-0}"
        if [ -n "${FAIL-}" ]; then echo "$FAIL" >&2; exit 1; fi ;;
    *) echo "python $*" ;;
esac
"""
# Makes the same environments, with the Python it is told to take.
UV = """#!/bin/sh
for last; do :; done
case "$*" in
    "venv "*)
        [ "$5" = "${0%/*}/python3" ] || exit 1
        mkdir -p "$last/bin"
        cp "$5" "$last/bin/python"
        cp "${0%/*}/codestile" "$last/bin/codestile"
        echo "uv venv" >>"$CALLS" ;;
    "pip install --python "*/.venv/bin/python" --no-deps"*) echo "uv ${*##*--no-}" >>"$CALLS" ;;
    *) exit 1 ;;
esac
"""
CODESTILE = """#!/bin/sh
if [ "${1-}" = serve ]; then echo "$$"; exec sleep 60; fi
printf '%s|' "$PWD" "$@"
"""


class Door:
    """A copy of the front door in a folder with a blank in its name."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        self.calls = folder / "calls"
        self.tools = folder / "tools"
        self.elsewhere = folder / "elsewhere"
        for made in (self.root, self.tools, self.elsewhere):
            made.mkdir()
        for name in ("run", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
            shutil.copy(ROOT / name, self.root)
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.tools / tool).symlink_to(found)
        self.add("python3", STAND_IN)
        self.add("codestile", CODESTILE)

    def add(self, name: str, text: str) -> None:
        path = self.tools / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "run", *words],
            cwd=self.elsewhere,
            env={"PATH": str(self.tools), "CALLS": str(self.calls), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, **variables: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        process = self.start(*words, **variables)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def installed(self) -> list[str]:
        """What was done to the environment since the last question."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return [line.replace(str(self.root), "ROOT") for line in lines]


MADE = [
    "venv",
    "deps --require-hashes -r ROOT/requirements.lock",
    "build-isolation --editable ROOT",
]


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_command_runs_where_the_caller_stands(door: Door) -> None:
    status, out, err = door.run("load", "default", "--data", "a b/c")

    assert (status, out) == (0, f"{door.elsewhere}|load|default|--data|a b/c|")
    assert err == "run: installing into .venv; this happens once\n"
    assert door.installed() == MADE


def test_second_start_installs_nothing(door: Door) -> None:
    door.run("--help")
    door.installed()

    status, _, err = door.run("--help")

    assert (status, err) == (0, "")
    assert door.installed() == []


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_changed_lock_or_project_is_installed(door: Door, changed: str) -> None:
    door.run("--help")
    door.installed()
    with (door.root / changed).open("a") as file:
        file.write("\n")

    _, _, err = door.run("--help")

    assert err == "run: bringing .venv up to date\n"
    assert door.installed() == MADE[1:]


def test_moved_checkout_is_installed_again(door: Door) -> None:
    door.run("--help")
    door.installed()
    door.root = door.root.rename(door.root.with_name("moved"))

    door.run("--help")

    assert door.installed() == MADE[1:]


def test_tools_of_development_are_added_once_and_serve_as_well(door: Door) -> None:
    door.run("--help")
    door.installed()

    first = door.run("test", "tests/db", "-x")
    added = door.installed()
    second = door.run("test", "--all", "-x")
    door.run("--help")

    assert first[1] == "python -m pytest -m not slow and not bench tests/db -x\n"
    assert second[1] == "python -m pytest -m not bench -x\n"
    assert added == ["deps --require-hashes -r ROOT/requirements-dev.lock", MADE[2]]
    assert door.installed() == []


def test_check_runs_every_step_and_fails_when_one_does(door: Door) -> None:
    door.run("check")
    (door.root / ".venv/bin/python").write_text(
        '#!/bin/sh\necho "$2 $3"\ncase "$3" in check) exit 1 ;; esac\n'
    )

    status, out, _ = door.run("check")

    assert status == 1
    assert out.splitlines() == ["ruff format", "ruff check", "mypy ", "pytest -q"]


def test_interrupted_installation_is_begun_anew(door: Door) -> None:
    process = door.start("--help", SLOW="30")
    while not door.calls.exists() or "deps" not in door.calls.read_text():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    door.installed()

    status, _, _ = door.run("--help")

    assert status == 0
    assert door.installed() == MADE


@pytest.mark.parametrize("has_flock", [True, False])
def test_starts_at_once_install_once(door: Door, has_flock: bool) -> None:
    if not has_flock:
        (door.tools / "flock").unlink(missing_ok=True)

    processes = [door.start("--help", SLOW="0.2") for _ in range(4)]
    statuses = [(process.communicate(timeout=60), process.returncode)[1] for process in processes]

    assert statuses == [0, 0, 0, 0]
    assert door.installed() == MADE
    assert not (door.root / ".venv.lock").exists()


def test_server_takes_the_place_of_the_script(door: Door) -> None:
    door.run("--help")
    process = door.start("serve")
    assert process.stdout is not None

    told = int(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)

    assert told == process.pid
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_closed_streams_lead_nowhere(door: Door, shell: str) -> None:
    """Else the first file that the server opens would get the number of one of them."""
    interpreter = shutil.which(shell)
    if interpreter is None:
        pytest.skip(f"no {shell} here")
    door.run("--help")
    (door.root / ".venv/bin/codestile").write_text(
        '#!/bin/sh\ntrue 3<&0 && true 3>&1 && true 3>&2 && echo open >"$CALLS"\n'
    )
    door.installed()

    ended = subprocess.run(
        ["sh", "-c", 'exec "$0" "$1" serve <&- >&- 2>&-', interpreter, door.root / "run"],
        env={"PATH": str(door.tools), "CALLS": str(door.calls)},
        check=False,
    )

    assert ended.returncode == 0
    assert door.installed() == ["open"]


def test_missing_python_is_said_in_one_line(door: Door) -> None:
    status, out, err = door.run("serve", TOO_OLD="1")

    assert (status, out) == (1, "")
    assert err == "run: no Python 3.11 or newer on the PATH; install one and run this again\n"
    assert not (door.root / ".venv").exists()


def test_missing_venv_is_said_in_one_line(door: Door) -> None:
    status, _, err = door.run("serve", NO_VENV="1")

    assert status == 1
    assert err == (
        f"run: {door.tools}/python3 cannot make environments; "
        "on Debian or Ubuntu: apt-get install python3-venv\n"
    )


def test_missing_network_is_said_in_one_line(door: Door) -> None:
    status, _, err = door.run("serve", FAIL="WARNING: ... NewConnectionError ...\nERROR: ...")

    assert status == 1
    assert err.splitlines()[1:] == ["run: no network: the package registry cannot be reached"]


def test_other_failures_of_the_installer_are_shown(door: Door) -> None:
    status, _, err = door.run("serve", FAIL="ERROR: hashes do not match")

    assert status == 1
    assert err.splitlines()[1:] == [
        "ERROR: hashes do not match",
        "run: the packages could not be installed; the reason is above",
    ]


def test_failing_uv_leaves_the_work_to_pip(door: Door) -> None:
    door.add("uv", "#!/bin/sh\nexit 2\n")

    status, _, err = door.run("--help")

    assert (status, err) == (0, "run: installing into .venv; this happens once\n")
    assert door.installed() == MADE


@pytest.mark.parametrize("no_venv", ["0", "1"], ids=["venv", "no venv"])
def test_uv_does_all_the_work_where_it_is(door: Door, no_venv: str) -> None:
    door.add("uv", UV)

    status, out, err = door.run("sdl", NO_VENV=no_venv)

    assert (status, out) == (0, f"{door.elsewhere}|sdl|")
    assert err == "run: installing into .venv; this happens once\n"
    assert door.installed() == [f"uv {done}" for done in MADE]
    assert door.run("sdl") == (0, out, "")
    assert door.installed() == []


def test_uv_brings_an_environment_up_to_date(door: Door) -> None:
    door.add("uv", UV)
    door.run("--help")
    door.installed()
    with (door.root / "requirements.lock").open("a") as file:
        file.write("\n")

    _, _, err = door.run("--help")

    assert err == "run: bringing .venv up to date\n"
    assert door.installed() == [f"uv {done}" for done in MADE[1:]]


def test_benchmarks_show_what_they_measured(door: Door) -> None:
    status, out, _ = door.run("bench", "tests/bench/bench_start.py")

    assert (status, out) == (0, "python -m pytest -m bench -s tests/bench/bench_start.py\n")


def test_no_command_prints_the_commands_and_installs_nothing(door: Door) -> None:
    status, out, err = door.run()

    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "./run serve           start the server, its stores included"
    assert len(out.splitlines()) == 7
    assert not (door.root / ".venv").exists()


def test_continuous_integration_fails_when_either_half_does(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci")
    statuses = {}
    for broken in ("check", "test", "nothing"):
        (tmp_path / "run").write_text(f'#!/bin/sh\necho "$1"\n[ "$1" != {broken} ]\n')
        (tmp_path / "run").chmod(0o755)
        ended = subprocess.run([tmp_path / ".ci/run"], capture_output=True, text=True, check=False)
        statuses[broken] = (ended.returncode, ended.stdout.split())

    both = ["check", "test"]
    assert statuses == {"check": (1, both), "test": (1, both), "nothing": (0, both)}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout without an environment."""
    copy = tmp_path_factory.mktemp("front door") / "check out"
    return shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "*_cache"))


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The PATH and the way to the package registry, no HOME."""
    way_out = ("PIP_", "UV_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    taken = {name: value for name, value in os.environ.items() if name.startswith(way_out)}
    return taken | {"PATH": os.environ["PATH"], "PIP_NO_CACHE_DIR": "1"}


@pytest.mark.slow
def test_fresh_checkout_comes_up_for_real(checkout: Path, environment: dict[str, str]) -> None:
    """Needs the package registry."""
    ended = [
        subprocess.run(
            [checkout / "run", "sdl"],
            cwd=checkout.parent,
            env={**environment, "HOME": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]

    published = (ROOT / "schema/schema.graphql").read_text()
    assert [(each.returncode, each.stdout) for each in ended] == [(0, published)] * 2
    assert [each.stderr for each in ended] == [
        "run: installing into .venv; this happens once\n",
        "",
    ]


@pytest.mark.slow
def test_server_comes_up_as_a_service(checkout: Path, environment: dict[str, str]) -> None:
    """No terminal, no HOME, standard input closed, a strict umask, nothing to write in the code."""
    subprocess.run([checkout / "run", "--help"], env=environment, check=True, capture_output=True)
    subprocess.run(["chmod", "-R", "a-w", checkout], check=True)
    with tempfile.TemporaryDirectory(prefix="codestile-") as data:
        server = subprocess.Popen(
            [
                "sh",
                "-c",
                'umask 077; exec "$0" serve --data "$1" --port 0 <&-',
                checkout / "run",
                data,
            ],
            cwd="/",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert server.stdout is not None
        address = next((line.split()[3] for line in server.stdout if "answers at" in line), None)
        ready = address and urlopen(address.replace("/graphql", "/readyz"), timeout=10).status
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=30)

    assert ready == 200, errors
    assert server.returncode == 0
