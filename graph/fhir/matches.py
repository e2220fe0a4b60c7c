"""What a map says about a code, as matches of $translate.

R4 and R5 name relationships differently, and only R5 has a place for what else a row says: in R4
the same stands in extensions of the match.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from graph.fhir.forms import FhirVersion
from graph.fhir.outcomes import Json
from graph.fhir.systems import OURS, Systems, canonical
from graph.fhir.written import coding, extension, group, value
from schema.codes import Code
from schema.crosswalks import Crosswalk, Relationship, Translation, TranslationDirection

PROPERTY = f"{OURS}:map-property"
"""Begins the URI of what else a row says: comment, scenario, choice-list, approximate."""
_R5 = {
    Relationship.EQUIVALENT: "equivalent",
    Relationship.RELATED_TO: "related-to",
    Relationship.SOURCE_NARROWER: "source-is-narrower-than-target",
    Relationship.SOURCE_BROADER: "source-is-broader-than-target",
    Relationship.NOT_RELATED: "not-related-to",
}
# R4 says how the code that is answered compares with the one that was asked about.
_R4 = {
    Relationship.EQUIVALENT: "equivalent",
    Relationship.RELATED_TO: "relatedto",
    Relationship.SOURCE_NARROWER: "wider",
    Relationship.SOURCE_BROADER: "narrower",
    Relationship.NOT_RELATED: "disjoint",
}
_BACKWARDS = {"wider": "narrower", "narrower": "wider"}


def is_match(row: Crosswalk) -> bool:
    """Whether a row says that something corresponds."""
    return row.target is not None and row.relationship is not Relationship.NOT_RELATED


def matches(
    found: Translation, direction: TranslationDirection, version: FhirVersion, systems: Systems
) -> Iterator[Json]:
    """The matches for the rows of a translation, in the order of the map.

    Of a combination, read forwards, the codes of the first choice list of each scenario are
    matches, and those of its other lists their products: one of each list has to be recorded too.
    """
    is_reverse = direction is TranslationDirection.REVERSE
    for row in found.crosswalks:
        if is_reverse or not row.is_combination:
            yield _match(found, row, [], is_reverse, version, systems)
    for rows in [] if is_reverse else _scenarios(found.crosswalks):
        first = rows[0].choice_list
        products = [row for row in rows if row.choice_list != first]
        for row in rows:
            if row.choice_list == first:
                yield _match(found, row, products, is_reverse, version, systems)


def size(found: Translation, direction: TranslationDirection) -> int:
    """How many codes the matches for a translation name."""
    if direction is TranslationDirection.REVERSE:
        return len(found.crosswalks)
    products = 0
    for rows in _scenarios(found.crosswalks):
        heads = sum(row.choice_list == rows[0].choice_list for row in rows)
        products += heads * (len(rows) - heads)
    return len(found.crosswalks) + products


def _scenarios(rows: Iterable[Crosswalk]) -> list[list[Crosswalk]]:
    """The rows of combinations by scenario, each in the order of its choice lists."""
    by_number: defaultdict[int | None, list[Crosswalk]] = defaultdict(list)
    for row in rows:
        if row.is_combination:
            by_number[row.scenario].append(row)
    return list(by_number.values())


def _match(
    found: Translation,
    row: Crosswalk,
    products: Sequence[Crosswalk],
    is_reverse: bool,
    version: FhirVersion,
    systems: Systems,
) -> Json:
    answered = row.source if is_reverse else row.target
    concept = [] if answered is None else [value("concept", "Coding", coding(answered, systems))]
    made_of = [_product(other, version, systems) for other in products]
    more = _said_besides(found, row, is_reverse)
    origin = "" if found.map_release is None else canonical(found.map_release)
    if version is FhirVersion.R5:
        parts = [value("relationship", "Code", _R5[row.relationship]), *concept]
        parts += [
            group("property", [value("uri", "Uri", uri), value("value", kind, said)])
            for uri, kind, said in more
        ]
        return group("match", [*parts, *made_of, value("originMap", "Uri", origin)])
    parts = [value("equivalence", "Code", _equivalence(row, is_reverse)), *concept, *made_of]
    written = group("match", [*parts, value("source", "Uri", origin)])
    return {**written, "extension": [extension(*said) for said in more]} if more else written


def _equivalence(row: Crosswalk, is_reverse: bool) -> str:
    """The name that R4 has for a relationship: an approximate row alone is inexact."""
    if row.target is None:
        return "unmatched"
    is_inexact = row.relationship is Relationship.RELATED_TO and row.is_approximate
    name = "inexact" if is_inexact and not row.is_combination else _R4[row.relationship]
    return _BACKWARDS.get(name, name) if is_reverse else name


def _product(row: Crosswalk, version: FhirVersion, systems: Systems) -> Json:
    """A code that has to be recorded with a match, one of each attribute."""
    assert row.target is not None, "a combination names its targets"
    attribute = f"{PROPERTY}:choice-list:{row.choice_list}"
    written = coding(row.target, systems)
    if version is FhirVersion.R5:
        return group(
            "product", [value("attribute", "Uri", attribute), value("value", "Coding", written)]
        )
    return group(
        "product", [value("element", "Uri", attribute), value("concept", "Coding", written)]
    )


def _said_besides(
    found: Translation, row: Crosswalk, is_reverse: bool
) -> list[tuple[str, str, object]]:
    """(URI, kind of value, value) of what a row says that has no place of its own."""
    said: list[tuple[str, str, object]] = []
    comment = _comment(found, row, is_reverse)
    if comment is not None:
        said.append((f"{PROPERTY}:comment", "String", comment))
    if row.is_combination:
        said.append((f"{PROPERTY}:scenario", "Integer", row.scenario))
        said.append((f"{PROPERTY}:choice-list", "Integer", row.choice_list))
    if row.is_approximate and row.target is not None:
        said.append((f"{PROPERTY}:approximate", "Boolean", True))
    return said


def _comment(found: Translation, row: Crosswalk, is_reverse: bool) -> str | None:
    """The sentence that keeps a row from being read as more than it says."""
    if row.target is None:
        return found.reason
    if row.is_combination:
        place = f"Scenario {row.scenario}, choice list {row.choice_list}"
        return f"{place} of {row.source.display}: {_together(row.target, is_reverse)}"
    if row.is_approximate:
        return "The map calls the two near in meaning, not equivalent."
    return None


def _together(target: Code, is_reverse: bool) -> str:
    if is_reverse:
        return f"{target.display} stands for it only together with one code of each other list."
    return "only together with one product of each other choice list."
