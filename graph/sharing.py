"""Who may read and who may keep an answer that depends on who asks."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from graph.identity import VIEWER_HEADER

PRIVATE = {
    "Vary": f"Accept, Origin, Sec-Fetch-Site, Authorization, Cookie, {VIEWER_HEADER}",
    "Cache-Control": "private, no-store",
}
"""The headers of every such answer."""


def shared_with(origins: Collection[str], app: ASGIApp) -> ASGIApp:
    """The application, readable by pages of those origins."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=tuple(origins),
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "Idempotency-Key", VIEWER_HEADER),
        expose_headers=("X-Request-Id", VIEWER_HEADER),
        allow_credentials=True,
    )
