"""What is true of all processes together, as the worlds outside tell it: queue, outages, databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

from gateway.bases.usage import status_of_bases
from gateway.blobs.port import Blobs
from gateway.bus.port import Bus
from gateway.domain.licence import Standing
from gateway.domain.pipeline import Module, QueueState, Stage
from gateway.metrics.catalogue import (
    BASES_MADE,
    BASES_RECORDS,
    LICENCE_ENDS,
    OTHER,
    OUTAGES,
    QUEUE,
    QUEUE_AGE,
    ROOM,
    SUSPENDED,
    WAITING,
)
from gateway.metrics.family import Collected, Sample
from gateway.records.port import PARKED, OutageRecords, Records

OUTAGE_KINDS = ("block list", "clamd", "greylist", "next hop")
"""How the subjects of outages begin. Which one it is stands in the status."""

Found = Iterable[Collected]


class Licensed(Protocol):
    """Who knows what the keys of the site come to."""

    standing: Standing


async def mail_on_its_way(records: Records, now: Callable[[], datetime]) -> Found:
    """How much mail there is in each state, and how old the oldest of it is."""
    found, at = await records.queued(), now()
    states = (*QueueState, PARKED)
    ages = {state: (at - queued.oldest_at).total_seconds() for state, queued in found.items()}
    return (
        Collected(QUEUE, [Sample(found[state].mails if state in found else 0, (state,)) for state in states]),
        Collected(QUEUE_AGE, [Sample(max(0.0, ages.get(state, 0.0)), (state,)) for state in states]),
    )


async def waiting(bus: Bus) -> Found:
    """How much mail is ready for each stage."""
    depth = await bus.depth()
    return (Collected(WAITING, [Sample(depth.get(stage, 0), (stage,)) for stage in Stage]),)


async def orders(records: Records) -> Found:
    """What operators suspended."""
    suspended = await records.suspended()
    return (Collected(SUSPENDED, [Sample(module in suspended, (module,)) for module in Module]),)


async def outages(records: OutageRecords, now: Callable[[], datetime]) -> Found:
    """How much is out of order outside, by kind."""
    numbers = dict.fromkeys((*OUTAGE_KINDS, OTHER), 0)
    for outage in await records.known(now()):
        numbers[next((kind for kind in OUTAGE_KINDS if outage.subject.startswith(kind)), OTHER)] += 1
    return (Collected(OUTAGES, [Sample(number, (kind,)) for kind, number in numbers.items()]),)


async def licence(licensing: Licensed) -> Found:
    """How long the licence is good: to the end of its last day."""
    active = licensing.standing.active
    ends = datetime.combine(active.last_day() + timedelta(days=1), time(), UTC).timestamp() if active else 0
    return (Collected(LICENCE_ENDS, [Sample(ends)]),)


async def bases_in_use(place: Path) -> Found:
    """How old the databases are, and how much they know."""
    bases = await asyncio.to_thread(status_of_bases, place)
    return (
        Collected(BASES_MADE, [Sample(b.made_at.timestamp(), (b.family,)) for b in bases if b.made_at]),
        Collected(BASES_RECORDS, [Sample(b.records, (b.family,)) for b in bases]),
    )


async def room(blobs: Blobs) -> Found:
    """How much room is left for bodies."""
    free = await blobs.free_bytes()
    return (Collected(ROOM, [] if free is None else [Sample(free)]),)
