"""When a mail that could not be delivered is tried again, and when that ends."""

from __future__ import annotations

from datetime import datetime, timedelta

SPREAD = 0.2
"""Part of a wait by which it may be shorter or longer, so that mail that failed together parts ways."""

LONGEST_GROWTH = 32
"""More doublings than any two limits are apart."""


def next_delay(attempts: int, minimal: timedelta, maximal: timedelta, jitter: float) -> timedelta:
    """The wait after so many failed `attempts`, the first of which is 1.

    It begins at `minimal` and doubles up to `maximal`, and is never outside them. `jitter` is a random
    number from 0 to 1.
    """
    doubled = min(minimal * (1 << min(attempts - 1, LONGEST_GROWTH)), maximal)
    longest = min(doubled * (1 + SPREAD), maximal)
    shortest = min(max(doubled * (1 - SPREAD), minimal), longest)
    return shortest + (longest - shortest) * jitter


def time_left(received_at: datetime, now: datetime, lifetime: timedelta) -> timedelta:
    """How long a mail may still be tried; zero when its time is over."""
    return max(received_at + lifetime - now, timedelta())
