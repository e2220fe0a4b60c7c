"""The pieces that answers are written with: parameters, codings, what is missing and why."""

from collections.abc import Iterable

from graph.fhir.outcomes import Json
from graph.fhir.systems import OURS, Systems
from schema.codes import Code

STALE = f"{OURS}:stale-reason"
"""The extension of a version that a newer one should have taken the place of."""
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def parameters(parts: Iterable[Json]) -> Json:
    """The resource that holds these parameters."""
    return {"resourceType": "Parameters", "parameter": list(parts)}


def value(name: str, kind: str, given: object) -> Json:
    """A parameter with a value of a kind, `String` for example."""
    return {"name": name, f"value{kind}": given}


def group(name: str, parts: Iterable[Json]) -> Json:
    """A parameter of several parts."""
    return {"name": name, "part": list(parts)}


def extension(url: str, kind: str, given: object) -> Json:
    """An extension with a value of a kind."""
    return {"url": url, f"value{kind}": given}


def version(code: Code) -> list[Json]:
    """The release that describes a code, and whether a newer one should; empty for none."""
    if code.release is None:
        return []
    told = value("version", "String", code.release.label)
    if code.release.stale_reason is not None:
        told["extension"] = [extension(STALE, "String", code.release.stale_reason)]
    return [told]


def display(code: Code, systems: Systems) -> Json:
    """The official title; where there is none to show, why: FHIR demands a display."""
    if code.title is not None:
        return value("display", "String", code.title)
    reason = "unknown" if systems.may_show(code.key.system) else "masked"
    return {
        "name": "display",
        "_valueString": {"extension": [extension(_ABSENT, "Code", reason)]},
    }


def coding(code: Code, systems: Systems) -> Json:
    """A code as FHIR writes it: with the dot of its system, and the release that describes it."""
    written: Json = {"system": systems.uri_of(code.key.system), "code": code.display}
    if code.release is not None:
        written["version"] = code.release.label
    if code.title is not None:
        written["display"] = code.title
    return written
