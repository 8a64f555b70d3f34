"""The state of the gateway: how much mail is where, what is suspended, and what is out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.bus.port import Bus
from gateway.domain.licence import Standing
from gateway.domain.pipeline import Module, Stage
from gateway.operations.bases import BasesStatus, status_of_bases
from gateway.operations.licences import LicenceStatus, status_of_licence
from gateway.records.port import PARKED, Outage, Records
from gateway.version import VERSION

ANSWER_SECONDS = 5.0
"""A world that needs longer for a simple question does not answer."""


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """Numbers of one moment. States are written behind, so they may lag the stages by about a second."""

    version: str
    states: Mapping[str, int]  # mails by QueueState, Ending or "parked"
    waiting: Mapping[Stage, int]  # mails ready for each stage
    parked: int
    suspended: tuple[Module, ...]
    outages: tuple[Outage, ...]  # what is out of order outside, and done without
    licence: LicenceStatus | None  # None: no key is installed
    bases: tuple[BasesStatus, ...]  # none: the databases that came with the gateway are in use


async def status_of_gateway(
    bus: Bus, records: Records, licence: Standing, now: datetime, bases: Path
) -> GatewayStatus:
    """How it all is at `now`; `bases` is where databases lie. `TimeoutError` when a world does not answer."""
    async with asyncio.timeout(ANSWER_SECONDS):
        counts, depth, suspended, outages, known_bases = await asyncio.gather(
            records.counts(),
            bus.depth(),
            records.suspended(),
            records.outages.known(now),
            asyncio.to_thread(status_of_bases, bases),
        )
    return GatewayStatus(
        version=VERSION,
        states=dict(sorted(counts.items())),
        waiting={stage: depth.get(stage, 0) for stage in Stage},
        parked=counts.get(PARKED, 0),
        suspended=tuple(module for module in Module if module in suspended),
        outages=tuple(outages),
        licence=status_of_licence(licence),
        bases=known_bases,
    )
