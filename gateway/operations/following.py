"""What happens to mail, told as it is recorded: each event once, in the order of time.

Processes write behind, so the newest moments are left to settle. What a database that was away gets still
later is in the journeys of its mail, and told here no more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.records.history import NamedStep, StepPlace
from gateway.records.port import Records

SETTLES = timedelta(seconds=2)
"""So long after it happened an event is told."""

AT_ONCE = 500

_NO_PLACE = "this is no id of an event"


@dataclass(frozen=True, slots=True)
class Happened:
    """Events, and the place behind which to go on."""

    events: Sequence[NamedStep]
    place: StepPlace
    more: bool  # there may be more at once


async def what_happened(records: Records, behind: StepPlace, now: datetime) -> Happened:
    """The next events behind a place, as far as they have settled by `now`."""
    until = now - SETTLES
    events = await records.history.steps(behind, until, AT_ONCE)
    if len(events) == AT_ONCE:
        return Happened(events, events[-1].place, more=True)
    return Happened(events, events[-1].place if events else behind, more=False)


def write_place(place: StepPlace) -> str:
    """A place as text without a meaning for anybody else."""
    told = json.dumps([place.at.isoformat(), place.mail_id, place.digest])
    return base64.urlsafe_b64encode(told.encode()).decode("ascii")


def read_place(text: str) -> StepPlace:
    """What `write_place` was given. `ValueError` for any other text."""
    try:
        told = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        at, mail_id, digest = told
        moment = datetime.fromisoformat(at)
    except (ValueError, TypeError, RecursionError) as problem:
        raise ValueError(_NO_PLACE) from problem
    known = (
        isinstance(mail_id, str)
        and mail_id.isprintable()
        and isinstance(digest, int)
        and moment.tzinfo is not None
    )
    if not known or not -1 <= digest < 1 << 32:
        raise ValueError(_NO_PLACE)
    return StepPlace(moment, mail_id, digest)
