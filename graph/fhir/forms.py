"""In which form to answer: a version of FHIR, and a type of JSON.

The version is the parameter `fhirVersion` of Accept, else of Content-Type, else 4.0
(https://hl7.org/fhir/R5/http.html#version-parameter).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request

from graph.fhir.outcomes import Refused, shown

FHIR_JSON = "application/fhir+json"
TYPES = (FHIR_JSON, "application/json", "text/json")
"""Types that are read and written, the first when a client does not care."""
_BY_NAME = {**dict.fromkeys((*TYPES, "json"), FHIR_JSON), "application/fhir json": FHIR_JSON}
"""What `_format` may say; a plus in an address is read as a blank."""


class FhirVersion(StrEnum):
    """The versions of FHIR that are spoken."""

    R4 = "4.0"
    R5 = "5.0"

    @property
    def publication(self) -> str:
        """The number of the publication, as capability statements name it."""
        return "4.0.1" if self is FhirVersion.R4 else "5.0.0"


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is written."""

    version: FhirVersion = FhirVersion.R4
    media_type: str = FHIR_JSON

    @property
    def content_type(self) -> str:
        """The header that says so."""
        if self.media_type != FHIR_JSON:
            return f"{self.media_type}; charset=utf-8"
        return f"{FHIR_JSON}; fhirVersion={self.version}; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Range:
    media_type: str
    quality: float
    version: str | None


def form_of(request: Request) -> Form:
    """How to answer a request; raises Refused 406 for what is neither JSON nor a known version."""
    ranges = _ranges(request.headers.get("accept") or "*/*")
    wanted = request.query_params.get("_format")
    if wanted is not None:
        ranges = _ranges(wanted.replace("fhir json", "fhir+json")) if "/" in wanted else []
        ranges = ranges or [_named(wanted)]
    usable = [found for found in ranges if found.quality > 0 and _type_of(found.media_type)]
    if not usable:
        raise Refused(406, f"Answers are JSON: ask for {FHIR_JSON}. XML is not written here.")
    best = max(usable, key=lambda found: found.quality)
    version = _version(best.version or sent_version(request) or FhirVersion.R4)
    if version is None and best.version is not None:
        raise Refused(406, f"fhirVersion is 4.0 or 5.0 here, not {shown(best.version)}.")
    return Form(version or FhirVersion.R4, _type_of(best.media_type) or FHIR_JSON)


def sent_version(request: Request) -> str | None:
    """The version that a body is said to be written in."""
    found = _ranges(request.headers.get("content-type", ""))
    return found[0].version if found else None


def refuse_other_types(request: Request) -> None:
    """Raises Refused 415 for a body that is not plain JSON of a known version."""
    media_type, *parameters = request.headers.get("content-type", "").lower().split(";")
    charsets = [p.strip() for p in parameters if p.strip().startswith("charset=")]
    is_utf8 = all(c.partition("=")[2].strip('"') in ("utf-8", "utf8") for c in charsets)
    is_plain = request.headers.get("content-encoding", "identity").lower() == "identity"
    version = sent_version(request)
    if media_type.strip() not in TYPES or not is_utf8 or not is_plain:
        sentence = f"Send {FHIR_JSON} in UTF-8, not compressed. XML is not read here."
        raise Refused(415, sentence, headers={"Accept-Post": FHIR_JSON})
    if version is not None and _version(version) is None:
        raise Refused(415, f"fhirVersion is 4.0 or 5.0 here, not {shown(version)}.")


def _named(short: str) -> _Range:
    return _Range(_BY_NAME.get(short.strip().lower(), short), 1.0, None)


def _ranges(header: str) -> list[_Range]:
    found = []
    for part in header.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = {key.strip().lower(): value.strip(' "') for key, _, value in map(_pair, parameters)}
        quality = given.get("q", "1")
        weight = float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality, re.ASCII) else 0.0
        found.append(_Range(name.lower(), weight, given.get("fhirversion")))
    return found


def _pair(parameter: str) -> tuple[str, str, str]:
    return parameter.partition("=")


def _type_of(media_range: str) -> str | None:
    """The type to answer a range with; None for one that holds no JSON."""
    if media_range in ("*/*", "application/*"):
        return FHIR_JSON
    return media_range if media_range in TYPES else None


def _version(text: str) -> FhirVersion | None:
    return next((known for known in FhirVersion if re.fullmatch(rf"{known}(\.\d)?", text)), None)
