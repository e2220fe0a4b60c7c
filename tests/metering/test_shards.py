from collections import Counter

from redis.crc import key_slot

from metering.shards import TAGS, keys_of, shard_of

SLOTS = 16384


def shards_by_node(nodes: int) -> list[int]:
    """Shards on each node when the slots are cut evenly, as `valkey-cli --cluster create` does."""
    counts = Counter(min(int(key_slot(tag.encode()) / (SLOTS / nodes)), nodes - 1) for tag in TAGS)
    return [counts[node] for node in range(nodes)]


def test_shards_are_spread_evenly_over_clusters_of_3_6_and_16_nodes() -> None:
    assert shards_by_node(3) == [21, 22, 21]
    assert shards_by_node(6) == [11, 10, 11, 11, 10, 11]
    assert shards_by_node(16) == [4] * 16


def test_tags_are_64_and_distinct() -> None:
    assert len(set(TAGS)) == len(TAGS) == 64


def test_all_keys_of_a_shard_are_in_one_slot() -> None:
    keys = keys_of(42)
    names = (keys.log, keys.head, keys.viewer("v"), keys.network("n"), keys.receipt("r"))

    assert {key_slot(name.encode()) for name in names} == {key_slot(TAGS[42].encode())}
    assert keys.log == "{m42iq}:log"


def test_a_text_keeps_its_shard_for_ever() -> None:
    assert [shard_of(text) for text in ("a", "guest", "")] == [10, 4, 35]
    assert {shard_of(str(number)) for number in range(1000)} == set(range(64))
