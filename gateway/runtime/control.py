"""What control files have the gateway do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from gateway.domain.pipeline import Module
from gateway.operations.modules import reload_bases, resume_module, suspend_module
from gateway.operations.statfile import statistics_of, write_statistics
from gateway.runtime.clock import utc_now
from gateway.runtime.controlfiles import Command, ControlFiles
from gateway.runtime.launch import Launch
from gateway.runtime.wiring import Gateway

STATISTICS = ".c_stats"
RELOAD_BASES = ".c_db_reload"

MODULES: Mapping[str, Module] = MappingProxyType(
    {
        ".c_recv": Module.RECEIVER,
        ".c_send": Module.SENDER,
        ".c_chck": Module.SCANNING,
        ".c_avir": Module.SCANNING,  # what the sister product calls it
    }
)
"""Modules by the beginning of the names of their files; `_on` and `_off` follow."""


def commands(gateway: Gateway, launch: Launch | None) -> Mapping[str, Command]:
    """The commands, by the names of files."""

    def switched(module: Module, *, on: bool) -> Command:
        order = resume_module if on else suspend_module
        return lambda: order(gateway.bus, gateway.records, module)

    switches = {
        f"{name}_{'on' if on else 'off'}": switched(module, on=on)
        for name, module in MODULES.items()
        for on in (True, False)
    }
    return {
        STATISTICS: lambda: write_file(gateway, launch),
        RELOAD_BASES: lambda: reload_bases(gateway.bus),
        **switches,
    }


async def write_file(gateway: Gateway, launch: Launch | None) -> None:
    """Write the statistics of this launch of the gateway, or of all times, to `StatFilename`."""
    told = await statistics_of(gateway.records, launch.at if launch else None, launch.name if launch else "")
    await asyncio.to_thread(write_statistics, told, gateway.settings.stat_file, utc_now())


async def follow_control_files(gateway: Gateway, launch: Launch | None) -> None:
    """Do what is commanded by files in `ControlPath`, until cancelled."""
    folder = gateway.settings.smtpgw_path.control_path
    await ControlFiles(folder, commands(gateway, launch)).follow()
