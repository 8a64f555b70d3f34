"""Signs in Date, and in what the servers on the way wrote of the time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from gateway.domain.journey import Finding
from services.antispam.view import View

_ZONE = re.compile(r"([+-])(\d{2})(\d{2})\s*(?:\([^)]*\))?\s*$")
_NAMED = re.compile(r"(?:GMT|UTC?|[ECMP][SD]T|Z)\s*(?:\([^)]*\))?\s*$", re.IGNORECASE)
_FORM = re.compile(
    r"\s*(?:(?:mon|tue|wed|thu|fri|sat|sun),\s*)?\d{1,2}\s+[a-z]{3}\s+\d{2,4}\s+\d{1,2}:\d{2}(?::\d{2})?\b",
    re.IGNORECASE,
)

LATE = timedelta(days=4)
"""Servers try that long; older mail was held back or is dated falsely."""

EARLY = timedelta(hours=3)
"""Clocks and zones are wrong by that much in honest mail."""


def dates(view: View) -> Iterator[Finding]:
    """Findings about when the message says that it was written."""
    if not view.has("date"):
        yield Finding("date.missing", "there is no Date")
        return
    text = view.value("date")
    if view.count("date") > 1:
        yield Finding("date.several", "there is more than one Date")
    written = read_date(text)
    if written is None:
        yield Finding("date.invalid", f"Date cannot be read: {text[:60]!r}")
        return
    if not _FORM.match(text):
        yield Finding("date.form", f"Date is not written as the standard asks: {text[:60]!r}")
    zone = _ZONE.search(text)
    if zone is None and not _NAMED.search(text):
        yield Finding("date.no_zone", f"Date has no time zone: {text[:60]!r}")
    elif zone and (int(zone[2]) > 14 or int(zone[3]) not in (0, 30, 45)):
        yield Finding("date.zone", f"no place has the time zone of Date, {zone[0].strip()}")
    arrived = _arrival(view)
    if arrived and written - arrived > EARLY:
        yield Finding("date.future", f"Date is {_span(written - arrived)} ahead of when the message came")
    elif arrived and arrived - written > LATE:
        yield Finding("date.past", f"Date is {_span(arrived - written)} before the message came")


@lru_cache(maxsize=1024)
def read_date(text: str) -> datetime | None:
    """A moment in UTC, or None when the text tells none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _arrival(view: View) -> datetime | None:
    """When the last server before us had the message, as it wrote itself."""
    for value in view.values("received", most=2):
        if moment := read_date(value.rpartition(";")[2].strip()):
            return moment
    return None


def _span(length: timedelta) -> str:
    return f"{length.days} days" if length.days else f"{length.seconds // 3600} hours"
