from __future__ import annotations

import re
from collections import Counter

from gateway.runtime.ids import derived_id, new_id

SHAPE = re.compile(r"[0-9A-Za-z]{8}[0-9]{5}")


def test_an_id_has_eight_letters_or_digits_and_five_digits() -> None:
    ids = [new_id() for _ in range(1000)] + [derived_id(str(n), "dsn") for n in range(1000)]

    assert all(SHAPE.fullmatch(each) for each in ids)


def test_ids_differ() -> None:
    ids = {new_id() for _ in range(10_000)} | {derived_id(str(n), "dsn") for n in range(10_000)}

    assert len(ids) == 20_000


def test_a_derived_id_is_the_same_whenever_it_is_asked_for() -> None:
    assert derived_id("jHrWPC7s86253", "notify admin") == derived_id("jHrWPC7s86253", "notify admin")


def test_a_derived_id_follows_from_the_mail_and_from_the_purpose() -> None:
    assert derived_id("a", "bc") != derived_id("ab", "c")
    assert derived_id("a", "dsn") != derived_id("a", "notify")


def test_derived_ids_spread_over_all_letters_in_each_place() -> None:
    count = 6200
    ids = [derived_id(str(n), "dsn") for n in range(count)]

    for place in range(8):
        seen = Counter(each[place] for each in ids)
        assert len(seen) == 62
        assert max(seen.values()) < 2 * count / 62
