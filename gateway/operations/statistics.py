"""What was counted: since the records began, and by hour and day (manual, chapter 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.records.history import Period
from gateway.records.port import Records


class Width(StrEnum):
    """How long a period is. Days are those of UTC."""

    HOUR = "hour"
    DAY = "day"


HOURS = {Width.HOUR: 1, Width.DAY: 24}

MOST_PERIODS = 1000
"""Periods that are told at once: six weeks of hours."""


async def statistics_by(records: Records, width: Width, since: datetime, until: datetime) -> Sequence[Period]:
    """All that was counted from `since` to `until`, oldest first; a period without anything is left out.

    `ValueError` when that is the wrong way round, or too long.
    """
    if since > until:
        raise ValueError("since is later than until")
    if (until - since) / timedelta(hours=HOURS[width]) > MOST_PERIODS:
        raise ValueError(f"at most {MOST_PERIODS} periods at once: ask for less time, or by day")
    return await records.history.counted(_begin(since, width), until, HOURS[width])


def _begin(at: datetime, width: Width) -> datetime:
    """The beginning of the period that `at` lies in."""
    seconds = HOURS[width] * 3600
    return at - timedelta(seconds=at.timestamp() % seconds)
