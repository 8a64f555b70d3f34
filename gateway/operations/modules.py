"""What is ordered of all processes: suspending and resuming modules, reading anew (manual, chapter 6.8)."""

from __future__ import annotations

from gateway.bus.port import Inlet
from gateway.domain.commands import Reload, ReloadBases, Resume, Suspend
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


async def reload_bases(inlet: Inlet) -> None:
    """Have all processes read the databases in use anew."""
    await inlet.tell(ReloadBases())


async def reload_all(inlet: Inlet) -> None:
    """Have all processes end and start again, with the configuration and the databases as they are then."""
    await inlet.tell(Reload())
