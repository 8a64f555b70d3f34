"""What nobody could look at, by cause: how much of the mail passes with something in it unseen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.domain.journey import ScannedObject
from gateway.domain.policy import ObjectStatus
from gateway.domain.statistics import Counter

_BEGINNINGS = (
    ("more than ", Counter.UNSCANNED_LIMIT),
    ("larger than ", Counter.UNSCANNED_LIMIT),
    ("grows to ", Counter.UNSCANNED_LIMIT),
    ("too large ", Counter.UNSCANNED_LIMIT),
    ("Heuristics.Limits.", Counter.UNSCANNED_LIMIT),
    ("not done after ", Counter.UNSCANNED_TIME),
    ("scan timed out", Counter.UNSCANNED_TIME),
    ("timed out", Counter.UNSCANNED_TIME),
    ("scan crashed", Counter.UNSCANNED_CRASH),
    ("scan ran out of memory", Counter.UNSCANNED_CRASH),
    ("scan failed", Counter.UNSCANNED_CRASH),
    ("contains itself", Counter.UNSCANNED_STRUCTURE),
    ("entries overlap", Counter.UNSCANNED_STRUCTURE),
    ("nested too deep", Counter.UNSCANNED_STRUCTURE),
    ("too many parts", Counter.UNSCANNED_STRUCTURE),
    ("it can be read in too many ways", Counter.UNSCANNED_STRUCTURE),
    ("no way to open ", Counter.UNSCANNED_UNSUPPORTED),
    ("one of several volumes", Counter.UNSCANNED_INCOMPLETE),
    ("a fragment of a message", Counter.UNSCANNED_INCOMPLETE),
)
"""How causes begin (`docs/reference/objects.md`). All others are words of damage, or of an engine."""


def unseen(objects: Iterable[ScannedObject]) -> Iterator[Counter]:
    """The counter of each object that could not be looked at."""
    for found in objects:
        if found.status is ObjectStatus.PROTECTED:
            yield Counter.UNSCANNED_ENCRYPTED
        elif found.status is ObjectStatus.ERROR:
            yield _counter_of(found.cause)


def _counter_of(cause: str) -> Counter:
    """Before a cause stand the path inside the part, or the engine that says so."""
    said = cause.rpartition(": ")[2]
    return next(
        (counter for begins, counter in _BEGINNINGS if said.startswith(begins)), Counter.UNSCANNED_OTHER
    )
