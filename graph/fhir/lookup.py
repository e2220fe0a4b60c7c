"""CodeSystem/$lookup: the free facts of one code.

https://hl7.org/fhir/R4/codesystem-operation-lookup.html and the same of R5.
"""

from collections.abc import Iterable

from graph.day import Day
from graph.fhir.asking import Asking
from graph.fhir.given import Coding, Given
from graph.fhir.naming import day_given, look_up, named
from graph.fhir.outcomes import Json, Refused, absent, shown
from graph.fhir.systems import OURS
from graph.fhir.written import display, group, parameters, value, version
from graph.wanted import ChildrenAsked, CodeOnDate
from schema.codes import Code, CodeKind, CodeMissing, CodeStatus, CodeSystem

_TAKEN = ("code", "system", "version", "coding", "date", "property")
_NOT_OFFERED = ("useSupplement",)
_ALWAYS_TOLD = frozenset(
    {"code", "system", "name", "version", "display", "definition", "designation"}
)
"""What `property` may name too, and what is told in any case."""
_PROPERTIES = (
    *("kind", "status", "inactive", "notSelectable", "billable", "whyNotBillable"),
    *("effectiveFrom", "effectiveTo", "copyright"),
)
_ASKED_FOR = ("parent", "child")
"""Properties that are told only when they are asked for."""
_CHILDREN_MOST = 1_000
GROUPS = (CodeKind.CHAPTER, CodeKind.BLOCK)
"""What groups codes and is none itself: not to be selected."""
ENDED = (CodeStatus.INACTIVE, CodeStatus.DELETED)


async def lookup(asking: Asking, given: Given) -> Json:
    """The answer to $lookup; raises Refused."""
    given.refuse_others("CodeSystem/$lookup", _TAKEN, _NOT_OFFERED)
    coding = coding_given(given, given.text("system"))
    wanted = _properties(given.texts("property"))
    meant = await named(asking, coding, day_given(given), given.text("version"))
    code = await look_up(asking, meant)
    if isinstance(code, CodeMissing):
        raise absent(code)
    system = asking.systems.of(code.key.system)
    return parameters(
        [
            value("name", "String", system.name),
            *version(code),
            display(code, asking.systems),
            *_designations(code),
            *(part for part in _told(code, system) if part["part"][0]["valueCode"] in wanted),
            *await _around(asking, code, meant.on, wanted),
        ]
    )


def coding_given(given: Given, system: str | None) -> Coding:
    """The code that is asked about, as a code or as a Coding; raises Refused."""
    code, coding = given.text("code"), given.coding("coding")
    if (code is None) == (coding is None):
        raise Refused(400, "Give a code with its system, or a coding.", "required")
    return coding or Coding(system, code or "")


def _properties(asked: Iterable[str]) -> set[str]:
    """The properties to tell."""
    names = set(asked)
    if "*" in names:
        return {*_PROPERTIES, *_ASKED_FOR}
    for name in names - {*_PROPERTIES, *_ASKED_FOR, *_ALWAYS_TOLD}:
        known = ", ".join((*_PROPERTIES, *_ASKED_FOR))
        raise Refused(400, f"There is no property {shown(name)}; there are {known}.", "value")
    return names - _ALWAYS_TOLD if names else set(_PROPERTIES)


def _designations(code: Code) -> list[Json]:
    if code.short_title is None:
        return []
    use = {"system": f"{OURS}:designation", "code": "short-title"}
    language, text = value("language", "Code", "en"), value("value", "String", code.short_title)
    return [group("designation", [language, value("use", "Coding", use), text])]


def _told(code: Code, system: CodeSystem) -> list[Json]:
    """The properties of the code itself; what is not known is left out."""
    told: list[tuple[str, str, object]] = [
        ("kind", "Code", code.kind.lower()),
        ("status", "Code", code.status.lower()),
        ("inactive", "Boolean", code.status in ENDED),
        ("notSelectable", "Boolean", code.kind in GROUPS),
        ("billable", "Boolean", code.is_billable),
        ("whyNotBillable", "String", code.why_not_billable),
        ("effectiveFrom", "DateTime", code.effective_from and code.effective_from.isoformat()),
        ("effectiveTo", "DateTime", code.effective_to and code.effective_to.isoformat()),
        ("copyright", "String", system.license_notice),
    ]
    return [_property(name, kind, given) for name, kind, given in told if given is not None]


async def _around(asking: Asking, code: Code, on: Day, wanted: set[str]) -> list[Json]:
    """The codes above and below, where they are asked for."""
    loaders = asking.context.loaders
    told = []
    if "parent" in wanted:
        line = await loaders.ancestors.load(CodeOnDate(code.id, on))
        told += [_property("parent", "Code", above.display, above.title) for above in line[-1:]]
    if "child" in wanted:
        below = await loaders.children.load(ChildrenAsked(code.id, _CHILDREN_MOST, None, on))
        told += [_property("child", "Code", child.display, child.title) for child in below.codes]
    return told


def _property(name: str, kind: str, given: object, description: str | None = None) -> Json:
    told = [] if description is None else [value("description", "String", description)]
    return group("property", [value("code", "Code", name), value("value", kind, given), *told])
