"""Documents that keyed clients sent once and name from then on: kept a day beside the ledger, in
the same store, and no part of it."""

from metering.digests import digest_text
from metering.shards import keys_of, shard_of
from metering.store import Store, store_errors

KEPT_SECONDS = 24 * 3600
"""How long a document is known after it was last sent or named."""


class RememberedDocuments:
    """Finds documents by the SHA-256 of their text, 32 bytes; all of it raises
    StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, digest: bytes, text: str) -> None:
        """Know a text by its digest from now on."""
        shard, key = _place(digest)
        with store_errors():
            client = await self._store.of(shard)
            await client.set(key, text, ex=KEPT_SECONDS)

    async def find(self, digest: bytes) -> str | None:
        """The text of that digest, known for another day; None when it is not."""
        shard, key = _place(digest)
        with store_errors():
            client = await self._store.of(shard)
            text = await client.getex(key, ex=KEPT_SECONDS)
        return None if text is None else str(text)


def _place(digest: bytes) -> tuple[int, str]:
    name = digest_text(digest)
    shard = shard_of(name)
    return shard, keys_of(shard).document(name)
