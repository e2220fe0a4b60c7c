"""The rules of the house: which way imports point, who speaks to what, what the tree may hold."""

import ast
import json
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from schema.codes import CodeSystemKey

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("graph", "metering", "db", "schema")
"""From the top down: a folder imports itself and what stands to its right."""

SPEAKS = {
    "strawberry": {"graph"},
    "graphql": {"graph"},
    "starlette": {"graph"},
    "uvicorn": {"graph"},
    "typer": {"graph"},
    "pydantic_settings": {"graph"},
    "redis": {"metering"},
    "asyncpg": {"db"},
}
"""Which folders may import a library; one that is not named is free."""

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|work|home|Users)/\w|(?<!\w)/tmp/[d]ev\b")
REGISTRY = re.compile(
    r"pypi[.]org|python[h]osted|npmjs[.]org|--(?:extra-)?index[-]url|\"resolved\""
)
UNFINISHED = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX)\b")
# A CPT descriptor beside its code, as a table, a mapping or a file of columns would hold it.
LICENSED = re.compile(r"""(?:^|["'(,\s])\d{4}[0-9FTU]["']?\s*[:,;|\t]\s*["']?[A-Za-z]{4}""")


def _tree() -> Iterator[Path]:
    """Every file of ours: no caches, no environment, nothing that is built elsewhere."""
    for path in ROOT.iterdir():
        if path.name in {".git", ".venv", "dist"} or path.name.endswith(("_cache", ".hypothesis")):
            continue
        found = path.rglob("*") if path.is_dir() else [path]
        yield from (
            file
            for file in found
            if file.is_file() and not {"__pycache__", "node_modules"} & set(file.parts)
        )


def _texts(*below: str) -> Iterator[tuple[str, str]]:
    """(path from the root, content) of the text files below these folders, else of all."""
    for path in sorted(_tree()):
        name = path.relative_to(ROOT).as_posix()
        if below and not name.startswith(below):
            continue
        try:
            yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for name, text in _texts(*(f"{floor}/" for floor in FLOORS)):
        if name.endswith(".py"):
            yield name, ast.parse(text, name)


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def _lines(pattern: re.Pattern[str], texts: Iterator[tuple[str, str]]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _pins(lock: str) -> dict[str, str]:
    """Name to version of a lock file; every pin must carry a hash."""
    pins: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
        if pinned := re.match(r"([\w.-]+)(?:\[[\w,]+\])?==(\S+)", entry):
            assert "--hash=sha256:" in entry, entry
            pins[canonicalize_name(pinned[1])] = pinned[2]
    return pins


def test_imports_point_down() -> None:
    upward = [
        f"{name} imports {imported}"
        for name, module in _modules()
        for imported in _imported(module)
        if imported.split(".")[0] in FLOORS[: FLOORS.index(name.split("/")[0])]
    ]

    assert upward == []


def test_each_folder_speaks_its_own_library() -> None:
    foreign = [
        f"{name} imports {imported}"
        for name, module in _modules()
        for imported in _imported(module)
        if name.split("/")[0] not in SPEAKS.get(imported.split(".")[0], FLOORS)
    ]

    assert foreign == []


def test_only_settings_reads_the_environment() -> None:
    readers = {
        name
        for name, module in _modules()
        for node in ast.walk(module)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "environb", "getenv"} & {alias.name for alias in node.names}
        )
    }

    assert readers == {"graph/settings.py"}


def test_no_other_distribution_ships_our_packages() -> None:
    shipped = packages_distributions()

    owners = {floor: set(shipped.get(floor, [])) - {"codestile"} for floor in FLOORS}

    assert owners == {floor: set() for floor in FLOORS}


def test_published_schema_is_what_the_code_serves() -> None:
    """When it fails: `./run sdl > schema/schema.graphql`, and read the difference."""
    from graph.sdl import printed

    assert (ROOT / "schema/schema.graphql").read_text() == printed()


def test_example_queries_fit_the_schema() -> None:
    schema = build_schema((ROOT / "schema/schema.graphql").read_text())
    folder = ROOT / "graph/web/queries"

    faults = {path.name: validate(schema, parse(path.read_text())) for path in _queries(folder)}

    assert faults == {path.name: [] for path in _queries(folder)}


@pytest.mark.parametrize("paper", sorted((ROOT / "docs").rglob("*.md")), ids=lambda at: at.name)
def test_operations_in_the_documents_fit_the_schema(paper: Path) -> None:
    schema = build_schema((ROOT / "schema/schema.graphql").read_text())
    shown = re.findall(r"^```graphql\n(.*?)^```", paper.read_text(), re.MULTILINE | re.DOTALL)

    faults = [fault.message for text in shown for fault in validate(schema, parse(text))]

    assert faults == []


