from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.schedule import next_delay, time_left

MINIMAL, MAXIMAL = timedelta(seconds=1800), timedelta(seconds=21600)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1980), (2, 3600), (3, 7200), (4, 14400), (5, 19440), (500, 19440)]
)
def test_waits_double_from_the_minimum_to_the_maximum(attempts: int, seconds: int) -> None:
    assert next_delay(attempts, MINIMAL, MAXIMAL, 0.5) == timedelta(seconds=seconds)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_no_wait_is_outside_its_limits(attempts: int, jitter: float) -> None:
    assert MINIMAL <= next_delay(attempts, MINIMAL, MAXIMAL, jitter) <= MAXIMAL


def test_a_minimum_above_the_maximum_gives_way() -> None:
    assert next_delay(1, MAXIMAL, MINIMAL, 0.5) == MINIMAL


@pytest.mark.parametrize(("hours", "left"), [(0, 120), (119, 1), (120, 0), (500, 0)])
def test_the_time_left_ends_with_the_lifetime(hours: int, left: int) -> None:
    remaining = time_left(NOON, NOON + timedelta(hours=hours), timedelta(days=5))

    assert remaining == timedelta(hours=left)
