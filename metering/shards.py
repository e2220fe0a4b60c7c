"""The 64 shards of the ledger: which one holds what, and the names of a shard's keys."""

from hashlib import sha256
from typing import NamedTuple

from metering.networks import KEPT_LENGTH

# All keys of a shard carry its tag in braces, so that one decision is one script on one slot of a
# Cluster. The letters were searched for: the slot of tag NN is nearest to the middle of the NNth
# 64th of the slots, so any even cut of the slots gets an even share. Never change one: the keys
# of every stored event are named by them.
TAGS = (
    *("m00sf", "m01qc", "m02xe", "m03ua", "m04ei", "m05xp", "m06nj", "m07ss"),
    *("m08cq", "m09at", "m10gx", "m11za", "m12ov", "m13ro", "m14qw", "m15ln"),
    *("m16qt", "m17lm", "m18fm", "m19dh", "m20jb", "m21hg", "m22aa", "m23cd"),
    *("m24eb", "m25gg", "m26na", "m27sx", "m28zu", "m29gl", "m30na", "m31ce"),
    *("m32pf", "m33rc", "m34af", "m35cc", "m36vt", "m37km", "m38am", "m39ch"),
    *("m40br", "m41ov", "m42iq", "m43kt", "m44ka", "m45id", "m46oc", "m47bg"),
    *("m48cg", "m49ab", "m50gn", "m51zw", "m52qb", "m53ry", "m54qa", "m55lx"),
    *("m56oa", "m57be", "m58wy", "m59ea", "m60dj", "m61fo", "m62oi", "m63ml"),
)


def shard_of(text: str) -> int:
    """The shard, 0 to 63, of a user id, or of the network digest a guest was minted in."""
    return sha256(text.encode()).digest()[0] % len(TAGS)


class ShardKeys(NamedTuple):
    """The names of one shard's keys; every part that varies is an id or a digest of our own."""

    tag: str

    @property
    def log(self) -> str:
        """The stream of events, oldest first."""
        return f"{{{self.tag}}}:log"

    @property
    def fresh_log(self) -> str:
        """A copy of the log in the making, while erased entries are taken out of it."""
        return f"{{{self.tag}}}:log:new"

    @property
    def lost_log(self) -> str:
        """Events of a state that was lost, set aside to be recorded again."""
        return f"{{{self.tag}}}:log:lost"

    @property
    def head(self) -> str:
        """The hash that says how far the log goes."""
        return f"{{{self.tag}}}:head"

    def viewer(self, viewer_id: str) -> str:
        """The hash of one viewer's allowance and unlocked codes."""
        return f"{{{self.tag}}}:v:{viewer_id}"

    def network(self, digest: str) -> str:
        """The hash of one network's admitted guests."""
        return f"{{{self.tag}}}:n:{digest[:KEPT_LENGTH]}"

    def receipt(self, request_id: str) -> str:
        """The answer given to one request."""
        return f"{{{self.tag}}}:r:{request_id}"

    def flood(self, viewer_id: str) -> str:
        """The hash that counts one viewer's repeats and refusals of an hour."""
        return f"{{{self.tag}}}:f:{viewer_id}"

    def tries(self, digest: str) -> str:
        """How often somebody tried something of late; no part of the ledger."""
        return f"{{{self.tag}}}:g:{digest}"

    def document(self, digest: str) -> str:
        """A document that some client sends by name; no part of the ledger."""
        return f"{{{self.tag}}}:d:{digest}"

    @property
    def waiting(self) -> str:
        """The set of viewers for whom counted views wait to be recorded."""
        return f"{{{self.tag}}}:w"

    def of_viewer(self, viewer_id: str, request_id: str) -> tuple[str, ...]:
        """The keys of every script about one viewer, in their order."""
        return (
            *(self.log, self.head, self.viewer(viewer_id), self.receipt(request_id)),
            *(self.flood(viewer_id), self.waiting),
        )

    def type_of(self, key: str) -> str | None:
        """The type the store has of a key of that name; None when the shard has no such name."""
        tag, _, name = key.partition("}:")
        return _TYPES.get(name, _TYPES.get(name[:2])) if tag == f"{{{self.tag}" else None


_TYPES = {
    **dict.fromkeys(("log", "log:new", "log:lost"), "stream"),
    **dict.fromkeys(("head", "v:", "n:", "f:"), "hash"),
    **dict.fromkeys(("r:", "g:", "d:"), "string"),
    "w": "set",
}
"""The types of a shard's keys by their names behind the tag, or by the first two characters."""


def keys_of(shard: int) -> ShardKeys:
    """The key names of a shard, 0 to 63."""
    return ShardKeys(TAGS[shard])
