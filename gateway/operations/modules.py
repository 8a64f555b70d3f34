"""Suspending and resuming the modules of the gateway (manual, chapter 6.8)."""

from __future__ import annotations

from gateway.bus.port import Inlet
from gateway.domain.commands import Resume, Suspend
from gateway.domain.pipeline import Module
from gateway.records.port import Records


async def suspend_module(inlet: Inlet, records: Records, module: Module) -> None:
    """Have a module stop its work in all processes, also in those that start later."""
    await records.suspend(module, suspended=True)
    await inlet.tell(Suspend(module))


async def resume_module(inlet: Inlet, records: Records, module: Module) -> None:
    """Have a module go on."""
    await records.suspend(module, suspended=False)
    await inlet.tell(Resume(module))
