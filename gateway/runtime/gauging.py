"""How much there is now in this process, told to the records again and again for whoever asks.

What is in the records is true for `TRUE_FOR` only: so what a process said that was killed is over by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from gateway.domain.errors import TemporaryFailure
from gateway.domain.statistics import Gauge
from gateway.records.port import GaugeRecords
from gateway.runtime.clock import utc_now

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""A change is told so soon."""

TRUE_FOR = timedelta(seconds=20)
RENEW_SECONDS = 8.0
"""What does not change is told anew so often."""


class Gauges:
    """What is measured in one process, by whoever has it."""

    def __init__(self) -> None:
        self._watched: dict[Gauge, list[Callable[[], int]]] = {}

    def watch(self, gauge: Gauge, measure: Callable[[], int]) -> None:
        """From now on `measure` says how much of it there is."""
        self._watched.setdefault(gauge, []).append(measure)

    def read(self) -> Mapping[Gauge, int]:
        """All of them, now."""
        return {gauge: sum(measure() for measure in some) for gauge, some in self._watched.items()}


async def tell_regularly(gauges: Gauges, records: GaugeRecords, source: str) -> None:
    """Tell the records what this process has, until cancelled; then that it has nothing more.

    `source` tells the process from all others.
    """
    told: Mapping[Gauge, int] = {}
    told_at = -RENEW_SECONDS
    clock = asyncio.get_running_loop().time
    try:
        while True:
            found = gauges.read()
            if found != told or (any(found.values()) and clock() - told_at >= RENEW_SECONDS):
                try:
                    await _tell(records, source, found)
                except TemporaryFailure as trouble:
                    log.debug("gauges cannot be recorded now: %s", trouble)
                else:
                    told, told_at = found, clock()
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        if any(told.values()):
            with suppress(TemporaryFailure):
                await asyncio.shield(_tell(records, source, {}))


async def _tell(records: GaugeRecords, source: str, found: Mapping[Gauge, int]) -> None:
    now = utc_now()
    await records.tell(source, {gauge: value for gauge, value in found.items() if value}, now, now + TRUE_FOR)
