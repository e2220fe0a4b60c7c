"""Code systems and maps by the URIs that FHIR names them with.

A system has the URI that HL7 registers (table `code_system`), an OID where HL7 gives one, and one
of ours that every system has. Two systems here may be one there: both volumes of ICD-9-CM, and
HCPCS Level II with its modifiers (https://terminology.hl7.org, CodeSystem ICD-9CM-diagnosiscodes,
ICD-9CM-procedurecodes, hcpcs-Level-II).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from graph.day import Day
from graph.fhir.outcomes import Refused, shown
from schema.codes import CodeSystem, CodeSystemKey, Release
from schema.crosswalks import MapRelease

OURS = "urn:codestile"
_OIDS = {
    CodeSystemKey.ICD10CM: "2.16.840.1.113883.6.90",
    CodeSystemKey.ICD10PCS: "2.16.840.1.113883.6.4",
    CodeSystemKey.ICD9CM_DX: "2.16.840.1.113883.6.103",
    CodeSystemKey.ICD9CM_PX: "2.16.840.1.113883.6.104",
    CodeSystemKey.HCPCS: "2.16.840.1.113883.6.285",
    CodeSystemKey.CPT: "2.16.840.1.113883.6.12",
}
_ALL_CODES = ("?fhir_vs", "/vs")
"""What is put behind the URI of a system to name the value set of all its codes."""


@dataclass(frozen=True)
class Systems:
    """What is loaded today, by URI."""

    systems: Sequence[CodeSystem]
    maps: Sequence[MapRelease]

    def named(self, uri: str) -> tuple[CodeSystem, ...]:
        """The systems of a URI, more than one where HL7 has one for several; raises Refused."""
        found = tuple(system for system in self.systems if uri in _names(system))
        if not found:
            raise Refused(404, f"No code system here has the URI {shown(uri)}.")
        return found

    def all_of(self, value_set: str) -> tuple[CodeSystem, ...]:
        """The systems whose codes, all of them, a value set holds; raises Refused."""
        uri = value_set
        for ending in _ALL_CODES:
            uri = uri.removesuffix(ending)
        try:
            return self.named(uri)
        except Refused:
            sentence = f"{shown(value_set)} is no system's set of all codes; no other is known."
            raise Refused(404, sentence) from None

    def of(self, key: CodeSystemKey) -> CodeSystem:
        """The system of a key."""
        return next(system for system in self.systems if system.key is key)

    def uri_of(self, key: CodeSystemKey) -> str:
        """The URI that answers name a system with."""
        return uri(self.of(key))

    def may_show(self, key: CodeSystemKey) -> bool:
        """Whether the licence of a system allows its texts here."""
        return self.of(key).full_descriptors_allowed

    def map_kind(self, canonical: str) -> str:
        """The kind of the map of a canonical URI without a version; raises Refused."""
        for release in self.maps:
            if canonical == map_uri(release.kind):
                return release.kind
        raise Refused(404, f"No map here has the URI {shown(canonical)}.")

    def map_release(self, label: str, kind: str | None) -> MapRelease:
        """The release of a map, or of any where no kind is named; raises Refused."""
        for release in self.maps:
            if release.label == label and kind in (None, release.kind):
                return release
        raise Refused(404, f"No map release {shown(label)} is loaded here.")


def uri(system: CodeSystem) -> str:
    """The URI that answers name a system with: HL7's, else ours."""
    return system.uri or _our_uri(system.key)


def map_uri(kind: str) -> str:
    """The canonical URI of a map of all releases."""
    return f"{OURS}:map:{kind}"


def canonical(release: MapRelease) -> str:
    """The canonical URI of one release of a map."""
    return f"{map_uri(release.kind)}|{release.label}"


def split(canonical_uri: str) -> tuple[str, str | None]:
    """(URI, version) of a canonical URI that may carry a version."""
    name, _, version = canonical_uri.partition("|")
    return name, version or None


def day_in(valid: Release | MapRelease, today: Day) -> Day:
    """A day on which a release is in force: today if it is, else its last or its first."""
    first, last = valid.effective_from, valid.effective_to
    if last is not None and last < today.date:
        return Day(last, is_named=True)
    if first is not None and first > today.date:
        return Day(first, is_named=True)
    return today


def is_in(day: date, valid: Release | MapRelease) -> bool:
    """Whether a release is in force on a day."""
    first, last = valid.effective_from, valid.effective_to
    return (first is None or first <= day) and (last is None or day <= last)


def releases_named(systems: Iterable[CodeSystem], label: str) -> list[Release]:
    """The releases of that label, in the order of the systems; raises Refused for none."""
    asked = list(systems)
    found = [
        release
        for system in asked
        for release in system.releases
        if release.label.casefold() == label.casefold()
    ]
    if not found:
        names = " or ".join(system.key.short_name for system in asked)
        loaded = ", ".join(r.label for system in asked for r in system.releases) or "none"
        sentence = f"{names} {shown(label)} is not loaded; loaded releases: {loaded}."
        raise Refused(404, sentence)
    return found


def _our_uri(key: CodeSystemKey) -> str:
    return f"{OURS}:system:{key}"


def _names(system: CodeSystem) -> set[str]:
    """Every URI that a system is known by; those of CMS are met with http and with https."""
    names = {_our_uri(system.key)}
    if oid := _OIDS.get(system.key):
        names.add(f"urn:oid:{oid}")
    if system.uri:
        rest = system.uri.partition("://")[2]
        names |= {f"http://{rest}", f"https://{rest}"}
    return names
