from __future__ import annotations

from gateway.bus.memory import MemoryBus
from gateway.domain.commands import Resume, Suspend
from gateway.domain.pipeline import Module
from gateway.operations.modules import resume_module, suspend_module
from tests.support.records import ReadRecords


async def test_what_is_suspended_is_remembered_and_told() -> None:
    bus, records = MemoryBus(), ReadRecords()
    async with bus.commands() as commands:
        assert await anext(commands) is None

        await suspend_module(bus, records, Module.SENDER)
        assert await records.suspended() == {Module.SENDER}
        assert await anext(commands) == Suspend("sender")

        await resume_module(bus, records, Module.SENDER)
        assert await records.suspended() == frozenset()
        assert await anext(commands) == Resume("sender")
