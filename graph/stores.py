"""Which stores a command uses: those of the settings, those of a running server, or its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db.embedded import (
    EmbeddedStores,
    StoreUrls,
    embedded_stores,
    has_stores,
    running_at,
    running_stores,
)
from graph.settings import Settings
from schema.errors import SettingRefused


@asynccontextmanager
async def stores_to_serve(
    settings: Settings,
) -> AsyncIterator[tuple[StoreUrls, EmbeddedStores | None]]:
    """The stores of the settings, or private ones for as long as this lasts.

    Raises DataFolderInUse when another server runs private stores on the same folder.
    """
    given = _given(settings)
    if given:
        yield given, None
        return
    async with embedded_stores(settings.data) as embedded:
        yield embedded.urls, embedded


@asynccontextmanager
async def stores_to_use(
    settings: Settings, *, must_exist: bool = False
) -> AsyncIterator[StoreUrls]:
    """The stores for a command beside the server: a running server's, or started for its time.

    With `must_exist` raises SettingRefused where starting would make new ones.
    """
    found = stores_there(settings)
    if found:
        yield found
        return
    if must_exist and not has_stores(settings.data):
        raise SettingRefused(f"there are no stores in {settings.data}; name their folder by --data")
    async with embedded_stores(settings.data) as embedded:
        yield embedded.urls


def stores_there(settings: Settings) -> StoreUrls | None:
    """The stores of the settings, or of a server that runs; None: there are none, or not yet."""
    return _given(settings) or running_stores(settings.data)


def site_there(settings: Settings) -> str:
    """The origin that letters link to: of the settings, else of a server that runs here."""
    running = running_at(settings.data) if settings.is_embedded else None
    return settings.site_url or settings.public_url or running or settings.address


def _given(settings: Settings) -> StoreUrls | None:
    if settings.database_url is None or settings.redis_url is None:
        return None
    return StoreUrls(
        settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    )
