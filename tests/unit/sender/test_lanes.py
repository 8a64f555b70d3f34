from __future__ import annotations

import asyncio

import pytest

from services.sender import lanes as module
from services.sender.lanes import LONGEST_QUEUE, Busy, Lane
from services.sender.pacing import Pace
from tests.support.clock import Clock


async def waiting(lane: Lane, talk: str) -> asyncio.Task[None]:
    """Somebody who waits in the lane."""
    task = asyncio.create_task(lane.enter(talk))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_those_who_wait_have_their_turns_in_order() -> None:
    lane = Lane(Pace(1))
    await lane.enter("a")
    second, third = await waiting(lane, "b"), await waiting(lane, "c")
    lane.leave("a")
    await second
    between = third.done()
    lane.leave("b")
    await third

    assert not between
    assert lane.talking == 1


async def test_nobody_overtakes_those_who_wait() -> None:
    lane = Lane(Pace(2))
    await lane.enter("a")
    await lane.enter("b")
    third = await waiting(lane, "c")
    lane.leave("a")
    late = await waiting(lane, "d")
    await third
    lane.leave("b")
    await late

    assert lane.talking == 2


async def test_who_gives_up_makes_way_for_the_next() -> None:
    lane = Lane(Pace(1))
    await lane.enter("a")
    second, third = await waiting(lane, "b"), await waiting(lane, "c")
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    lane.leave("a")
    await third

    assert lane.talking == 1


async def test_a_turn_that_comes_as_its_taker_gives_up_is_not_lost() -> None:
    lane = Lane(Pace(1))
    await lane.enter("a")
    second, third = await waiting(lane, "b"), await waiting(lane, "c")
    lane.leave("a")
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await third
    lane.leave("c")

    assert lane.idle


async def test_a_host_that_comes_to_a_stop_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_QUEUE", 0.05)
    lane = Lane(Pace(1))
    await lane.enter("a")
    second = await waiting(lane, "b")
    with pytest.raises(Busy):
        await second
    with pytest.raises(Busy):
        await lane.enter("c")
    lane.leave("a")

    assert lane.idle


async def test_one_that_takes_long_beside_others_that_are_quick_keeps_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "_now", clock)
    lane = Lane(Pace(2))
    await lane.enter("long")
    await lane.enter("0")
    for number in range(100):
        clock.seconds += 0.1
        turn = await waiting(lane, str(number + 1))
        lane.leave(str(number))
        await turn

    assert clock.seconds > LONGEST_QUEUE
    assert lane.talking == 2


async def test_fewer_sessions_than_there_are_let_nobody_in_until_enough_have_ended() -> None:
    pace = Pace(3)
    lane = Lane(pace)
    for talk in "abc":
        await lane.enter(talk)
    pace.bears(1, now=0)
    late = await waiting(lane, "d")
    lane.leave("a")
    lane.leave("b")
    still_waiting = not late.done()
    lane.leave("c")
    await late

    assert still_waiting
