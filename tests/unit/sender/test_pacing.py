from __future__ import annotations

import pytest

from services.sender.pacing import (
    FIRST_REST,
    LONGEST_PUT_OFF,
    LONGEST_REST,
    RAISE_SECONDS,
    SHORTEST_PUT_OFF,
    Pace,
)
from services.sender.session import Interrupted

NO = Interrupted("too many", code=421, enhanced="4.7.0")


def test_a_host_that_bears_less_gets_less_and_one_more_each_minute() -> None:
    pace = Pace(4)
    pace.bears(2, now=100)
    limits = [pace.limit]
    for now in (101, 100 + RAISE_SECONDS, 101 + RAISE_SECONDS, 100 + 2 * RAISE_SECONDS, 1000, 2000):
        pace.worked(now)
        limits.append(pace.limit)

    assert limits == [2, 2, 3, 3, 4, 4, 4]


@pytest.mark.parametrize("sessions", [0, -1])
def test_one_session_is_always_worth_a_try(sessions: int) -> None:
    pace = Pace(4)
    pace.bears(sessions, now=0)

    assert pace.limit == 1


def test_a_host_rests_longer_with_each_refusal_until_it_works_again() -> None:
    pace = Pace(4)
    rests = []
    now = 0.0
    for _ in range(8):
        pace.refused(NO, now)
        rests.append(next(rest for rest in (10, 20, 40, 80, 160, 320, 600) if not pace.resting(now + rest)))
        now += 1000
    pace.worked(now)
    pace.refused(NO, now)

    assert rests == [FIRST_REST, 20, 40, 80, 160, 320, LONGEST_REST, LONGEST_REST]
    said = pace.resting(now + FIRST_REST - 1)
    assert said
    assert (said.code, said.enhanced, said.reason) == (421, "4.7.0", "not tried again so soon: too many")
    assert pace.resting(now + FIRST_REST) is None


def test_the_wait_grows_with_those_who_wait_and_with_the_time_between_two_messages() -> None:
    pace = Pace(4)
    new = pace.wait_behind(10, standstill=0.0)
    for _ in range(50):
        pace.freed(0.5)

    assert new == 0
    assert pace.wait_behind(0, standstill=0.0) == pytest.approx(0.5, rel=0.01)
    assert pace.wait_behind(7, standstill=0.0) == pytest.approx(4.0, rel=0.01)
    assert pace.wait_behind(0, standstill=20.0) == 20.0


def test_mail_that_is_put_off_comes_back_at_the_pace_of_the_host() -> None:
    pace = Pace(4)
    for _ in range(50):
        pace.freed(0.5)

    turns = [pace.put_off(7, standstill=0.0, now=100) for _ in range(3)]

    assert turns == pytest.approx([4.0, 4.5, 5.0], rel=0.01)


def test_mail_is_never_put_off_for_too_short_or_too_long() -> None:
    quick, stuck = Pace(4), Pace(1)
    put_off = [stuck.put_off(0, standstill=1000.0, now=0) for _ in range(3)]

    assert quick.put_off(0, standstill=0.0, now=0) == SHORTEST_PUT_OFF
    assert put_off == [1000, LONGEST_PUT_OFF, LONGEST_PUT_OFF]
