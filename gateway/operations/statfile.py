"""Writing the statistics file: what the manual's `stats` does."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from gateway.domain.pipeline import QueueState
from gateway.domain.statfile import Statistics, file_text
from gateway.records.port import PARKED, Records


async def statistics_of(records: Records, began_at: datetime | None, launch: str = "") -> Statistics:
    """What the processes of a launch that began then count; without one, all since the records began."""
    states = await records.counts()
    return Statistics(
        began_at=began_at or await records.counting_began() or datetime.now(UTC),
        counted=await records.statistics(launch),
        present=await records.gauges.known(datetime.now(UTC), launch),
        stored=sum(states.get(state, 0) for state in (*QueueState, PARKED)),
    )


def write_statistics(statistics: Statistics, path: Path, now: datetime) -> None:
    """Write the file: whoever reads it sees the old one or the new one, whole. Raises `OSError`."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(file_text(statistics, now))
    new.replace(path)
