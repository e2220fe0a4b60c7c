"""The one base of our shapes: frozen, strict about unknown fields, documented field by field."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A frozen value; the docstring under a field is its meaning wherever the field is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
