"""Releases of facts as statements give them."""

import json
from typing import Any

from db.codes import with_stale_reason
from schema.facts import FactRelease


def fact_release_of(body: dict[str, Any] | str | None) -> FactRelease | None:
    """The release of a body of `fact_releases_on`, parsed or as JSON; None for none."""
    if body is None:
        return None
    parsed = json.loads(body) if isinstance(body, str) else body
    return FactRelease.model_validate(with_stale_reason(parsed))
