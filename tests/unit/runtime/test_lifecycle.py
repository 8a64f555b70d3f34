from __future__ import annotations

import asyncio

from gateway.domain.pipeline import Module
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.lifecycle import Lifecycle


async def test_waiting_for_an_active_module_ends_when_it_is_resumed() -> None:
    lifecycle = Lifecycle(Heartbeat(None))
    lifecycle.suspend(Module.SENDER)
    waiting = asyncio.create_task(lifecycle.until_active(Module.SENDER))
    await asyncio.sleep(0)
    assert not waiting.done()

    lifecycle.resume(Module.SENDER)

    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_when_the_process_stops() -> None:
    lifecycle = Lifecycle(Heartbeat(None))
    lifecycle.suspend(Module.SENDER)
    waiting = [
        asyncio.create_task(lifecycle.until_active(Module.SENDER)),
        asyncio.create_task(lifecycle.until_inactive(Module.RECEIVER)),
        asyncio.create_task(lifecycle.pause(3600)),
    ]
    await asyncio.sleep(0)

    lifecycle.stop()

    await asyncio.wait_for(asyncio.gather(*waiting), 5)


def test_only_the_named_modules_are_suspended() -> None:
    lifecycle = Lifecycle(Heartbeat(None))
    lifecycle.suspend(Module.RECEIVER)

    lifecycle.set_suspended({Module.SCANNING})

    assert [module for module in Module if lifecycle.is_suspended(module)] == [Module.SCANNING]
