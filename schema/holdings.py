"""What of the catalogue is loaded, what is missing, and where to get it."""

from datetime import date

from schema.shape import Shape


class Origin(Shape):
    """Where the releases of a holding are published, and what loads them here."""

    page: str | None = None
    """The page of its publisher that offers the files; None for what is ours."""
    command: str
    """The command of `codestile load`: `icd10cm-order`."""
    file: str | None = None
    """What the command is given; None for one that needs nothing."""
    names_edition: bool = False
    """Whether the file tells its label and first day itself."""


class MissingRelease(Shape):
    """An edition that should be in force and is not loaded."""

    label: str
    effective_from: date
    """Since when it is in force."""


class Holding(Shape):
    """A code system, a map or a kind of facts, and its newest loaded release."""

    subject: str
    """The key of the system, or the kind of the map or facts: `ICD10CM`, `GEM_I9_I10`."""
    label: str | None
    """None where no release is loaded; then there is no first day and no count either."""
    effective_from: date | None
    row_count: int | None
    """Codes, rows or values in that release."""
    missing: MissingRelease | None
    """None where the newest release is the last that the calendar knows of."""
    origin: Origin | None
    """None for what is not known to be published anywhere."""

    @property
    def is_complete(self) -> bool:
        """Whether a release is loaded and none is missing."""
        return self.label is not None and self.missing is None

    @property
    def state(self) -> str:
        """In a few words: current, stale and since when, or not loaded."""
        if self.missing is None:
            return "current" if self.label else "not loaded"
        since = f"{self.missing.label} since {self.missing.effective_from}"
        return f"stale: {since}" if self.label else f"not loaded: {since}"
