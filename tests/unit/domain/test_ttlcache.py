from __future__ import annotations

from gateway.domain.ttlcache import TtlCache
from tests.support.clock import Clock


def test_a_value_is_held_for_its_time() -> None:
    clock = Clock()
    cache: TtlCache[str, int] = TtlCache(10, clock)
    cache.put("a", 1, seconds=5)

    clock.seconds = 4.9
    before = cache.get("a")
    clock.seconds = 5
    after = cache.get("a")

    assert (before, after) == (1, None)


def test_the_least_used_value_gives_way() -> None:
    cache: TtlCache[str, int] = TtlCache(2, Clock())
    cache.put("a", 1, seconds=5)
    cache.put("b", 2, seconds=5)
    cache.get("a")

    cache.put("c", 3, seconds=5)

    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_values_whose_time_is_over_go_at_the_purge() -> None:
    clock = Clock()
    cache: TtlCache[str, int] = TtlCache(10, clock, purge_seconds=100)
    cache.put("short", 1, 10)
    cache.put("long", 2, 1000)
    clock.seconds = 99
    cache.put("before", 3, 1000)
    before = len(cache)
    clock.seconds = 100
    cache.put("after", 4, 1000)

    assert (before, len(cache)) == (3, 3)
    assert cache.get("long") == 2
