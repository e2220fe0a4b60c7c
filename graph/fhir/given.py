"""What an operation is given: the query of a GET, or a Parameters resource.

Names of R4 and of R5 are read in either version, since programs mix them; a name that nobody
defined is refused, since a misspelt one would change the question without a word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graph.fhir.outcomes import Json, Refused, shown

Value = str | bool | Json
"""A primitive as text, a boolean, or a Coding or CodeableConcept."""

ALWAYS_IGNORED = frozenset({"_format", "_pretty", "_summary", "_elements", "displayLanguage"})
"""Names that change how an answer is written elsewhere; here there is one way, in English."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A code as somebody named it."""

    system: str | None
    """The URI of its system, perhaps with `|` and a version behind it."""
    code: str
    version: str | None = None
    display: str | None = None


@dataclass(frozen=True)
class Given:
    """The values given, by name, in the order they came."""

    values: Mapping[str, Sequence[Value | None]]
    """None for a value of a kind that no operation here takes, such as a resource."""

    @classmethod
    def of_query(cls, pairs: Iterable[tuple[str, str]]) -> "Given":
        """What the query of an address gives."""
        return cls(_by_name(pairs))

    @classmethod
    def of_resource(cls, resource: object) -> "Given":
        """What a Parameters resource gives; raises Refused for anything else."""
        if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
            raise Refused(400, "The body must be a resource of the type Parameters.", "structure")
        listed = resource.get("parameter", [])
        if not isinstance(listed, list):
            raise Refused(400, "parameter must be a list.", "structure")
        return cls(_by_name(_parameter(item) for item in listed))

    def __add__(self, other: "Given") -> "Given":
        """What both give."""
        names = {**self.values, **other.values}
        return Given(
            {name: [*self.values.get(name, ()), *other.values.get(name, ())] for name in names}
        )

    def refuse_others(
        self, operation: str, taken: Iterable[str], not_offered: Iterable[str] = ()
    ) -> None:
        """Raises Refused for a name that the operation does not take."""
        for name in self.values:
            if name in not_offered:
                sentence = f"The parameter {name} of {operation} is not offered here."
                raise Refused(422, sentence, "not-supported")
            if name not in {*taken, *ALWAYS_IGNORED}:
                known = ", ".join(sorted(taken))
                sentence = f"{operation} has no parameter {shown(name)}; it takes {known}."
                raise Refused(400, sentence, "invalid")

    def text(self, *names: str) -> str | None:
        """The text given under one of several names for the same thing; None for none."""
        value = self._one(names)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise Refused(400, f"{' or '.join(names)} must be a text.", "structure")
        return value.strip()

    def texts(self, name: str) -> list[str]:
        """Every text given under a name that may come several times."""
        found = self.values.get(name, ())
        if not all(isinstance(value, str) for value in found):
            raise Refused(400, f"{name} must be a text.", "structure")
        return [str(value) for value in found]

    def flag(self, name: str) -> bool:
        """Whether a flag is set; False when it is not given."""
        value = self._one([name])
        if value is None:
            return False
        if isinstance(value, bool):
            return value
        if value not in ("true", "false"):
            raise Refused(400, f"{name} must be true or false.", "structure")
        return value == "true"

    def coding(self, *names: str) -> Coding | None:
        """The Coding given under one of several names; None for none."""
        value = self._one(names)
        return None if value is None else _coding(value, " or ".join(names))

    def codings(self, *names: str) -> list[Coding] | None:
        """The codings of a CodeableConcept, given under one of several names; None for none."""
        value, name = self._one(names), " or ".join(names)
        if value is None:
            return None
        listed = value.get("coding") if isinstance(value, dict) else None
        if not isinstance(listed, list) or not listed:
            raise Refused(400, f"{name} must be a CodeableConcept with codings.", "structure")
        return [_coding(item, f"{name}.coding") for item in listed]

    def has(self, *names: str) -> bool:
        """Whether anything is given under one of these names."""
        return any(self.values.get(name) for name in names)

    @property
    def codes(self) -> int:
        """How many codes are named at most, 1 or more: of a concept, all of its codings."""
        given = [value for values in self.values.values() for value in values]
        concepts = [value.get("coding") for value in given if isinstance(value, dict)]
        return max(1, sum(len(listed) for listed in concepts if isinstance(listed, list)))

    def _one(self, names: Sequence[str]) -> Value | None:
        found = [value for name in names for value in self.values.get(name, ())]
        if len(found) > 1:
            raise Refused(400, f"Give {' or '.join(names)} once.", "invalid")
        if found and found[0] is None:
            raise Refused(400, f"{names[0]} has no value that could be read.", "structure")
        return found[0] if found else None


def _by_name(pairs: Iterable[tuple[str, Value | None]]) -> dict[str, list[Value | None]]:
    values: dict[str, list[Value | None]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _parameter(item: object) -> tuple[str, Value | None]:
    """(name, value) of one parameter of the resource."""
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(name, str):
        raise Refused(400, "Each parameter must be an object with a name.", "structure")
    values = [value for key, value in item.items() if key.startswith("value")]
    if len(values) > 1:
        raise Refused(400, f"The parameter {shown(name)} has several values.", "structure")
    readable = values and isinstance(values[0], str | bool | dict)
    return name, values[0] if readable else None


def _coding(value: object, name: str) -> Coding:
    if not isinstance(value, dict) or not isinstance(value.get("code"), str):
        raise Refused(400, f"{name} must be a Coding with a code; send it by POST.", "structure")
    parts = [value.get(part) for part in ("system", "version", "display")]
    if not all(isinstance(part, str | None) for part in parts):
        raise Refused(400, f"{name}: system, version and display must be texts.", "structure")
    system, version, display = parts
    return Coding(system, value["code"].strip(), version, display)
