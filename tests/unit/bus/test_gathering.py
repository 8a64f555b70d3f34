"""Gathering: who waits for whom, and for how long."""

from __future__ import annotations

import asyncio

from gateway.bus import gathering
from gateway.bus.gathering import Gathering


async def test_who_comes_alone_is_not_kept_waiting() -> None:
    alone = Gathering()
    for _ in range(3):
        alone.came(1)
        assert await turns_of_the_loop(alone) == 0
        alone.served()


async def test_as_many_are_waited_for_as_came_the_time_before() -> None:
    together = Gathering()
    together.came(3)
    await together.wait()
    together.came(2)

    waiting = asyncio.create_task(together.wait())
    await asyncio.sleep(0)
    still_waits = not waiting.done()
    together.came(1)
    await waiting

    assert still_waits


async def test_who_came_while_others_were_served_waits_for_them() -> None:
    parties = Gathering()
    parties.came(2)
    await parties.wait()
    parties.came(2)
    parties.served()

    waiting = asyncio.create_task(parties.wait())
    await asyncio.sleep(0)
    still_waits = not waiting.done()
    parties.came(2)
    await waiting

    assert still_waits


async def test_those_who_do_not_come_again_are_not_waited_for_long() -> None:
    loop = asyncio.get_running_loop()
    fewer = Gathering()
    fewer.came(100)
    await fewer.wait()
    fewer.came(1)
    began = loop.time()
    async with asyncio.timeout(10):
        await fewer.wait()
    waited = loop.time() - began

    fewer.came(1)

    assert waited >= gathering.LONGEST / 2
    assert await turns_of_the_loop(fewer) == 0


async def turns_of_the_loop(gathering: Gathering) -> int:
    """How often the event loop turned while `gathering` waited."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await gathering.wait()
    counting.cancel()
    return turns
