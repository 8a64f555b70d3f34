"""The state of the gateway: how much mail is where, what is suspended, and what is out of order."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.bases.usage import BasesStatus, status_of_bases
from gateway.bus.port import Bus
from gateway.domain.licence import Standing
from gateway.domain.pipeline import Module, Stage
from gateway.operations.licences import LicenceStatus, status_of_licence
from gateway.records.port import PARKED, Outage, Records
from gateway.version import VERSION

ANSWER_SECONDS = 5.0
"""A world that needs longer for a simple question does not answer."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that the gateway writes to."""

    path: str  # the first of its folders that lies there
    free: int  # bytes
    size: int


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """Numbers of one moment. States are written behind, so they may lag the stages by about a second."""

    version: str
    states: Mapping[str, int]  # mails by QueueState, Ending or "parked"
    waiting: Mapping[Stage, int]  # mails ready for each stage
    parked: int
    suspended: tuple[Module, ...]
    serving: Mapping[Stage, int]  # processes that take mail of each stage
    missing: tuple[Stage, ...]  # stages that nobody serves, though they are not suspended
    outages: tuple[Outage, ...]  # what is out of order outside, and done without
    licence: LicenceStatus | None  # None: no key is installed
    bases: tuple[BasesStatus, ...]  # none: the databases that came with the gateway are in use
    disks: tuple[Disk, ...]  # of the machine that answers


async def status_of_gateway(
    bus: Bus, records: Records, licence: Standing, now: datetime, bases: Path, folders: Iterable[Path] = ()
) -> GatewayStatus:
    """How it all is at `now`; `bases` is where databases lie, `folders` where the gateway writes.

    `TimeoutError` when a world does not answer.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        counts, (depth, takers), suspended, outages, gauges, (known_bases, disks) = await asyncio.gather(
            records.counts(),
            _ask(bus),
            records.suspended(),
            records.outages.known(now),
            records.gauges.known(now),
            asyncio.to_thread(lambda: (status_of_bases(bases), _disks(folders))),
        )
    return GatewayStatus(
        version=VERSION,
        states=dict(sorted(counts.items())),
        waiting={stage: depth.get(stage, 0) for stage in Stage},
        parked=counts.get(PARKED, 0),
        suspended=tuple(module for module in Module if module in suspended),
        serving={stage: takers.get(stage, 0) for stage in Stage},
        missing=tuple(stage for stage in Stage if not takers.get(stage) and _should_serve(stage, suspended)),
        outages=tuple(outages),
        licence=status_of_licence(licence, gauges),
        bases=known_bases,
        disks=disks,
    )


async def _ask(bus: Bus) -> tuple[Mapping[Stage, int], Mapping[Stage, int]]:
    """How many mails are ready for each stage, and how many processes take them."""
    return await bus.depth(), await bus.takers()


def _should_serve(stage: Stage, suspended: Collection[Module]) -> bool:
    """Suspended scanning lets mail pass; a suspended sender takes none."""
    return stage is not Stage.SENDER or Module.SENDER not in suspended


def _disks(folders: Iterable[Path]) -> tuple[Disk, ...]:
    found: dict[int, Disk] = {}
    for folder in folders:
        try:
            device, usage = folder.stat().st_dev, shutil.disk_usage(folder)
        except OSError:
            continue  # of another machine, or not made yet
        found.setdefault(device, Disk(str(folder), usage.free, usage.total))
    return tuple(found.values())