def test_every_example_query_is_listed() -> None:
    folder = ROOT / "graph/web/queries"

    listed = json.loads((folder / "index.json").read_text())

    assert sorted(listed) == [path.name for path in _queries(folder)]


def _queries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.graphql"))


def test_every_system_has_a_page_with_all_that_must_be_known_of_it() -> None:
    row = re.compile(r"^\| ([A-Z0-9_, ]+) \| \[.+?\]\((systems/.+?\.md)\)", re.MULTILINE)
    rows = row.findall((ROOT / "docs" / "catalogue.md").read_text())

    assert {key for keys, _ in rows for key in keys.split(", ")} == set(CodeSystemKey)
    for _, page in rows:
        text = (ROOT / "docs" / page).read_text()
        lacking = [
            word
            for word in ("source|publisher", "licence", "editions?", "## Layout", "## Caveats")
            if not re.search(rf"(?im)^(\| )?(\*\*)?({word})\b", text)
        ]
        assert lacking == [], page


def test_every_setting_is_documented() -> None:
    from graph.settings import ENVIRONMENT

    text = (ROOT / "docs/operations.md").read_text()

    assert [name for name in ENVIRONMENT if f"`{name}`" not in text] == []


def test_every_setting_in_the_documents_exists() -> None:
    from graph.settings import ENVIRONMENT

    documents = (text for name, text in _texts() if name.endswith((".md", ".yml", "Dockerfile")))

    named = {name for text in documents for name in re.findall(r"\bCODESTILE_[A-Z_]+\b", text)}

    assert sorted(named - {*ENVIRONMENT, "CODESTILE_OFFICIAL_FILES"}) == []


def test_no_path_of_a_machine_is_written_down() -> None:
    assert _lines(MACHINE_PATH, _texts()) == []


def test_no_package_registry_is_written_down() -> None:
    assert _lines(REGISTRY, _texts()) == []


def test_nothing_is_left_unfinished() -> None:
    ours = ((name, text) for name, text in _texts() if "graphiql/" not in name)

    assert _lines(UNFINISHED, ours) == []


def test_no_licensed_descriptor_stands_beside_a_code() -> None:
    """ICD-9-CM has codes of five digits too, and its titles are public: such lines say so."""
    beside = _lines(LICENSED, _texts("db/load/", "tests/", "graph/web/queries/"))

    unexplained = [line for line in beside if "ICD9" not in line]

    assert unexplained == [], (
        "a number that could be a CPT code stands before a word that could be its title. "
        "If it is one, take it out: those texts are licensed; use DM-4120 and your own words. "
        "If it is of ICD-9-CM, name ICD9 on the same line. If it is only a number, write it "
        "with an underscore (5_432) or break the line between the two."
    )


def test_tests_are_not_packages() -> None:
    """A package tests/schema would be imported in place of schema."""
    assert sorted((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["build"]), ("requirements-dev.lock", ["build", "dev"])],
)
def test_lock_pins_what_the_project_asks_for(lock: str, extras: list[str]) -> None:
    project, pins = _project(), _pins(lock)
    asked = [*project["dependencies"]]  # type: ignore[misc]  # a list, by the format
    for extra in extras:
        asked += project["optional-dependencies"][extra]  # type: ignore[index]  # likewise
    wanted = [Requirement(text) for text in asked]

    unmet = [
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(pins.get(canonicalize_name(requirement.name), "0"))
    ]

    assert unmet == []


def test_both_locks_pin_the_same_versions() -> None:
    running, developing = _pins("requirements.lock"), _pins("requirements-dev.lock")

    assert {name: developing.get(name) for name in running} == running


def test_wheel_carries_every_file_and_runs_alone(tmp_path: Path) -> None:
    carried = {
        name for name, _ in _texts(*(f"{floor}/" for floor in FLOORS)) if "/web/build/" not in name
    }
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    python, site_packages = _bare_environment(tmp_path / "environment")

    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(site_packages)
    answer = subprocess.run(
        [python, "-P", "-c", "import graph.cli as it; print(it.__file__); it.main()", "sdl"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert names == carried
    assert (answer.returncode, answer.stderr) == (0, "")
    origin, _, schema = answer.stdout.partition("\n")
    assert Path(origin).is_relative_to(site_packages)
    assert schema.rstrip() == (ROOT / "schema/schema.graphql").read_text().rstrip()


def _bare_environment(folder: Path) -> tuple[Path, Path]:
    """A Python and its packages folder: our dependencies can be imported, the checkout cannot."""
    venv.create(folder, with_pip=False)
    [site_packages] = folder.glob("lib/python*/site-packages")
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    # The .pth files in a folder that is added so are not read, ours among them.
    (site_packages / "dependencies.pth").write_text(ours + "\n")
    return folder / "bin/python", site_packages
