"""GET /fhir/metadata: what is spoken here, and with `mode=terminology` which systems are loaded."""

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version as version_of

from graph.fhir.asking import Asking
from graph.fhir.forms import FHIR_JSON, FhirVersion
from graph.fhir.given import Given
from graph.fhir.outcomes import Json, Refused, shown
from graph.fhir.systems import Systems, canonical, is_in, uri
from schema.codes import CodeSystem, Release

_DEFINED = "http://hl7.org/fhir/OperationDefinition/"
_WRITTEN = "2026-11-25"
"""When this statement last changed."""


async def metadata(asking: Asking, given: Given) -> Json:
    """The capability statement, or with `mode=terminology` the terminology capabilities."""
    given.refuse_others("metadata", ("mode",))
    mode = given.text("mode") or "full"
    if mode not in ("full", "normative", "terminology"):
        raise Refused(400, f"mode is full, normative or terminology, not {shown(mode)}.", "value")
    statement = _about(asking, "terminology" if mode == "terminology" else "operations")
    if mode == "terminology":
        return {"resourceType": "TerminologyCapabilities", **statement, **_terminology(asking)}
    return {"resourceType": "CapabilityStatement", **statement, **_capability(asking)}


def _about(asking: Asking, of_what: str) -> Json:
    """What both statements say of the server."""
    return {
        "url": f"{asking.address}/metadata" + ("?mode=terminology" * (of_what == "terminology")),
        "version": version_of("codestile"),
        "name": "Codestile" + of_what.title(),
        "title": f"Codestile, {of_what}",
        "status": "active",
        "date": _changed_at(asking.systems),
        "description": "Codes of medical billing and the maps between them, as published.",
        "copyright": _copyright(asking.systems),
        "kind": "instance",
        "software": {"name": "Codestile", "version": version_of("codestile")},
        "implementation": {"description": "Codestile", "url": asking.address},
    }


def _changed_at(systems: Systems) -> str:
    """When the last release was loaded; the day of this text where none is."""
    loaded: list[datetime] = [
        release.loaded_at for system in systems.systems for release in system.releases
    ]
    return max(loaded).isoformat() if loaded else _WRITTEN


def _copyright(systems: Systems) -> str:
    """What the licences of the systems that are loaded ask to be said."""
    loaded = [system for system in systems.systems if system.releases]
    notices = [system.license_notice for system in loaded if system.license_notice]
    public = "Codes and maps of agencies of the United States are in the public domain."
    return " ".join((public, *notices))


def _capability(asking: Asking) -> Json:
    security = {
        "description": "A partner's key or a session, as `Authorization: Bearer …`. Codes may be "
        "looked up without; $translate is for partners, subscribers and staff.",
    }
    maps = ", ".join(f"`{canonical(release)}`" for release in asking.systems.maps)
    rest = {
        "mode": "server",
        "documentation": f"Without `fhirVersion` in Accept answers are of FHIR "
        f"{FhirVersion.R4.publication}; `{FHIR_JSON}; fhirVersion=5.0` asks for R5.",
        "security": security,
        "resource": [
            {
                "type": "CodeSystem",
                "operation": [_operation("CodeSystem", name) for name in _OF_CODES],
            },
            {
                "type": "ConceptMap",
                "documentation": f"Maps that are loaded: {maps or 'none'}.",
                "operation": [_operation("ConceptMap", "translate")],
            },
        ],
        "interaction": [{"code": "batch"}],
    }
    return {
        "fhirVersion": asking.version.publication,
        "format": [FHIR_JSON, "json"],
        "rest": [rest],
    }


_OF_CODES = ("lookup", "validate-code")


def _operation(resource: str, name: str) -> Json:
    return {"name": name, "definition": f"{_DEFINED}{resource}-{name}"}


def _terminology(asking: Asking) -> Json:
    by_uri: dict[str, list[CodeSystem]] = {}
    for system in asking.systems.systems:
        if system.releases:
            by_uri.setdefault(uri(system), []).append(system)
    return {
        "codeSystem": [_system(asking, name, found) for name, found in by_uri.items()],
        "validateCode": {"translations": False},
        "translation": {"needsMap": False},
    }


def _system(asking: Asking, name: str, systems: Sequence[CodeSystem]) -> Json:
    """One system, which may be several of ours; a label is told once."""
    releases = {release.label: release for system in systems for release in system.releases}
    told: Json = {
        "uri": name,
        "version": [_version(asking, release) for release in releases.values()],
        "subsumption": False,
    }
    return {**told, "content": "complete"} if asking.version is FhirVersion.R5 else told


def _version(asking: Asking, release: Release) -> Json:
    is_default = is_in(asking.context.today.date, release)
    return {"code": release.label, "isDefault": is_default, "language": ["en"]}
