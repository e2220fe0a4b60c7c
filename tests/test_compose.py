"""The container files, read as text: no container engine is needed to know that they agree."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from graph import worker
from graph.settings import ENVIRONMENT
from metering import safety

ROOT = Path(__file__).resolve().parent.parent
EXACT_TAG = re.compile(r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return composed["services"]  # type: ignore[no-any-return]  # a mapping, by the format


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_services_are_the_server_its_worker_and_its_two_stores(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "valkey", "api", "worker"}
    assert (services["api"]["command"], services["worker"]["command"]) == (["serve"], ["worker"])


def test_worker_is_watched_by_the_file_it_touches(services: dict[str, Any]) -> None:
    look = services["worker"]["healthcheck"]["test"][-1]

    assert f'"{worker.ALIVE}"' in look
    assert "< 120" in look
    assert worker.ALIVE_SECONDS * 2 < 120


def test_images_are_pinned(services: dict[str, Any], dockerfile: str) -> None:
    images = [service["image"] for service in services.values()]
    images += re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)

    assert [image for image in images if not EXACT_TAG.search(image)] == []


def test_store_runs_as_the_server_insists(services: dict[str, Any]) -> None:
    command = services["valkey"]["command"]

    given = dict(zip(command[1::2], command[2::2], strict=True))
    del given["--requirepass"]

    assert given == {f"--{option}": value for option, (value, _) in safety._WANTED.items()}


def test_server_variables_are_settings(services: dict[str, Any], dockerfile: str) -> None:
    named = set(services["api"]["environment"]) | set(services["worker"]["environment"])
    named |= set(re.findall(r"\b(CODESTILE_[A-Z_]+)=", dockerfile))

    assert sorted(named - set(ENVIRONMENT)) == []


def test_server_has_what_it_cannot_start_without(services: dict[str, Any]) -> None:
    given = services["api"]["environment"]

    assert {"DATABASE_URL", "REDIS_URL", "CODESTILE_GUEST_SECRET"} <= set(given)
    assert "@postgres:" in given["DATABASE_URL"]
    assert "@valkey:" in given["REDIS_URL"]


def test_secrets_come_from_the_environment(services: dict[str, Any]) -> None:
    values = [
        (name, value)
        for service in services.values()
        for name, value in service["environment"].items()
    ]
    secret = [(name, value) for name, value in values if re.search("PASS|SECRET|URL|AUTH", name)]

    assert [
        value for name, value in secret if name != "CODESTILE_PUBLIC_URL" and ":?" not in value
    ] == []


def test_every_service_is_watched_and_restarted(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "healthcheck" in service} == set(services)
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}


def test_server_waits_for_healthy_stores(services: dict[str, Any]) -> None:
    assert services["api"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "valkey": {"condition": "service_healthy"},
    }


def test_only_the_server_is_reachable_and_only_from_this_host(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"api": ["127.0.0.1:8000:8000"]}


def test_stores_keep_their_data_in_named_volumes() -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    mounted = {
        volume.partition(":")[0]
        for service in composed["services"].values()
        for volume in service.get("volumes", [])
    }

    assert mounted == set(composed["volumes"]) == {"postgres", "valkey"}
    assert composed["networks"]["stores"] == {"internal": True}


def test_gateway_is_the_trusted_proxy(services: dict[str, Any]) -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    [network] = composed["networks"]["front"]["ipam"]["config"]

    assert (
        f":-{network['gateway']}/32}}"
        in services["api"]["environment"]["CODESTILE_TRUSTED_PROXIES"]
    )


def test_image_runs_as_an_ordinary_user_without_tools(dockerfile: str) -> None:
    final = dockerfile[dockerfile.rindex("FROM ") :]

    assert re.findall(r"^USER (\S+)", final, re.MULTILINE) == ["10001"]
    assert "HEALTHCHECK" in final
    assert "requirements-dev" not in dockerfile
    assert re.findall(r"(?:pip|apt-get|curl|uv) ", final) == []
    assert "--require-hashes" in dockerfile


def test_image_copies_what_the_build_may_see(dockerfile: str) -> None:
    seen = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
        for source in line.split()
    }

    assert copied == seen
