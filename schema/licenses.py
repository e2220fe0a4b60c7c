"""Licences of texts that are not free: whom they cover, and the texts that they let be shown."""

import re
from datetime import date

from pydantic import field_validator, model_validator

from schema.codes import CodeSystemKey
from schema.shape import Shape

LICENSE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
LICENSE_ID_RULE = "a licence is named by 1 to 64 letters, digits and . _ / -"
HOLDER_MAX_LENGTH = 200


class License(Shape):
    """A licence of a system's texts, as an operator has recorded it."""

    id: str
    """What its publisher calls it."""
    system: CodeSystemKey
    holder: str
    """Who was given it."""
    effective_from: date
    effective_to: date | None
    """Last day on which texts may be shown, inclusive; None while it has no end."""
    plan_keys: tuple[str, ...]
    """The plans whose readers it covers."""

    @field_validator("id")
    @classmethod
    def _is_id(cls, text: str) -> str:
        if not LICENSE_ID.fullmatch(text):
            raise ValueError(LICENSE_ID_RULE)
        return text

    @field_validator("holder")
    @classmethod
    def _is_holder(cls, text: str) -> str:
        if not (text.strip() and text.isprintable() and len(text) <= HOLDER_MAX_LENGTH):
            raise ValueError(f"a holder is one line of 1 to {HOLDER_MAX_LENGTH} characters")
        return text

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "License":
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError(f"it ends on {self.effective_to}, before {self.effective_from}")
        return self


class LicensedText(Shape):
    """What a release calls a code, given out under a licence."""

    starts: date
    """First day of the version of the code that is worded so."""
    title: str
    short_title: str | None
    copyright: str
    """The notice that stands beside the text wherever it is shown."""
