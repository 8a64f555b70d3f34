from __future__ import annotations

from gateway.domain.ttlcache import TtlCache


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


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
